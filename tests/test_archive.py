"""Sessions as one file: everything comes back, and nothing comes in that is not a session."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from scripted import WHICH, Namer, Sketcher

from eligen.assistant import archive
from eligen.assistant.archive import export_session, import_session
from eligen.assistant.session import Session
from eligen.assistant.store import Store, list_sessions, session_folder, sessions_folder
from eligen.tools.errors import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def open_session(name: str) -> Session:
    return Session.open(name, planner=Namer(), painter=Sketcher(), size=(64, 64), seed=7)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A session of edits, an undo, an attachment and an open question, as a file."""
    Image.new("RGB", (8, 8), "red").save(tmp_path / "attached.png")
    with open_session("s") as session:
        for text in ("a red cat and a blue dog", "make the cat green", "undo", "make the dog pink"):
            session.send(text)
        session.send("remove it", [tmp_path / "attached.png"])
        session.export(tmp_path / "s.zip")
    return tmp_path / "s.zip"


def remade(path: Path, change: Callable[[dict[str, bytes]], Any]) -> Path:
    """Return a copy of an archive whose files were changed."""
    with zipfile.ZipFile(path) as source:
        files = {name: source.read(name) for name in source.namelist()}
    change(files)
    with zipfile.ZipFile(path.with_name("bad.zip"), "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return path.with_name("bad.zip")


def edited(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Return a copy of an archive whose record was changed."""

    def apply(files: dict[str, bytes]) -> None:
        record = json.loads(files["session.json"])
        change(record)
        files["session.json"] = json.dumps(record).encode()

    return remade(path, apply)


def test_everything_comes_back(exported: Path):
    assert import_session(exported, "t") == "t"
    with open_session("s") as one, open_session("t") as other:
        assert (other.history, other.turns, other.settings) == (one.history, one.turns, one.settings)
        assert other.question == WHICH
        for version in one.history.versions:
            assert one.picture_of(version.id).read_bytes() == other.picture_of(version.id).read_bytes()
        assert other.answer("the cat").reply == "Done with the cat."
        assert other.undo(1).id == 3
    again = exported.with_name("again.zip")
    with Store(session_folder("s")) as store:
        export_session(store, again)
    assert again.read_bytes() == exported.read_bytes()


@pytest.mark.parametrize("name", [".", "..", "/", "folder"])
def test_an_archive_cannot_take_the_place_of_a_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with open_session("s") as session, pytest.raises(UserError, match="it is a folder"):
        session.export(Path(name))


def test_an_archive_takes_the_place_of_files_alone(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with open_session("s") as session:
        for name in ("pipe", "link"):
            with pytest.raises(UserError, match="it is not a regular file"):
                session.export(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "link", "pipe"]


def test_a_session_that_never_began_is_told_how_to(tmp_path: Path):
    with Store(session_folder("s")) as store, pytest.raises(UserError, match="open it once with `eligen chat"):
        export_session(store, tmp_path / "s.zip")
    assert not (tmp_path / "s.zip").exists()
    with open_session("s") as session:
        session.export(tmp_path / "s.zip")
    assert import_session(tmp_path / "s.zip", "t") == "t"


def test_an_archive_holds_no_path_and_no_environment(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with zipfile.ZipFile(exported) as source:
        record = source.read("session.json")
        assert all(name == "session.json" or name.startswith("pictures/") for name in source.namelist())
    assert str(tmp_path).encode() not in record
    assert set(json.loads(record)) == {"format", "schema_version", "name", "settings", "history", "turns"}


def test_an_import_takes_the_name_it_had_and_never_overwrites(exported: Path):
    with pytest.raises(UserError, match="a session 's' already"):
        import_session(exported)
    session_folder("s").rename(session_folder("kept"))
    assert import_session(exported) == "s"
    assert sorted(list_sessions()) == ["kept", "s"]
    with pytest.raises(UserError, match="cannot name a session"):
        import_session(exported, "../s")
    with pytest.raises(UserError, match="cannot name a session"):
        import_session(edited(exported, lambda record: record.update(name="../../x")))


def a_picture(files: dict[str, bytes]) -> str:
    return next(name for name in files if name.startswith("pictures/"))


BAD_FILES: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "traversal": (lambda files: files.update({"../../evil.png": b"x"}), "which no session has"),
    "absolute": (lambda files: files.update({"/tmp/evil.png": b"x"}), "which no session has"),
    "backslash": (lambda files: files.update({"pictures\\..\\evil": b"x"}), "which no session has"),
    "database": (lambda files: files.update({"session.sqlite": b"x"}), "which no session has"),
    "folder": (lambda files: files.update({"pictures/": b""}), "which no session has"),
    "no record": (lambda files: files.pop("session.json"), "has no session.json"),
    "record is no JSON": (lambda files: files.update({"session.json": b"{"}), "session.json: "),
    "record is no object": (lambda files: files.update({"session.json": b"[]"}), "session.json: "),
    "picture missing": (lambda files: files.pop(a_picture(files)), "lacks the picture"),
    "picture changed": (lambda files: files.update({a_picture(files): b"other"}), "has been changed"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_refused_and_leave_nothing(exported: Path, case: str):
    change, why = BAD_FILES[case]
    refused(remade(exported, change), why)


def refused(path: Path, why: str) -> None:
    with pytest.raises(UserError, match=why) as error:
        import_session(path, "t")
    assert "\n" not in str(error.value)
    assert [folder.name for folder in sessions_folder().iterdir()] == ["s"]


BAD_RECORDS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another format": (lambda record: record.update(format="other"), "format"),
    "newer": (lambda record: record.update(schema_version=2), "schema_version"),
    "unknown field": (lambda record: record.update(key="sk-123"), "unknown field 'key'"),
    "head nowhere": (lambda record: record["history"].update(head=9), "not on the branch"),
    "versions with a gap": (lambda record: record["history"]["versions"].pop(0), "without gaps"),
    "turns with a gap": (lambda record: record["turns"].pop(0), "without gaps"),
    "turn to nowhere": (lambda record: record["turns"][0].update(version=99), "no version 99"),
    "path for a picture": (lambda record: record["history"]["versions"][0].update(picture="../x"), "picture"),
    "path for a mask": (
        lambda record: record["history"]["versions"][0]["layout"]["entities"][0].update(mask="/etc/passwd"),
        "lacks the picture '/etc/passwd'",
    ),
    "path for an image": (
        lambda record: record["history"]["versions"][1]["requests"][0].update(image="../../x.png"),
        "lacks the picture '../../x.png'",
    ),
}


@pytest.mark.parametrize("case", BAD_RECORDS)
def test_bad_records_are_refused_and_leave_nothing(exported: Path, case: str):
    change, why = BAD_RECORDS[case]
    refused(edited(exported, change), why)


def test_files_that_are_no_archives_are_refused(exported: Path, tmp_path: Path):
    cut = tmp_path / "cut.zip"
    cut.write_bytes(exported.read_bytes()[:-100])
    refused(cut, "not a session that can be read")
    refused(tmp_path / "missing.zip", "no file at")
    refused(tmp_path, "not a session that can be read")
    flipped = bytearray(exported.read_bytes())
    flipped[200] ^= 255
    cut.write_bytes(flipped)
    refused(cut, "not a session that can be read")


def test_links_and_repeated_names_are_refused(exported: Path, tmp_path: Path):
    with zipfile.ZipFile(exported) as source, zipfile.ZipFile(tmp_path / "link.zip", "w") as target:
        for file in source.infolist():
            if file.filename.startswith("pictures/"):
                file.external_attr = (stat.S_IFLNK | 0o777) << 16
            target.writestr(file, source.read(file.filename))
    refused(tmp_path / "link.zip", "holds a link")
    with zipfile.ZipFile(exported, "a") as target, pytest.warns(UserWarning, match="Duplicate"):
        target.writestr("session.json", "{}")
    refused(exported, "a file twice")


def test_bombs_are_refused_before_they_are_unpacked(exported: Path, monkeypatch: pytest.MonkeyPatch):
    def fill(files: dict[str, bytes]) -> None:
        files[f"pictures/{'0' * 64}.png"] = bytes(3 * 10**6)

    bomb = remade(exported, fill)
    monkeypatch.setattr(archive, "MOST_PICTURE_BYTES", 10**6)
    refused(bomb, "larger than 1 MB")
    monkeypatch.setattr(archive, "MOST_BYTES", 2 * 10**6)
    refused(bomb, "too large")
    monkeypatch.setattr(archive, "MOST_FILES", 2)
    refused(exported, "too large")
    monkeypatch.setattr(archive, "MOST_FILES", 100)
    monkeypatch.setattr(archive, "MOST_RECORD_BYTES", 100)
    refused(exported, "session.json is larger than")


def test_a_picture_that_is_none_is_refused(exported: Path):
    import hashlib

    name = hashlib.sha256(b"no picture").hexdigest()
    refused(remade(exported, lambda files: files.update({f"pictures/{name}.png": b"no picture"})), "not an image")


def test_an_export_that_cannot_be_written_says_so(tmp_path: Path):
    with open_session("s") as session, pytest.raises(UserError, match="cannot write"):
        session.export(tmp_path / "missing" / "s.zip")
