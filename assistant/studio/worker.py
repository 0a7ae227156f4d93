"""A worker: makes the turns of one session, one after the other, in a thread that outlives the pages that watch."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from eligen.assistant.agents.eyes import get_eye
from eligen.assistant.commands.planners import get_planner
from eligen.assistant.queueing import QueuedPainter
from eligen.assistant.session import Session
from eligen.assistant.state import Progress
from eligen.assistant.store import DATABASE, session_folder
from eligen.assistant.studio.choices import Choices
from eligen.assistant.studio.engine import Engine
from eligen.assistant.studio.hands import Handed
from eligen.assistant.studio.running import Running, Stopped, Work
from eligen.assistant.turns import Turn
from eligen.tools.errors import EligenError

log = logging.getLogger(__name__)

STOPPED, CUT_OFF = "stopped", "cut off when the studio ended"


@dataclass(frozen=True)
class Halted:
    """A turn that came to nothing, why, and after how many turns; it can be sent again as it was."""

    work: Work
    why: str
    after: int = 0


class Worker:
    """A session that lies open, the turn under way in it, those that wait, and those that came to nothing.

    `revision` grows whenever a page should be drawn again. Pages use the session in `held` only.
    """

    def __init__(self, name: str, engines: Callable[[str], Engine], choices: Choices) -> None:
        self.name, self.engines, self.choices = name, engines, choices
        self.revision = 0
        self.running: Running | None = None
        self.waiting: deque[Work] = deque()
        self.halted: list[Halted] = []
        self.locked: set[str] = set()
        self.guard = threading.RLock()
        self._session: Session | None = None
        self._opened_with: Choices | None = None
        self._handed = Handed(get_planner("rules"))
        self._painter: QueuedPainter | None = None

    @property
    def engine(self) -> Engine:
        """What paints and sees for the chosen profile."""
        return self.engines(self.choices.profile)

    @contextmanager
    def held(self) -> Iterator[Session | None]:
        """Hold the session, opened if there is one on the disk, None before its first message."""
        with self.guard:
            if self._session is None and (session_folder(self.name) / DATABASE).is_file():
                session = self._open()
                if session.unfinished is not None:
                    self._halt(Work(text=session.unfinished, resumes=True), CUT_OFF)
            yield self._session

    def changed(self) -> None:
        """Have pages drawn again."""
        self.revision += 1

    def submit(self, work: Work) -> None:
        """Have a turn made, after those before it."""
        with self.guard:
            if self.running is not None:
                self.waiting.append(work)
            else:
                self._begin(work)
            self.changed()

    def stop(self) -> None:
        """Stop the turn under way and those that wait; each can be sent again."""
        with self.guard:
            for work in self.waiting:
                self._halt(work, STOPPED)
            self.waiting.clear()
            if self.running:
                self.running.stopping.set()

    def close(self) -> None:
        """Let go of the session."""
        self.stop()
        with self.guard:
            if self._session:
                self._session.close()
                self._session = None

    def _halt(self, work: Work, why: str) -> None:
        self.halted.append(Halted(work, why, len(self._session.turns) if self._session else 0))

    def _begin(self, work: Work) -> None:
        self.running = Running(work)
        threading.Thread(target=self._run, args=(self.running,), daemon=True).start()

    def _run(self, running: Running) -> None:
        """Make a turn; whatever comes of it, the next may begin."""
        why = ""
        try:
            running.doing = "loading the models"
            self.engine.start()
            while not self.engine.wait(0.2):
                running.check()
            self._turn(self._prepared(running), running)
        except EligenError as error:
            why = str(error)
        except Exception as error:
            log.exception("a turn failed")
            why = f"something went wrong, which is a fault of this program: {type(error).__name__}: {error}"
        with self.guard:
            if why:
                self._halt(running.work, why)
            self.running = None
            if self.waiting:
                self._begin(self.waiting.popleft())
            self.changed()

    def _turn(self, session: Session, running: Running) -> None:
        """Answer a message, then paint the other candidates where several are wanted."""
        work = running.work
        if work.repaint:
            followed(session.vary(*work.repaint), running)
            return
        if work.resumes:
            followed(session.stream_rest(), running)
            return
        running.candidate, running.candidates = 1, work.candidates
        self._handed.ready = work.ready
        turn = followed(session.stream(work.text, work.attachments), running)
        first = session.history.current
        if work.candidates == 1 or not turn.painted or first is None:
            return
        assert self._painter is not None
        self._painter.batch = True
        try:
            with suppress(Stopped):  # the turn itself is finished
                for number in range(1, work.candidates):
                    running.candidate += 1
                    followed(session.vary(first.id, (first.seed + number) % 2**31), running)
        finally:
            session.goto(first.id)

    def _prepared(self, running: Running) -> Session:
        """Return the session as it was chosen to be, its painter and planner ready for a turn."""
        with self.guard:
            session = self._session
            if session is None or self._opened_with != self.choices:
                session = self._open()
            assert self._painter is not None
            self._painter.check, self._painter.on_wait, self._painter.batch = running.check, running.waits, False
            self._handed.on_plan = running.planned
            session.locked = frozenset(self.locked)
            return session

    def _open(self) -> Session:
        """Open the session, made if need be, with what was chosen; UserError when it cannot be."""
        if self._session is not None:
            self._session.close()
            self._session = None
        choices, engine = self.choices, self.engine
        thinker = get_planner(choices.planner)
        self._handed = Handed(thinker)
        self._painter = QueuedPainter(engine.painter, engine.queue, self.name)
        there = (session_folder(self.name) / DATABASE).is_file()
        self._session = Session.open(
            self.name,
            planner=self._handed,
            painter=self._painter,
            eye=engine.eye or get_eye(engine.profile, getattr(thinker, "model", None)),
            critic=choices.critic,
            retries=engine.profile.retries,
            profile=choices.profile,
            size=None if there else choices.size,
            seed=choices.seed,
            steps=choices.steps or engine.profile.steps,
            guidance=engine.profile.guidance_scale if choices.guidance is None else choices.guidance,
            preset=choices.preset,
        )
        self._opened_with = choices
        return self._session


def followed(events: Iterator[Progress | Turn], running: Running) -> Turn:
    """Return the turn at the end of a stream, whose progress is noted; Stopped when the user wants it to end."""
    with closing(events):  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Turn):
                return event
            running.check()
            running.follow(event)
    raise AssertionError("a stream ends with its turn")
