"""Bad input is refused with exit code 2 and one line, before any model is loaded and with nothing painted."""

import json
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from eligen.assistant.cli import main

LINE: dict[str, Any] = {"id": "a", "prompt": "a cat", "width": 128, "height": 128, "seed": 1}
CAT: dict[str, Any] = {"prompt": "a cat", "box": [0.1, 0.1, 0.9, 0.9]}


def entity(**change: Any) -> dict[str, Any]:
    return {"entities": [CAT | change]}


def png_claiming(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header announces a picture of that size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, with images good and bad in it."""
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((64, 64), 50).save("plain.png")
    Path("truncated.png").write_bytes(Path("plain.png").read_bytes()[:700])
    Path("bomb.png").write_bytes(png_claiming(60_000, 60_000))
    Path("text.png").write_text("not a picture")
    Path("layout.json").write_text(json.dumps({"prompt": "a cat", **entity()}))
    Path("lora.safetensors").write_bytes(b"")
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Run a command that must be refused; return its one line on stderr."""
    before = sorted(Path().rglob("*"))
    assert main(args) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("eligen: ")
    assert shown.err.count("\n") == 1
    assert [path for path in sorted(Path().rglob("*")) if path not in before and path.suffix == ".png"] == []
    return shown.err


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["", "--out", "x.png"], "prompt is empty"),
        ([" \t\n", "--out", "x.png"], "prompt is empty"),
        (["\x01\x1b", "--out", "x.png"], "prompt is empty"),
        (["a cat"], "--out"),
        (["--out", "x.png"], "Missing argument 'prompt'"),
        (["a cat", "--out", "x.png", "--size", "250x128"], "multiple of 16"),
        (["a cat", "--out", "x.png", "--size", "0x0"], "multiple of 16"),
        (["a cat", "--out", "x.png", "--size", "48x48"], "from 64 to 2048"),
        (["a cat", "--out", "x.png", "--size", "100000x100000"], "from 64 to 2048"),
        (["a cat", "--out", "x.png", "--size", "128"], "WxH"),
        (["a cat", "--out", "x.png", "--size", "-128x128"], "WxH"),
        (["a cat", "--out", "x.png", "--size", "\x1b[31mxx"], "WxH"),
        (["a cat", "--out", "x.png", "--seed", "-1"], "--seed"),
        (["a cat", "--out", "x.png", "--seed", "9223372036854775808"], "seed"),
        (["a cat", "--out", "x.png", "--seed", "9223372036854775807", "--n", "2"], "seed"),
        (["a cat", "--out", "x.png", "--seed", "one"], "--seed"),
        (["a cat", "--out", "x.png", "--n", "0"], "--n"),
        (["a cat", "--out", "x.png", "--n", "1000000000"], "--n"),
        (["a cat", "--out", "x.png", "--steps", "0"], "--steps"),
        (["a cat", "--out", "x.png", "--steps", "100000"], "--steps"),
        (["a cat", "--out", "x.png", "--profile", "minni"], "unknown profile 'minni'.*mini"),
        (["a cat", "--out", "x.png", "--planner", "oracle"], "unknown planner 'oracle'"),
        (["a cat", "--out", "x.png", "--model-dir", "nowhere"], "no model folder at nowhere"),
        (["a cat", "--out", "x.png", "--lora-file", "nowhere"], "no LoRA file at nowhere"),
        (["a cat", "--out", "x.png", "--colour", "red"], "--colour"),
        (["a cat", "--out", "x.jpg"], "must end in .png"),
        (["a cat", "--out", "missing/x.png"], "no folder missing"),
        (["a cat", "--out", "plain.png/x.png"], "no folder plain.png"),
        (["a cat", "--out", "/proc/x.png"], "cannot write"),
        (["a cat", "--out", "x" * 300 + ".png"], "cannot write"),
        (["a cat", "--out", "x.png", "--layout", "missing.json"], "missing.json"),
        (["a cat", "--out", "x.png", "--layout", "plain.png"], "plain.png"),
        (["a cat", "--out", "x.png", "--layout", "."], "cannot read"),
    ],
)
def test_design_refuses(folder: Path, capsys: pytest.CaptureFixture[str], args: list[str], reason: str):
    assert re.search(reason, refused(capsys, "design", *args))


