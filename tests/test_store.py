"""Sessions on disk: rows and pictures that survive anything, one process at a time."""

import errno
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eligen.assistant.history import History, Version
from eligen.assistant.pictures import Pictures, mentioned, write_whole
from eligen.assistant.plan import Plan, Style
from eligen.assistant.store import (
    DATABASE,
    TABLES,
    Store,
    delete_session,
    existing,
    list_sessions,
    rename_session,
    session_folder,
    sessions_folder,
    shrink,
)
from eligen.assistant.turns import Finding, Turn, Verdict
from eligen.tools.errors import UserError
from eligen.tools.layout import Box, Entity, Layout
from eligen.tools.requests import InpaintRequest

HALF = Box(x0=0.0, y0=0.0, x1=0.5, y1=1.0)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def painted(store: Store, shade: int, *, user: str = "a cat") -> None:
    """Record a turn that painted a grey picture."""
    history = store.history
    picture = store.pictures.put(Image.new("RGB", (8, 8), (shade,) * 3))
    version = Version(id=history.next_id, parent=history.head, layout=Layout(prompt=user), picture=picture)
    history = history.add(version)
    store.record(
        history, Turn(number=len(store.turns) + 1, user=user, reply="Done.", version=history.head, painted=True)
    )


def files(store: Store) -> list[str]:
    return sorted(path.name for path in store.pictures.folder.iterdir())


def test_what_was_recorded_is_there_again():
    with Store(session_folder("a")) as store:
        painted(store, 1)
        painted(store, 2)
        store.record(store.history.undo(), colour="red")
        history, turns = store.history, store.turns
    with Store(session_folder("a")) as again:
        assert (again.history, again.turns, again.fact("colour")) == (history, turns, "red")
        assert again.history.head == 1
        assert again.history.tip == 2
        assert again.fact("shape") is None
        assert again.pictures.open(again.history.versions[1].picture).getpixel((0, 0)) == (2, 2, 2)


def test_a_record_is_all_or_nothing():
    with Store(session_folder("a")) as store:
        painted(store, 1)
        before = store.history, store.turns
        newer = store.history.add(Version(id=2, parent=1, layout=Layout(prompt="b")))
        with pytest.raises(sqlite3.IntegrityError):
            store.record(newer, Turn(number=1, user="taken", reply=""), colour="red")
        assert (store.history, store.turns) == before
    with Store(session_folder("a")) as again:
        assert (again.history, again.turns, again.fact("colour")) == (*before, None)


def test_the_same_picture_is_kept_once():
    with Store(session_folder("a")) as store:
        first, second = (store.pictures.put(Image.new("RGB", (8, 8), "red")) for _ in range(2))
        assert first == second
        assert files(store) == [f"{first}.png"]


def test_a_sweep_takes_what_nothing_mentions():
    with Store(session_folder("a")) as store:
        painted(store, 1)
        stray, wanted = (store.pictures.put(Image.new("RGB", (8, 8), colour)) for colour in ("red", "blue"))
        (store.pictures.folder / ".0123.part").write_bytes(b"cut sh")
        assert store.sweep(f'{{"picture": "{wanted}"}}') == [".0123.part", f"{stray}.png"]
        assert files(store) == sorted(f"{name}.png" for name in (wanted, store.history.current.picture))
        store.sweep()
        assert files(store) == [f"{store.history.current.picture}.png"]


def test_a_file_cut_short_is_never_seen_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.ENOSPC, "disk full")))
    with pytest.raises(UserError, match=r"^cannot write .*/x.png: disk full$"):
        write_whole(tmp_path / "x.png", b"content")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_and_the_store_goes_on():
    with Store(session_folder("a")) as store:
        painted(store, 1)
        before = store.history, store.turns
        full = store._open().database
        full.execute("PRAGMA max_page_count = 1")
        with pytest.raises(UserError, match=r"^cannot write to .*/a: database or disk is full$"):
            painted(store, 2, user="long " * 10_000)
        assert (store.history, store.turns) == before
        full.execute("PRAGMA max_page_count = 1000")
        painted(store, 2)
        now = store.history, store.turns
    with Store(session_folder("a")) as again:
        assert (again.history, again.turns) == now
        assert len(again.turns) == 2


class FullLog:
    """A database whose log cannot be moved into its file."""

    def execute(self, statement: str) -> None:
        raise sqlite3.OperationalError("database or disk is full")


def test_a_log_that_cannot_be_emptied_loses_nothing():
    shrink(FullLog())


def test_a_session_that_cannot_be_made_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("eligen.assistant.store.TABLES", f"PRAGMA max_page_count = 1;{TABLES}")
    with pytest.raises(UserError, match=r"^cannot write to .*/a: database or disk is full$"):
        _ = Store(session_folder("a")).history
    (session_folder("b") / DATABASE).mkdir(parents=True)
    with pytest.raises(UserError, match=r"^cannot write to .*/b: unable to open"):
        _ = Store(session_folder("b")).history


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "-x", "x" * 64])
def test_names_that_are_fine(name: str):
    assert session_folder(name).parent == sessions_folder()


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".a", "a/b", "../a", "a\\b", "a\n", "x" * 65, "ä", "a b", "/etc", "a\0"]
)
def test_names_that_are_not(name: str):
    with pytest.raises(UserError, match="cannot name a session") as refused:
        session_folder(name)
    assert "\n" not in str(refused.value)


