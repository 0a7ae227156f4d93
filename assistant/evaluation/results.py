"""Finished cases on the disk: a row each, appended whole, and their pictures by content hash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from eligen.assistant.evaluation.evaluators.base import Score
from eligen.assistant.evaluation.played import Played
from eligen.assistant.pictures import Pictures
from eligen.tools.errors import UserError
from eligen.tools.layout import Value
from eligen.tools.userinput import read_json_lines, validated

ROWS, PICTURES = "results.jsonl", "pictures"


class Row(Value):
    """A finished case, and what each evaluator said of it."""

    key: str
    played: Played
    scores: dict[str, tuple[Score, ...]]


class Rows:
    """The rows of a report's folder; later rows of a key add to earlier ones.

    UserError when it cannot be written, or another run has it open until it is closed.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / ROWS
        self._pictures = Pictures(folder / PICTURES)
        self._rows: dict[str, Row] = {}
        try:
            self._pictures.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / "lock", thread_local=False)
            self._lock.acquire(timeout=0)
            with self.file.open("a+b") as file:
                _mend(file.fileno(), self.file)
        except Timeout:
            raise UserError(f"another run is writing to {folder}: wait for it, or name another folder") from None
        except OSError as error:
            raise UserError(f"cannot write to {folder}: {error.strerror}") from error
        for row in self._read():
            self._rows[row.key] = self._joined(row)

    def close(self) -> None:
        """Let another run have the folder."""
        self._lock.release()

    def get(self, key: str) -> Row | None:
        """Return the row of a case, None where it is not finished."""
        return self._rows.get(key)

    def add(self, row: Row, files: dict[str, bytes]) -> None:
        """Keep a row and the pictures it names; both are on the disk when this returns."""
        for name, content in files.items():
            if self._pictures.put_bytes(content) != name:
                raise ValueError(f"a picture's content is not that of its name {name}")
        line = row.model_dump_json(exclude_none=True) + "\n"
        with self.file.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._rows[row.key] = self._joined(row)

    def pictures(self, played: Played) -> dict[str, bytes]:
        """Return the contents of a played case's pictures; UserError when one is missing."""
        names = set[str]().union(*(turn.pictures for turn in played.turns))
        try:
            return {name: self._pictures.path(name).read_bytes() for name in sorted(names)}
        except OSError as error:
            raise UserError(
                f"a picture of the run is missing: {error.filename}; delete {self.file} to start again"
            ) from None

    def _joined(self, row: Row) -> Row:
        before = self._rows.get(row.key)
        if before is None or before.played != row.played:
            return row
        return row.model_copy(update={"scores": {**before.scores, **row.scores}})

    def _read(self) -> Iterator[Row]:
        try:
            for where, value in read_json_lines(self.file):
                yield validated(Row, value, where)
        except UserError as error:
            raise UserError(f"{error}; delete {self.file} to start again") from None


def _mend(descriptor: int, path: Path) -> None:
    """Cut off a last row that a killed process left unfinished."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.ftruncate(descriptor, whole)