BAD_LAYOUTS = [
    ("[]", "not a JSON object"),
    ("{", "not JSON"),
    (json.dumps({"entities": [{"prompt": "a cat"}]}), "'entities.0.box' is missing"),
    (json.dumps(entity(box=[0.5, 0, 0.4, 1])), "is empty: x1 must exceed x0"),
    (json.dumps(entity(box=[0, 0, 1, 1.5])), "less than or equal to 1"),
    (json.dumps(entity(prompt="")), "a prompt is empty"),
    (json.dumps(entity(mask="truncated.png")), "truncated.png"),
    (json.dumps({"entities": [CAT | {"id": "cat-1"}] * 2}), "ids repeat: cat-1"),
    (json.dumps({"schema_version": 99}), "schema_version"),
    (json.dumps({"colour": "red"}), "colour"),
]


@pytest.mark.parametrize(("text", "reason"), BAD_LAYOUTS)
def test_design_refuses_a_bad_layout(folder: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str):
    Path("bad.json").write_text(text)
    assert reason in refused(capsys, "design", "a cat", "--out", "x.png", "--layout", "bad.json")


@pytest.mark.parametrize("file", ["x.png", "x.json", "x.layout.png"])
def test_design_refuses_when_a_file_it_writes_is_a_folder(folder: Path, capsys: pytest.CaptureFixture[str], file: str):
    Path(file).mkdir()
    assert "it is a folder" in refused(capsys, "design", "a cat", "--out", "x.png")