def test_sessions_are_listed_renamed_and_deleted():
    for name in ("one", "two"):
        with Store(session_folder(name)) as store:
            painted(store, 1)
    (sessions_folder() / "no session").mkdir()
    assert sorted(list_sessions()) == ["one", "two"]
    rename_session("one", "three")
    assert sorted(list_sessions()) == ["three", "two"]
    with pytest.raises(UserError, match="a session 'two' already"):
        rename_session("three", "two")
    with pytest.raises(UserError, match="no session 'one'; there are"):
        delete_session("one")
    delete_session("two")
    assert list_sessions() == ["three"]
    with Store(existing("three")) as store:
        assert len(store.turns) == 1


def test_two_processes_cannot_hold_one_session():
    probe = "from eligen.assistant.store import *; Store(session_folder('a')).turns"
    with Store(session_folder("a")):
        run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
        assert run.stderr.splitlines()[-1].endswith("session 'a' is open elsewhere: close it there first")
        for blocked in (
            lambda: Store(session_folder("a")).history,
            lambda: delete_session("a"),
            lambda: rename_session("a", "b"),
        ):
            with pytest.raises(UserError, match="open elsewhere"):
                blocked()
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_unusable_folders_and_files_are_said_in_one_line(home: Path):
    home.parent.joinpath("home").mkdir()
    (home / "sessions").write_text("a file")
    with pytest.raises(UserError, match="cannot write to"):
        _ = Store(session_folder("a")).history
    (home / "sessions").unlink()
    folder = session_folder("a")
    folder.mkdir(parents=True)
    (folder / "session.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 10)
    with pytest.raises(UserError, match="is damaged"):
        _ = Store(folder).history
    (folder / "session.sqlite").unlink()
    with Store(folder) as store, store._open().database as database:
        database.execute("INSERT INTO versions VALUES (1, '{}')")
    with pytest.raises(UserError, match="rows are damaged"):
        _ = Store(folder).history
    (folder / "session.sqlite").unlink()
    with Store(folder) as store:
        store._open().database.execute("PRAGMA user_version = 99")
    with pytest.raises(UserError, match="newer version"):
        _ = Store(folder).history


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE turns",
        "INSERT INTO facts VALUES ('head', 'x')",
        "INSERT INTO versions VALUES (1, CAST(x'ff' AS TEXT))",
        "INSERT INTO turns VALUES (1, 'no json')",
    ],
)
def test_rows_that_make_no_sense_are_said_in_one_line(damage: str):
    with Store(session_folder("a")) as store, store._open().database as database:
        database.execute(damage)
    with pytest.raises(UserError, match="rows are damaged") as error:
        _ = Store(session_folder("a")).history
    assert "\n" not in str(error.value)


def test_a_database_cut_in_the_middle_is_damaged():
    with Store(session_folder("a")) as store:
        for shade in range(40):
            painted(store, shade)
    file = session_folder("a") / "session.sqlite"
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        _ = Store(session_folder("a")).history


def test_images_are_hashes_inside_and_files_outside(tmp_path: Path):
    pictures, name = Pictures(tmp_path), "0" * 64
    request = InpaintRequest(
        prompt="p", width=64, height=64, seed=1, image=name, entities=(Entity(prompt=name, box=HALF, mask=name),)
    )
    outside = pictures.with_paths(request)
    assert outside.image == outside.entities[0].mask == str(tmp_path / f"{name}.png")
    assert outside.entities[0].prompt == name
    assert pictures.with_hashes(outside) == request
    plan = Plan(reply="", edits=(Style(reference=str(tmp_path / f"{name}.png")), Style(reference="/other.png")))
    assert [edit.reference for edit in pictures.with_hashes(plan).edits] == [name, "/other.png"]


@given(st.text(alphabet="0123456789abcdefg ", max_size=200), st.integers(0, 2**256 - 1))
def test_every_hash_of_a_record_is_found(text: str, number: int):
    name = f"{number:064x}"
    assert name in mentioned(f'{text}"{name}"{text}')


def test_a_verdict_ranks_candidates():
    def verdict(*good: bool, score: float = 0.5, unchanged: bool = True) -> Verdict:
        findings = (Finding(id="x", prompt="x", present=ok, placed=ok, attributes=ok, score=score) for ok in good)
        return Verdict(findings=tuple(findings), unchanged=unchanged)

    worst_first = [
        verdict(True, True, unchanged=False),
        verdict(False, True),
        verdict(True, True),
        verdict(True, True, score=1.0),
    ]
    assert sorted(reversed(worst_first), key=lambda verdict: verdict.rank) == worst_first
    assert [verdict.ok for verdict in worst_first] == [False, False, True, True]


def test_an_empty_history_is_what_a_new_session_has():
    with Store(session_folder("a")) as store:
        assert (store.history, store.turns, store.sweep()) == (History(), (), [])


def test_a_store_is_opened_when_it_is_first_asked(home: Path):
    store = Store(session_folder("a"))
    assert not home.exists()
    painted(store, 1)
    assert len(store.turns) == 1
    store.close()
    assert len(store.turns) == 1
    store.close()
