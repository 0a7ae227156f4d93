"""`eligen chat` and `eligen sessions` from end to end, on a model of random weights and mini's form."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from scripted import Planner, Sketcher

from eligen.assistant.cli import main
from eligen.assistant.commands.talking import Script, perform
from eligen.assistant.session import Session

FAST = ("--size", "64x64", "--steps", "1", "--seed", "5", "--no-critic")
TALK = ("a red cat to the left of a blue dog", "thanks", "make the cat green")
Chat = Callable[..., tuple[list[str], list[str]]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with sessions of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def chat(tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]) -> Chat:
    """Return a function that runs a chat on the tiny model and returns its (stdout, stderr) lines."""

    def run(*args: str) -> tuple[list[str], list[str]]:
        assert main(["chat", *args, *FAST, "--model-dir", str(tiny_model_dir)]) == 0
        shown = capsys.readouterr()
        return shown.out.splitlines(), shown.err.splitlines()

    return run


def write_script(*lines: Any) -> None:
    Path("talk.jsonl").write_text("".join(json.dumps({"user": x} if isinstance(x, str) else x) + "\n" for x in lines))


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def records(folder: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_script_leaves_a_picture_and_a_record_a_message(chat: Chat):
    write_script(*TALK)
    chat("--script", "talk.jsonl", "--out", "new/out")
    assert [name for name in names("new/out") if not name.startswith("03.mask")] == [
        *("01.json", "01.png", "02.json", "02.png", "03.json", "03.png")
    ]
    first, second, third = records("new/out")
    assert [record["user"] for record in (first, second, third)] == list(TALK)
    assert [record["tools"] for record in (first, second, third)] == [["generate"], [], ["inpaint"]]
    assert Path("new/out/01.png").read_bytes() == Path("new/out/02.png").read_bytes()
    assert [entity["prompt"] for entity in third["entities"]] == ["a green cat", "a blue dog"]
    assert third["entities"][1] == first["entities"][1]
    assert (third["error"], third["question"], third["seed"], third["version"]) == (None, None, 5, 2)
    with Image.open("new/out/03.png") as after, Image.open("new/out/01.png") as before:
        difference = ImageChops.difference(before.convert("RGB"), after.convert("RGB"))
    with Image.open("new/out/03.mask.png") as mask:
        difference.paste((0, 0, 0), mask=mask.convert("L"))
    assert difference.getbbox() is None


def test_a_script_without_a_session_is_a_fresh_one_and_with_one_goes_on(chat: Chat):
    write_script("a red cat")
    for out in ("a", "b"):
        chat("--script", "talk.jsonl", "--out", out)
    assert Path("a/01.png").read_bytes() == Path("b/01.png").read_bytes()
    assert [record["version"] for record in (*records("a"), *records("b"))] == [1, 1]
    chat("--script", "talk.jsonl", "--out", "c", "--session", "mine")
    chat("--script", "talk.jsonl", "--out", "d", "--session", "mine")
    assert records("d")[0]["version"] == 2


def test_a_session_keeps_its_preset(chat: Chat, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]):
    for options in (("--preset", "fast"), (), ("--preset", "balanced")):
        write_script("make the cat green" if options == () else "a red cat and a blue dog")
        chat("--script", "talk.jsonl", "--out", "out", "--session", "mine", *options)
    with Session.open("mine", planner=Planner(), painter=Sketcher()) as session:
        requests = [version.requests[0] for version in session.history.versions]
    assert [request.preset for request in requests] == ["fast", "fast", "balanced"]
    assert main(["chat", "--preset", "quick", "--model-dir", str(tiny_model_dir)]) == 2
    assert "unknown --preset 'quick': known are exact, balanced, fast" in capsys.readouterr().err


def test_the_first_picture_cannot_be_undone(chat: Chat):
    write_script("a red cat", "undo")
    chat("--script", "talk.jsonl", "--out", "out")
    first, same = records("out")
    assert first["painted"]
    assert not same["painted"]
    assert (same["entities"], same["version"], same["error"]) == (first["entities"], 1, None)
    assert Path("out/01.png").read_bytes() == Path("out/02.png").read_bytes()


def test_an_undo_says_when_it_could_not_go_as_far_as_asked(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    typed(monkeypatch, TALK[0], TALK[2], "/undo 2", "/redo 2", "/undo 99", "/undo 9")
    out, err = chat()
    assert [line.removeprefix("> ") for line in out if "went back" in line] == ["went back 2 of 99 steps"]
    assert "note: there is nothing to undo" in err


def test_before_the_first_picture_there_is_an_empty_canvas():
    write_script("remove the cat", "a red cat and a blue dog")
    script = Script.read(Path("talk.jsonl"), Path("out"))
    with Session.open(planner=Planner(), painter=Sketcher(), size=(64, 64)) as session:
        perform(session, script)
    first, second = records("out")
    assert (first["error"], first["entities"], first["version"]) == ("there is no picture yet to change", [], 0)
    assert second["version"] == 1
    with Image.open("out/01.png") as image:
        assert image.getcolors() == [(64 * 64, (255, 255, 255))]


def test_a_question_repeats_the_picture_and_the_next_line_answers(chat: Chat):
    write_script("a red cat and a blue cat", "remove the cat", "the blue one")
    chat("--script", "talk.jsonl", "--out", "out")
    first, asked, answered = records("out")
    assert first["question"] is None
    assert asked["question"]
    assert asked["entities"] == first["entities"]
    assert Path("out/01.png").read_bytes() == Path("out/02.png").read_bytes()
    assert [entity["prompt"] for entity in answered["entities"]] == ["a red cat"]


BAD_LINES = [
    '{"user": ""}',
    '{"user": " \\n"}',
    '{"text": "a cat"}',
    '{"user": "a cat", "more": 1}',
    '{"user": 3}',
    "[]",
    "a cat",
    '{"user": "a cat", "attach": "x.png"}',
    '{"user": "a cat", "attach": ["missing.png"]}',
    '{"user": "a cat", "attach": ["talk.jsonl"]}',
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_malformed_line_is_refused_before_anything_is_painted(line: str, capsys: pytest.CaptureFixture[str]):
    Path("talk.jsonl").write_text('{"user": "a cat"}\n\n' + line + "\n")
    assert main(["chat", "--script", "talk.jsonl", "--out", "out"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("eligen: talk.jsonl, line 3: ")
    assert not Path("out").exists()
    assert not Path("home").exists()


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("--script", "talk.jsonl"), "belong together"),
        (("--out", "out"), "belong together"),
        (("--script", "missing.jsonl", "--out", "out"), "no file at"),
        (("--script", "empty.jsonl", "--out", "out"), "holds no message"),
        (("--script", "talk.jsonl", "--out", "talk.jsonl"), "cannot write"),
        (("--script", "talk.jsonl", "--out", "full"), "07.png is of another run"),
        (("--session", "../x"), "cannot name a session"),
        (("--size", "7x7"), "--size"),
        (("--profile", "maxi"), "unknown profile"),
        (("--planner", "oracle"), "planner"),
    ],
)
def test_bad_options_are_refused_in_one_line(args: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]):
    write_script("a cat")
    Path("empty.jsonl").write_text("\n")
    Path("full").mkdir()
    Path("full/07.png").touch()
    assert main(["chat", *args]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert why in said
    assert not Path("home").exists()


def test_a_typed_conversation(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    typed(
        monkeypatch, TALK[0], "", TALK[2], "/undo", "/redo 1", "/goto 1", "/versions", "/export s.zip", "/help", "/quit"
    )
    out, err = chat("--session", "mine")
    assert out[0] == "session mine  (64x64, seed 5; /help for help)"
    lies = [line for line in out if ": /" in line]
    assert [line.partition(":")[0].removeprefix("> ") for line in lies] == [f"version {n}" for n in (1, 2, 1, 2, 1)]
    assert all(Path(line.partition(": ")[2]).is_file() for line in lies)
    assert [line.split()[:2] for line in out if "  from " in line] == [[">", "*"], ["2", "from"]]
    assert Path("s.zip").is_file()
    assert any("/attach" in line for line in out)
    assert not [line for line in err if "Traceback" in line]


def test_what_is_wrong_in_a_typed_conversation_is_said_and_it_goes_on(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    wrong = ("/undo", "/goto", "/goto x", "/goto 9", "/undo -1", "/fly", "/export", "/attach missing.png", "x" * 20_000)
    wrong += ("/undo 0", "/redo 0", "/goto 1_0", f"/goto {'9' * 5000}", "/attach ~nobody-here/a.png", "/export .")
    wrong += ("/export /", "/export ..", "/export no/such/folder.zip", "/export ~nobody-here/x.zip")
    typed(monkeypatch, *wrong, "a red cat")
    out, err = chat()
    assert len([line for line in err if line.startswith("note: ")]) >= len(wrong)
    assert any("version 1: " in line for line in out)


def test_a_session_goes_on_where_it_was(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    typed(monkeypatch, "a red cat and a blue cat", "remove the cat")
    chat("--session", "mine")
    typed(monkeypatch, "the blue one")
    out, _ = chat("--session", "mine")
    assert any("?" in line for line in out[1:2])  # the open question, again
    assert any("version 2: " in line for line in out)


def test_pictures_are_attached_to_the_next_message(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    Image.new("RGB", (8, 8), "red").save("x.png")
    typed(monkeypatch, "/attach x.png", "a red cat")
    chat("--session", "mine")
    write_script({"user": "thanks", "attach": ["x.png"]})
    chat("--session", "mine", "--script", "talk.jsonl", "--out", "out")
    assert main(["sessions", "export", "mine", "s.zip"]) == 0
    import zipfile

    with zipfile.ZipFile("s.zip") as archive:
        first, second = json.loads(archive.read("session.json"))["turns"]
    assert first["attachments"] == second["attachments"]


def test_a_conversation_may_begin_with_a_picture(chat: Chat, monkeypatch: pytest.MonkeyPatch):
    Image.new("RGB", (64, 64), "red").save("x.png")
    write_script({"user": "", "attach": ["x.png"]}, "add a cat on the left")
    chat("--script", "talk.jsonl", "--out", "out")
    first, second = records("out")
    assert (first["version"], first["painted"], first["tools"]) == (1, False, [])
    assert (second["version"], second["painted"], second["tools"]) == (2, True, ["inpaint"])
    with Image.open("out/01.png") as image:
        assert image.getcolors() == [(64 * 64, (255, 0, 0))]
    typed(monkeypatch, "/attach x.png", "")
    out, _ = chat()
    assert any("version 1: " in line for line in out)


def test_sessions_come_and_go(chat: Chat, capsys: pytest.CaptureFixture[str]):
    write_script("a red cat")
    chat("--script", "talk.jsonl", "--out", "out", "--session", "one")
    for args, said in (
        (("export", "one", "s.zip"), ["s.zip"]),
        (("import", "s.zip", "--name", "two"), ["two"]),
        (("rename", "one", "three"), []),
        (("delete", "three"), []),
        ((), ["two"]),
    ):
        assert main(["sessions", *args]) == 0
        assert capsys.readouterr().out.splitlines() == said
    os.mkfifo("pipe")
    for args in (
        ("import", "s.zip", "--name", "two"),
        ("export", "two", "pipe"),
        ("export", "none", "x.zip"),
        ("delete", "three"),
        ("import", "no.zip"),
    ):
        assert main(["sessions", *args]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
