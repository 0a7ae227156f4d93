"""One painter for many sessions: whoever waits knows their place, nobody is served twice while another waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from eligen.assistant.agents.painter import Paints

if TYPE_CHECKING:
    from eligen.tools.generation import OnStep, Painted
    from eligen.tools.requests import GenerateRequest

OnWait = Callable[[int], None]


@dataclass(eq=False)
class _Ticket:
    session: str
    batch: bool
    number: int


class PainterQueue:
    """Admits one at a time: interactive work before batch work, then the session that was served longest ago."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[_Ticket] = []
        self._busy = False
        self._numbers = count(1)
        self._served: dict[str, int] = {}

    @contextmanager
    def admitted(self, session: str, *, batch: bool = False, on_wait: OnWait | None = None) -> Iterator[None]:
        """Hold the painter, after waiting for it; `on_wait` is told how many are before this one, whenever it changes.

        An error that `on_wait` raises leaves the queue.
        """
        self._admit(session, batch, on_wait)
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _admit(self, session: str, batch: bool, on_wait: OnWait | None) -> None:
        with self._changed:
            ticket, told = _Ticket(session, batch, next(self._numbers)), 0
            self._waiting.append(ticket)
        try:
            while place := self._place(ticket):
                if on_wait is not None and place != told:
                    on_wait(place)
                told = place
                with self._changed:
                    self._changed.wait(0.2)
        except BaseException:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()
            raise

    def _place(self, ticket: _Ticket) -> int:
        """Return how many are before a ticket; when none is, it leaves the queue and holds the painter."""
        with self._changed:
            order = sorted(self._waiting, key=lambda one: (one.batch, self._served.get(one.session, 0), one.number))
            place = order.index(ticket) + self._busy
            if place == 0:
                self._waiting.remove(ticket)
                self._busy, self._served[ticket.session] = True, next(self._numbers)
            return place


@dataclass
class QueuedPainter:
    """A session's way to a painter that others use too; `on_wait` is told its place in the queue, 0 when it is over.

    `check` is called before every step, and may raise to end the painting.
    """

    painter: Paints
    queue: PainterQueue
    session: str
    batch: bool = False
    on_wait: OnWait = field(default=lambda place: None)
    check: Callable[[], None] = field(default=lambda: None)

    def paint(self, request: GenerateRequest, *, on_step: OnStep | None = None) -> Painted:
        """Return the request's picture, as the painter does, when it is this session's turn."""

        def wait(place: int) -> None:
            self.check()
            self.on_wait(place)

        def step(done: int, total: int, preview: Callable[[], object]) -> None:
            self.check()
            if on_step is not None:
                on_step(done, total, preview)  # type: ignore[arg-type]

        self.check()
        with self.queue.admitted(self.session, batch=self.batch, on_wait=wait):
            self.on_wait(0)
            return self.painter.paint(request, on_step=step)
