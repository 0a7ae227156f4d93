"""Where sessions lie: a folder each, with the dialogue and the versions as rows and the pictures beside them."""

from __future__ import annotations

import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout
from pydantic import ValidationError

from eligen.assistant.history import START, History, Version
from eligen.assistant.pictures import Pictures, mentioned
from eligen.assistant.turns import Turn
from eligen.tools.errors import UserError
from eligen.tools.layout import Value
from eligen.tools.userfolder import user_folder
from eligen.tools.userinput import printable, reason

DATABASE = "session.sqlite"
SCHEMA = 1
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
TABLES = f"""
BEGIN;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (id INTEGER PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS turns (number INTEGER PRIMARY KEY, record TEXT NOT NULL);
PRAGMA user_version = {SCHEMA};
COMMIT;
"""


def sessions_folder() -> Path:
    """Return the folder of all sessions."""
    return user_folder() / "sessions"


def session_folder(name: str) -> Path:
    """Return the folder of a session, there or not; UserError when it cannot be a session's name."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"{printable(name)[:80]!r} cannot name a session: up to 64 letters, digits, '.', '_', '-', no dot first"
        )
    return sessions_folder() / name


def list_sessions() -> list[str]:
    """Return the names of all sessions, the last used first."""
    found = [(path.stat().st_mtime, path.parent.name) for path in sessions_folder().glob(f"*/{DATABASE}")]
    return [name for _, name in sorted(found, reverse=True) if NAME.fullmatch(name)]


def delete_session(name: str) -> None:
    """Delete a session with its pictures; UserError when there is none or it is open."""
    with locked(existing(name)) as folder:
        shutil.rmtree(folder)


def rename_session(name: str, new: str) -> None:
    """Rename a session; UserError when there is none, it is open, or the new name is taken."""
    target = session_folder(new)
    with locked(existing(name)) as folder:
        if target.exists():
            raise UserError(f"there is a session {new!r} already")
        folder.rename(target)


def existing(name: str) -> Path:
    """Return the folder of a session that is there; UserError when it is not."""
    folder = session_folder(name)
    if not (folder / DATABASE).is_file():
        raise UserError(f"there is no session {name!r}; there are {', '.join(list_sessions()[:10]) or 'none'}")
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold a session's folder for this process alone; UserError when another holds it."""
    lock = FileLock(folder / "lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"session {folder.name!r} is open elsewhere: close it there first") from None
    except OSError as error:
        raise UserError(f"cannot open session {folder.name!r}: {error.strerror}") from error
    try:
        yield folder
    finally:
        lock.release()


class Store:
    """A session folder, whose rows and pictures survive the process being killed at any moment.

    It is opened when first asked for something, or on entry; UserError when it is open elsewhere, damaged or newer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures = Pictures(folder / "pictures")
        self._guard = threading.RLock()
        self._held = ExitStack()
        self._opened: _Opened | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        self._held.close()
        self._opened = None

    @property
    def history(self) -> History:
        """All versions, and which one is current."""
        return self._open().history

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All finished turns."""
        return self._open().turns

    def fact(self, name: str) -> str | None:
        """Return what was written under a name."""
        return fact(self._open().database, name)

    def record(self, history: History, *turns: Turn, **facts: str) -> None:
        """Write turns, the versions that came with them, where the history stands, and facts: all or nothing.

        UserError when they cannot be written, as on a full disk.
        """
        facts |= {"head": str(history.head), "tip": str(history.tip)}
        with self._guard:
            now = self._open()
            fresh = history.versions[len(now.history.versions) :]
            with writing(self.folder), now.database as transaction:
                transaction.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())
                transaction.executemany("INSERT INTO versions VALUES (?, ?)", [(v.id, _row(v)) for v in fresh])
                transaction.executemany("INSERT INTO turns VALUES (?, ?)", [(t.number, _row(t)) for t in turns])
            shrink(now.database)
            self._opened = replace(now, history=history, turns=(*now.turns, *turns))

    def sweep(self, *also: str) -> list[str]:
        """Delete the pictures that no row and none of these texts mentions; return their files' names."""
        rows = self._open().database.execute("SELECT record FROM versions UNION ALL SELECT record FROM turns")
        return self.pictures.sweep(set().union(*(mentioned(text) for text in (*also, *(row[0] for row in rows)))))

    def _open(self) -> _Opened:
        with self._guard:
            if self._opened is None:
                try:
                    self.pictures.folder.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise UserError(f"cannot write to {self.folder}: {error.strerror}") from error
                with ExitStack() as stack:
                    stack.enter_context(locked(self.folder))
                    self._opened = read(stack.enter_context(closing(connect(self.folder / DATABASE))))
                    self._held = stack.pop_all()
            return self._opened


@dataclass(frozen=True)
class _Opened:
    """An open database and what its rows say."""

    database: sqlite3.Connection
    history: History
    turns: tuple[Turn, ...]


def read(database: sqlite3.Connection) -> _Opened:
    """Return what a session's rows say; UserError when they make no sense."""
    try:
        records = database.execute("SELECT record FROM versions ORDER BY id")
        versions = tuple(Version.model_validate_json(record) for (record,) in records)
        records = database.execute("SELECT record FROM turns ORDER BY number")
        turns = tuple(Turn.model_validate_json(record) for (record,) in records)
        head, tip = (int(fact(database, name) or START) for name in ("head", "tip"))
        return _Opened(database, History(versions=versions, head=head, tip=tip), turns)
    except (sqlite3.DatabaseError, ValueError) as error:
        why = reason(error) if isinstance(error, ValidationError) else error
        raise UserError(f"the session's rows are damaged: {why}") from None


def fact(database: sqlite3.Connection, name: str) -> str | None:
    """Return what was written under a name."""
    row = database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return row and row[0]


def _row(value: Value) -> str:
    return value.model_dump_json(exclude_none=True)


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection to a session's database, made if need be; UserError when it cannot be, is none or too new."""
    with writing(path.parent):
        database = sqlite3.connect(path, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            (schema,) = database.execute("PRAGMA user_version").fetchone()
            if schema == 0:
                database.executescript(TABLES)
        except sqlite3.DatabaseError as error:
            database.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise UserError(f"the session file {path} is damaged: {error}") from error
    if schema > SCHEMA:
        database.close()
        raise UserError(f"the session file {path} was written by a newer version of this program")
    return database


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make a UserError of what SQLite says when it cannot write in a folder, as on a full disk."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UserError(f"cannot write to {folder}: {error}") from error


def shrink(database: sqlite3.Connection) -> None:
    """Move what the write-ahead log holds into the database, so that the log does not grow.

    On a full disk it stays in the log, where it is as safe.
    """
    with suppress(sqlite3.OperationalError), closing(database.execute("PRAGMA wal_checkpoint(TRUNCATE)")) as rows:
        rows.fetchone()
