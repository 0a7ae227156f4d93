"""Where LangGraph keeps the turn that is under way: SQLite in the session's folder, or Postgres by URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from eligen.assistant.store import shrink, writing
from eligen.tools.errors import UserError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

VARIABLE = "ELIGEN_CHECKPOINTS"
FILE = "checkpoints.sqlite"
SCHEMES = ("postgres://", "postgresql://")


@contextmanager
def checkpointer(folder: Path, url: str | None = None) -> Iterator[BaseCheckpointSaver[str]]:
    """Hold a checkpointer open, on the database of a URL, by default ELIGEN_CHECKPOINTS, else on a file in a folder.

    UserError when a URL is of no known database, or its server does not answer.
    """
    url = os.environ.get(VARIABLE) if url is None else url
    if url is None:
        with sqlite(folder / FILE) as saver:
            yield saver
    elif url.startswith(SCHEMES):
        with postgres(url) as saver:
            yield saver
    else:
        raise UserError("checkpoints are kept in SQLite, or in Postgres by a URL that begins with postgresql://")


@contextmanager
def sqlite(path: Path) -> Iterator[BaseCheckpointSaver[str]]:
    """Hold a checkpointer on an SQLite file; UserError when it cannot be made."""
    import sqlite3

    from langgraph.checkpoint.sqlite import SqliteSaver

    with closing(sqlite3.connect(path, check_same_thread=False)) as database:
        database.execute("PRAGMA synchronous = NORMAL")  # a power cut may take a turn that was not finished
        saver = SqliteSaver(database)
        with writing(path.parent):
            saver.setup()
        yield saver


@contextmanager
def postgres(url: str) -> Iterator[BaseCheckpointSaver[str]]:
    """Hold a checkpointer on a Postgres server; no error message holds the URL, which may hold a password."""
    try:
        from langgraph.checkpoint.postgres import PostgresSaver
        from psycopg import OperationalError
    except ImportError:
        raise UserError("Postgres needs the extra 'postgres': install eligen-assistant[postgres]") from None
    with ExitStack() as stack:
        try:
            saver = stack.enter_context(PostgresSaver.from_conn_string(url))
            saver.setup()
        except OperationalError:
            raise UserError("the Postgres server of the checkpoints' URL does not answer") from None
        yield saver


def forget(saver: BaseCheckpointSaver[str], thread: str) -> None:
    """Delete a finished turn's checkpoints."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    saver.delete_thread(thread)
    if isinstance(saver, SqliteSaver):
        shrink(saver.conn)
