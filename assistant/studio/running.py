"""A turn under way: what is known of it so far, for any page that looks."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from eligen.assistant.context import Context
from eligen.assistant.edits import apply
from eligen.assistant.plan import Plan, Redo, Undo
from eligen.assistant.state import Progress
from eligen.assistant.studio.gestures import Gesture
from eligen.assistant.studio.hands import Ready
from eligen.tools.errors import EligenError, ToolError
from eligen.tools.layout import Layout

PREVIEW_EVERY = 0.6  # seconds: a preview costs about as much as a step


class Stopped(EligenError):
    """The user has stopped the turn."""


@dataclass(frozen=True)
class Work:
    """A turn to be made: a message with attached files, or what was done by hand, then with its plan.

    `gestures` are what was done on the canvas; `candidates` is how many pictures to choose from; `repaint` is a version
    to paint again, and with which seed, instead; with `resumes` it is a turn that was cut off.
    """

    text: str
    attachments: tuple[Path, ...] = ()
    ready: Ready | None = None
    gestures: tuple[Gesture, ...] = ()
    candidates: int = 1
    repaint: tuple[int, int] | None = None
    resumes: bool = False


@dataclass(eq=False)
class Running:
    """A turn under way; its thread writes, pages read. `place` is how many are before it in the painter's queue."""

    work: Work
    doing: str = "starting"
    tool: str = ""
    done: int = 0
    total: int = 0
    place: int = 0
    candidate: int = 0
    candidates: int = 1
    preview: bytes | None = None
    reply: str = ""
    layout: Layout | None = None
    began: float = field(default_factory=time.monotonic)
    stopping: Event = field(default_factory=Event)
    _first: tuple[float, int] = (0.0, 0)
    _shown: float = 0.0

    def check(self) -> None:
        """Raise Stopped when the user has stopped the turn."""
        if self.stopping.is_set():
            raise Stopped("stopped")

    def waits(self, place: int) -> None:
        """Note how many are before this turn in the queue."""
        self.place = place

    def planned(self, plan: Plan, context: Context) -> None:
        """Note the plan as it is decided: its reply, and the layout that it makes."""
        self.reply = plan.reply
        undone = sum(edit.steps for edit in plan.edits if isinstance(edit, Undo))
        before = context.layouts[: max(len(context.layouts) - undone, 0)]
        changes = [edit for edit in plan.edits if not isinstance(edit, Undo | Redo)]
        with suppress(ToolError):  # the turn will say why
            self.layout = apply(before[-1] if before else None, changes, taken=context.taken) if changes else None

    def follow(self, progress: Progress) -> None:
        """Note what is being done, with a preview now and then."""
        now = time.monotonic()
        self.doing, self.tool = progress.doing, progress.tool
        if progress.done <= 1 or progress.total != self.total:
            self._first = (now, progress.done)
        self.done, self.total = progress.done, progress.total
        if progress.preview is not None and now - self._shown >= PREVIEW_EVERY and self.done < self.total:
            self.preview = as_png(progress.preview)
            self._shown = time.monotonic()

    @property
    def seconds_left(self) -> float | None:
        """How long the painting will go on, by the steps so far; None before two of them are known."""
        began, first = self._first
        return seconds_left(self.done - first, self.total - first, time.monotonic() - began)

    @property
    def share(self) -> float:
        """How much of the painting is done, 0..1."""
        return self.done / self.total if self.total else 0.0

    def __str__(self) -> str:
        """What is being done, in words."""
        if self.place:
            return f"waiting for the painter: {self.place} before you"
        what = self.doing if self.candidates == 1 else f"{self.doing} {self.candidate} of {self.candidates}"
        if not self.total:
            return f"{what} …"
        left = self.seconds_left
        return f"{what}, step {self.done} of {self.total}" + (f" · {duration(left)} left" if left is not None else "")


def seconds_left(done: int, total: int, seconds: float) -> float | None:
    """Return how long the rest will take when `done` of `total` steps took so many seconds; None when none is done."""
    return seconds / done * (total - done) if done > 0 else None


def duration(seconds: float) -> str:
    """Return a time in words: 8 s, 2 min, 1 h 20 min."""
    whole = max(round(seconds), 1)
    if whole < 90:
        return f"{whole} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def as_png(draw: Callable[[], object]) -> bytes:
    """Return the picture that a function draws as a PNG file's content."""
    buffer = io.BytesIO()
    image = draw()
    image.save(buffer, format="PNG", compress_level=1)  # type: ignore[attr-defined]
    return buffer.getvalue()
