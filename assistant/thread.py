"""The LangGraph thread that a session's turn runs in: from a message to the turn's end, or to its question."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.serde.types import RESUME
from langgraph.constants import START
from langgraph.types import Command

from eligen.assistant.checkpoints import forget
from eligen.assistant.state import Progress

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import StateSnapshot

    from eligen.assistant.state import State


class Thread:
    """A thread of a compiled graph, with the checkpoints that it leaves."""

    def __init__(self, graph: CompiledStateGraph[State], saver: BaseCheckpointSaver[str], name: str) -> None:
        self._graph, self._saver, self._name = graph, saver, name
        self._config: Any = {"configurable": {"thread_id": name}}

    def run(self, message: dict[str, Any] | None) -> Iterator[Progress]:
        """Take a message, as an answer if one is awaited, to a turn's end or question; None goes on after a break."""
        start: Any = Command(resume=message) if message is not None and self.waits else message
        for event in self._graph.stream(start, self._config, stream_mode="custom", durability="sync"):
            yield Progress(**event)
        if not self.snapshot().next:
            with suppress(sqlite3.OperationalError):  # the turn is recorded: a full disk only keeps its checkpoints
                self.forget()

    def forget(self) -> None:
        """Delete all checkpoints."""
        forget(self._saver, self._name)

    def snapshot(self) -> StateSnapshot:
        """Return the state as the graph sees it."""
        return self._graph.get_state(self._config)

    @property
    def under_way(self) -> dict[str, Any]:
        """The state of the turn that is under way, its message before the first node, nothing without one."""
        saved = self._saver.get_tuple(self._config)
        values = saved.checkpoint["channel_values"] if saved else {}
        return dict(values.get(START) or values)

    @property
    def writes(self) -> list[tuple[str, str, Any]]:
        """What nodes have written since the last checkpoint: (task, channel, value)."""
        saved = self._saver.get_tuple(self._config)
        return list(saved.pending_writes or ()) if saved else []

    @property
    def answered(self) -> dict[str, Any] | None:
        """The answer that the graph was given but has not gone on with."""
        given = (value for _, channel, value in self.writes if channel == RESUME and isinstance(value, dict))
        return next(given, None)

    @property
    def waits(self) -> bool:
        """Whether the graph waits for an answer."""
        return bool(self.snapshot().interrupts) and self.answered is None
