"""Playing a scenario: an agent in a session of its own, a user who reads from the script or talks toward a goal."""

from __future__ import annotations

import os
import re
import shutil
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from time import perf_counter

from psutil import pid_exists

from eligen.assistant.evaluation.agents import Agent
from eligen.assistant.evaluation.meters import BlankPainter, Dictated, MeteredModel, MeteredPainter
from eligen.assistant.evaluation.played import Cost, Message, Played, PlayedTurn
from eligen.assistant.evaluation.scenarios import Answer, Goal, Scenario, Suite, Turn
from eligen.assistant.evaluation.simulator import SimulatedUser
from eligen.assistant.session import Session
from eligen.assistant.turns import Turn as SessionTurn
from eligen.tools.errors import EligenError
from eligen.tools.userfolder import HOME_VARIABLE

MOST_ANSWERS = 5
SMALLEST = (64, 64)
DEEPEST = -8
MEMORY, ROOM = Path("/dev/shm"), 2**30

Files = dict[str, bytes]


def play(scenario: Scenario, *, suite: Suite, agent: Agent, seed: int) -> tuple[Played, Files]:
    """Play a scenario once and return what it left, with the pictures by their hashes.

    An agent that breaks is a result too: its traceback is kept with the turns before it.
    """
    turns: list[PlayedTurn] = []
    with fleeting() as folder, sessions_in(folder), _stage(suite, agent, seed) as stage:
        try:
            if scenario.goal is None:
                turns.extend(stage.scripted(turn) for turn in scenario.turns)
                reached = None
            else:
                reached = stage.talked(scenario.goal, seed, turns)
            return Played(turns=tuple(turns), reached=reached), stage.pictures(turns)
        except Exception as error:  # whatever an agent does wrong is its result, and no reason to lose the other cases
            return Played(turns=tuple(turns), crash=told(error)), stage.pictures(turns)


def told(error: Exception) -> str:
    """Return what broke in one line, and under it where; without notes, which name tasks at random."""
    error.__notes__ = []
    where = "".join(traceback.format_exception(error, limit=DEEPEST))
    return f"{type(error).__name__}: {error}\n\n{where}"


def fleeting() -> TemporaryDirectory[str]:
    """Return a folder that goes when it is left, in memory where there is room: a session syncs every turn.

    Those of processes that were killed go now.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    folder = MEMORY if roomy else Path(gettempdir())
    for left in folder.glob("eligen-*-*"):
        owner = left.name.split("-")[1]
        if owner.isdecimal() and not pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return TemporaryDirectory(prefix=f"eligen-{os.getpid()}-", dir=folder)


@contextmanager
def sessions_in(folder: str) -> Iterator[None]:
    """Keep sessions in a folder of their own for a while."""
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ[HOME_VARIABLE]
        else:
            os.environ[HOME_VARIABLE] = before


@contextmanager
def _stage(suite: Suite, agent: Agent, seed: int) -> Iterator[Stage]:
    planner = Dictated(agent.planner)
    painter = MeteredPainter(agent.painter if suite.paint else BlankPainter(), agent.control)
    with (
        metered(agent) as model,
        Session.open(
            "played",
            planner=planner,
            painter=painter,
            eye=agent.eye if suite.paint else None,
            critic=agent.critic,
            retries=agent.profile.retries if agent.retries is None else agent.retries,
            profile=agent.profile.name,
            size=suite.size if suite.paint else SMALLEST,
            seed=seed,
            steps=suite.steps,
        ) as session,
    ):
        yield Stage(session, planner, painter, model, painting=suite.paint)


@contextmanager
def metered(agent: Agent) -> Iterator[MeteredModel | None]:
    """Count what an agent's language model answers for a while, where it has one."""
    model = getattr(agent.planner, "model", None)
    if model is None:
        yield None
        return
    counted = MeteredModel(model)
    agent.planner.model = counted  # type: ignore[attr-defined]
    try:
        yield counted
    finally:
        agent.planner.model = model  # type: ignore[attr-defined]