def test_what_is_no_regular_file_is_never_written_over(folder: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("x.png", "y.json", "a.png", "pipe", "01.png"):
        os.mkfifo(name)
    Path("in.jsonl").write_text('{"id": "a", "turns": ["a cat"]}\n')
    Path("lines.jsonl").write_text(json.dumps(LINE) + "\n")
    Path("talk.jsonl").write_text('{"user": "a cat"}\n')
    for args in (
        ("design", "a cat", "--out", "x.png"),
        ("design", "a cat", "--out", "y.png"),
        ("render", "--input", "lines.jsonl", "--out", "."),
        ("plan", "--input", "in.jsonl", "--output", "pipe"),
        ("chat", "--script", "talk.jsonl", "--out", "."),
    ):
        assert "it is not a regular file" in refused(capsys, *args)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"prompt": ""}, "prompt: a prompt is empty"),
        ({"prompt": "\x00\x07"}, "prompt: a prompt is empty"),
        ({"width": 250}, "width: Input should be a multiple of 16"),
        ({"height": 1_000_000}, "height"),
        ({"seed": -1}, "seed"),
        ({"id": "../climbs"}, "id"),
        ({"id": "/etc/x"}, "id"),
        ({"id": ".."}, "id"),
        ({"id": ".hidden"}, "id"),
        ({"id": "a" * 65}, "id"),
        ({"colour": "red"}, "unknown field 'colour'"),
        (entity(colour="red"), "unknown field 'entities.0.colour'"),
        (entity(box=[-0.1, 0, 1, 1]), "entities.0.box.x0"),
        (entity(box=[0, 0, 2, 1]), "entities.0.box.x1"),
        (entity(box=[1, 1, 0, 0]), "is empty"),
        (entity(box=[0.5, 0.5, 0.5, 0.9]), "is empty"),
        (entity(box=[0, 0, 1]), "4 numbers"),
        (entity(prompt=" "), "entities.0.prompt: a prompt is empty"),
        ({"entities": [CAT, {"box": [0, 0, 1, 1], "mask": "plain.png"}]}, "field 'entities.1.prompt' is missing"),
        (entity(mask="truncated.png"), "truncated.png"),
        (entity(mask="bomb.png"), "too large"),
        (entity(mask="text.png"), "not an image"),
        (entity(mask="missing.png"), "no image"),
        (entity(mask="."), "no image"),
        ({"control": "some"}, "control"),
        ({"profile": "maxi"}, "unknown profile 'maxi'"),
    ],
)
def test_render_refuses_the_whole_file(
    folder: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], reason: str
):
    lines = [LINE | {"id": "first"}, LINE | change]
    Path("in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    message = refused(capsys, "render", "--input", "in.jsonl", "--out", "out")
    assert reason in message
    assert "in.jsonl, line 2" in message


@pytest.mark.parametrize("line", ["{", "null", "[]", '"a cat"', "{'id': 'a'}", '{"seed": NaN}', "[" * 99_999, "\x00"])
def test_render_refuses_malformed_lines(folder: Path, capsys: pytest.CaptureFixture[str], line: str):
    Path("in.jsonl").write_text(json.dumps(LINE) + "\n" + line)
    assert "in.jsonl, line 2" in refused(capsys, "render", "--input", "in.jsonl", "--out", "out")


def test_render_refuses_two_lines_of_one_id(folder: Path, capsys: pytest.CaptureFixture[str]):
    Path("in.jsonl").write_text("\n".join([json.dumps(LINE)] * 2))
    assert "id 'a' is that of an earlier line too" in refused(capsys, "render", "--input", "in.jsonl", "--out", "out")


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["--input", "missing.jsonl", "--out", "out"], "no file at missing.jsonl"),
        (["--input", "plain.png", "--out", "out"], "carries no layout"),
        (["--input", "truncated.png", "--out", "out"], "truncated.png"),
        (["--input", "bomb.png", "--out", "out"], "too large"),
        (["--input", "text.png", "--out", "out"], "not an image"),
        (["--input", "lora.safetensors", "--out", "out"], "neither"),
        (["--input", ".", "--out", "out"], "neither"),
        (["--input", "good.jsonl", "--out", "plain.png"], "cannot write to plain.png"),
        (["--input", "good.jsonl", "--out", "plain.png/out"], "cannot write to plain.png/out"),
        (["--input", "good.jsonl", "--out", "/proc/out"], "cannot write to /proc/out"),
        (["--input", "good.jsonl", "--out", "out", "--control", "full"], "'--control': 'full' is not one of"),
        (["--input", "good.jsonl", "--out", "out", "--profile", "maxi"], "unknown profile 'maxi'"),
        (["--input", "good.jsonl"], "--out"),
        (["--out", "out"], "--input"),
    ],
)
def test_render_refuses(folder: Path, capsys: pytest.CaptureFixture[str], args: list[str], reason: str):
    Path("good.jsonl").write_text(json.dumps(LINE))
    assert reason in refused(capsys, "render", *args)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ([""], "prompt is empty"),
        ([], "write either"),
        (["a cat", "--input", "in.jsonl"], "write either"),
        (["--input", "in.jsonl"], "write either"),
        (["--input", "in.jsonl", "--output", "out.jsonl", "--explain"], "write either"),
        (["--input", "missing.jsonl", "--output", "out.jsonl"], "missing.jsonl"),
        (["--input", "in.jsonl", "--output", "missing/out.jsonl"], "no folder missing"),
        (["--input", "in.jsonl", "--output", "out.jsonl", "--planner", "oracle"], "unknown planner"),
    ],
)
def test_plan_refuses(folder: Path, capsys: pytest.CaptureFixture[str], args: list[str], reason: str):
    Path("in.jsonl").write_text('{"id": "a", "turns": ["a cat"]}\n')
    assert reason in refused(capsys, "plan", *args)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"turns": ["a cat"]}',
        '{"id": "b"}',
        '{"id": "b", "turns": "a cat"}',
        '{"id": "b", "turns": [7]}',
        '{"id": "b", "turns": ["a cat"], "seed": 1}',
    ],
)
def test_plan_refuses_malformed_lines(folder: Path, capsys: pytest.CaptureFixture[str], line: str):
    Path("in.jsonl").write_text('{"id": "a", "turns": ["a cat"]}\n' + line + "\n")
    assert "line 2" in refused(capsys, "plan", "--input", "in.jsonl", "--output", "out.jsonl")
    assert not Path("out.jsonl").exists()


@pytest.mark.parametrize("args", [["paint"], ["--colour"], ["models", "list"], ["models", "vocabulary", "--xml"]])
def test_unknown_words_are_refused(folder: Path, capsys: pytest.CaptureFixture[str], args: list[str]):
    assert args[-1] in refused(capsys, *args)


def test_the_program_itself_exits_with_2_and_no_traceback(folder: Path):
    run = subprocess.run(
        [sys.executable, "-c", "import sys; from eligen.assistant.cli import main; sys.exit(main())", "design", ""],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
