"""A run: every scenario, agent and repeat is a job whose finished row is kept, so that a killed run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eligen.assistant.evaluation.agents import Agent, get_agent
from eligen.assistant.evaluation.evaluators import get_evaluator
from eligen.assistant.evaluation.evaluators.base import Course, Evaluator, Score
from eligen.assistant.evaluation.played import Played
from eligen.assistant.evaluation.results import Row, Rows
from eligen.assistant.evaluation.scenarios import Scenario, Suite
from eligen.assistant.routing import derived

Engine = Callable[[Sequence["Job"]], Iterator["Done"]]


@dataclass(frozen=True)
class Job:
    """One scenario for one agent: all that a worker anywhere needs. What was played before is only measured.

    `files` are attachments by the names that the scenario has for them, or pictures that were painted before.
    """

    key: str
    suite: Suite
    scenario: Scenario
    agent: str
    seed: int
    evaluators: tuple[str, ...]
    files: dict[str, bytes]
    played: Played | None = None


@dataclass(frozen=True)
class Done:
    """What a job came to, with the pictures that were painted."""

    key: str
    played: Played
    scores: dict[str, tuple[Score, ...]]
    files: dict[str, bytes]


@dataclass(frozen=True)
class Case:
    """One scenario of a suite for one agent, once."""

    suite: Suite
    scenario: Scenario
    agent: str
    repeat: int
    seed: int
    key: str
    evaluators: tuple[str, ...]


def cases(
    suites: Sequence[Suite],
    agents: Sequence[str],
    evaluators: Callable[[Suite], Sequence[str]],
    *,
    repeats: int = 1,
    seed: int = 0,
) -> list[Case]:
    """Return every case of a run in order. Agents meet the same seeds; each repeat has its own."""
    return [
        _case(suite, scenario, agent, repeat, seed, tuple(evaluators(suite)))
        for suite in suites
        for agent in agents
        for scenario in suite.scenarios
        for repeat in range(repeats)
    ]


def _case(suite: Suite, scenario: Scenario, agent: str, repeat: int, seed: int, evaluators: tuple[str, ...]) -> Case:
    own = scenario.seed if scenario.seed is not None else derived(seed, suite.name, scenario.id) % 2**31
    own = own if repeat == 0 else derived(own, str(repeat)) % 2**31
    staged = suite.model_copy(update={"scenarios": (), "bars": {}, "about": ""})
    contents = {name: hashlib.sha256(content).hexdigest() for name, content in attached(scenario).items()}
    turns = (turn.model_copy(update={"attach": tuple(map(contents.get, turn.attach))}) for turn in scenario.turns)
    known = [
        staged.model_dump(mode="json"),
        scenario.model_copy(update={"turns": tuple(turns)}).model_dump(mode="json"),
    ]
    text = json.dumps([*known, agent_of(agent).versions, own, repeat], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()
    return Case(staged, scenario, agent, repeat, own, key, evaluators)


def run(todo: Sequence[Case], rows: Rows, engine: Engine, on_done: Callable[[int], object] = lambda left: None) -> None:
    """Play and measure every case that has no row yet, writing each row as it is finished.

    `on_done` is told how many are left. An agent that broke is tried again in the next run. UserError when an agent
    cannot work at all, or a worker died.
    """
    jobs = [job for case in todo if (job := _job(case, rows)) is not None]
    unique = {job.key: job for job in jobs}
    left = len(unique)
    on_done(left)
    for done in engine(list(unique.values())):
        rows.add(Row(key=done.key, played=done.played, scores=done.scores), done.files)
        left -= 1
        on_done(left)


def _job(case: Case, rows: Rows) -> Job | None:
    """Return what is still to be done for a case, None when nothing is."""
    row = rows.get(case.key)
    missing = tuple(name for name in case.evaluators if row is None or name not in row.scores)
    if row is not None and not row.played.crash and not missing:
        return None
    again = row is None or row.played.crash is not None
    return Job(
        key=case.key,
        suite=case.suite,
        scenario=case.scenario,
        agent=case.agent,
        seed=case.seed,
        evaluators=case.evaluators if again else missing,
        files=attached(case.scenario) if again or row is None else rows.pictures(row.played),
        played=None if again or row is None else row.played,
    )


def work(job: Job) -> Done:
    """Play and measure a job in this process, on one thread: the same numbers on whatever machine of a kind."""
    agent = agent_of(job.agent)
    with one_thread(painting=job.suite.paint):
        played, files = job.played, job.files
        if played is None:
            from eligen.assistant.evaluation.play import fleeting, play

            with fleeting() as folder:
                scenario = placed(job.scenario, job.files, Path(folder))
                played, files = play(scenario, suite=job.suite, agent=agent, seed=job.seed)
        course = Course(job.scenario, played, agent.profile, files)
        scores = {name: tuple(evaluator_of(name).evaluate(course)) for name in job.evaluators}
    return Done(job.key, played, scores, files if job.played is None else {})


@cache
def agent_of(text: str) -> Agent:
    """Return the agent of a text, made once a process."""
    return get_agent(text)


@cache
def evaluator_of(text: str) -> Evaluator:
    """Return the evaluator of a text, made once a process."""
    evaluator = get_evaluator(text)
    assert isinstance(evaluator, Evaluator)
    return evaluator


def attached(scenario: Scenario) -> dict[str, bytes]:
    """Return the contents of the files that a scenario attaches, by name."""
    return {name: Path(name).read_bytes() for turn in scenario.turns for name in turn.attach}


def placed(scenario: Scenario, files: dict[str, bytes], folder: Path) -> Scenario:
    """Return a scenario whose attachments lie in a folder of this machine."""
    names = {}
    for number, (name, content) in enumerate(files.items()):
        names[name] = str(folder / f"{number}{Path(name).suffix}")
        Path(names[name]).write_bytes(content)
    turns = (turn.model_copy(update={"attach": tuple(names[n] for n in turn.attach)}) for turn in scenario.turns)
    return scenario.model_copy(update={"turns": tuple(turns)})


@contextmanager
def one_thread(*, painting: bool) -> Iterator[None]:
    """Compute on one thread for a while: how many there are changes the order of sums, and so pictures."""
    if not painting:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