class Stage:
    """A session with what stands between it and the agent."""

    def __init__(
        self,
        session: Session,
        planner: Dictated,
        painter: MeteredPainter,
        model: MeteredModel | None,
        *,
        painting: bool,
    ) -> None:
        self.session, self.planner, self.painter, self.model = session, planner, painter, model
        self.painting = painting

    def scripted(self, turn: Turn) -> PlayedTurn:
        """Play a turn of the script, with its prepared answers."""
        left = list(turn.answers)
        self.planner.layout = turn.layout

        def prepared(question: str) -> str | None:
            fitting = next((answer for answer in left if _answers(answer, question)), None)
            if fitting is not None:
                left.remove(fitting)
            return fitting.say if fitting else None

        return self._turn(turn.text, [Path(file) for file in turn.attach], prepared)

    def talked(self, goal: Goal, seed: int, turns: list[PlayedTurn]) -> bool:
        """Let a simulated user talk until the layout is as wished or patience is out; return which."""
        user = SimulatedUser(goal.layout, seed)

        def chosen(_question: str) -> str | None:
            question = self.session.question
            return user.answer(question, self.session.layout) if question else None

        for _ in range(goal.patience):
            text = user.message(self.session.layout)
            if text is None:
                return True
            turns.append(self._turn(text, [], chosen))
        return user.message(self.session.layout) is None

    def pictures(self, turns: list[PlayedTurn]) -> Files:
        """Return the pictures of turns, those that their layouts refer to included, by their hashes."""
        named = set[str]().union(*(turn.pictures for turn in turns))
        files = {name: self.session.folder / "pictures" / f"{name}.png" for name in sorted(named)}
        return {name: file.read_bytes() for name, file in files.items()}

    def _turn(self, text: str | None, files: list[Path], answer: Callable[[str], str | None]) -> PlayedTurn:
        start, forwards = perf_counter(), self.painter.forwards
        calls, tokens = (self.model.calls, self.model.tokens) if self.model else (0, 0)
        done: list[SessionTurn] = []
        messages: list[Message] = []
        refused: str | None = None
        while text is not None and len(messages) <= MOST_ANSWERS:
            try:
                turn = self.session.send(text, files)
            except EligenError as error:
                refused = str(error)
                messages.append(Message(user=text, reply=refused))
                break
            done.append(turn)
            question = turn.question.text if turn.question else None
            messages.append(Message(user=text, reply=turn.reply, question=question))
            text, files = (answer(question) if question else None), []
        cost = Cost(
            seconds=perf_counter() - start,
            forwards=self.painter.forwards - forwards,
            retries=sum(max(turn.tries - 1, 0) for turn in done),
            calls=self.model.calls - calls if self.model else 0,
            tokens=self.model.tokens - tokens if self.model else 0,
        )
        return self._played(tuple(messages), done, refused, cost)

    def _played(
        self, messages: tuple[Message, ...], done: list[SessionTurn], refused: str | None, cost: Cost
    ) -> PlayedTurn:
        session, painted = self.session, [turn for turn in done if turn.painted]
        version = session.history.current
        mask = session.mask_of(painted[-1].version) if painted and self.painting else None
        return PlayedTurn(
            messages=messages,
            layout=session.layout,
            tools=tuple(tool for turn in done for tool in turn.tools),
            error=refused or (done[-1].error if done else None),
            painted=bool(painted),
            picture=version.picture if version and self.painting else None,
            mask=mask.stem if mask else None,
            verdict=painted[-1].verdict if painted else None,
            notices=tuple(dict.fromkeys(notice for turn in done for notice in turn.notices)),
            cost=cost,
        )


def _answers(answer: Answer, question: str) -> bool:
    return re.search(answer.to, question, re.IGNORECASE) is not None
