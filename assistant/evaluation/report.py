"""What a run says: means with intervals, bars, agents compared case by case, and every case, failures first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

from pydantic import Field

from eligen.assistant.evaluation.agents import label_of
from eligen.assistant.evaluation.evaluators.base import Course, Gatherer, Score
from eligen.assistant.evaluation.evaluators.spent import SECONDS
from eligen.assistant.evaluation.played import Played
from eligen.assistant.evaluation.results import Rows
from eligen.assistant.evaluation.runner import Case, agent_of
from eligen.assistant.evaluation.scenarios import Suite
from eligen.assistant.evaluation.statistics import Difference, Mean, mean_of
from eligen.tools.errors import UserError
from eligen.tools.layout import Value
from eligen.tools.userinput import parse_json, read_text, validated

SCHEMA_VERSION = 1
FILE = "report.json"


class Measured(Value):
    """A measure of an agent in a suite, or in those of its scenarios that have a tag. No mean: `why` not."""

    suite: str
    agent: str
    measure: str
    tag: str = ""
    better: Literal["higher", "lower"] = "higher"
    share: bool = True
    found: Mean | None = None
    why: str = ""


class Bar(Value):
    """What a measure had to come to, and whether it did."""

    suite: str
    agent: str
    measure: str
    bar: float
    better: Literal["higher", "lower"]
    mean: float | None = None
    passed: bool


class CaseReport(Value):
    """A case as it went, without its seconds. `right` is None where nothing was expected of it.

    `values` are its measures, each the mean over its turns.
    """

    suite: str
    agent: str
    scenario: str
    repeat: int
    seed: int
    tags: tuple[str, ...]
    right: bool | None = None
    wrong: tuple[str, ...]
    values: dict[str, float]
    scores: tuple[Score, ...]
    played: Played


class Report(Value):
    """A whole run. All that differs from run to run lies in `timing`: the seconds of each agent in each suite."""

    schema_version: int = Field(default=SCHEMA_VERSION, strict=True, ge=1, le=SCHEMA_VERSION)
    seed: int
    repeats: int
    agents: dict[str, dict[str, str]]
    suites: dict[str, str]
    measures: tuple[Measured, ...]
    bars: tuple[Bar, ...]
    comparisons: tuple[Difference, ...]
    cases: tuple[CaseReport, ...]
    timing: tuple[Measured, ...]

    @property
    def passed(self) -> bool:
        """Whether every bar was cleared."""
        return all(bar.passed for bar in self.bars)


def make_report(
    suites: Sequence[Suite],
    played: Sequence[Case],
    rows: Rows,
    *,
    seed: int,
    repeats: int,
    gatherers: Sequence[Gatherer] = (),
) -> Report:
    """Return the report of finished cases, the first agent compared with each of the others."""
    from eligen.assistant.evaluation.comparison import differences

    texts = list(dict.fromkeys(case.agent for case in played))
    labels = [label_of(text) for text in texts]
    measures: list[Measured] = []
    for suite in suites:
        for label in labels:
            own = [case for case in played if case.suite.name == suite.name and label_of(case.agent) == label]
            measures += measured(suite.name, label, [(case, scores_of(case, rows)) for case in own])
            courses = [course_of(case, rows) for case in own] if gatherers else []
            gathered = [score for gatherer in gatherers for score in gatherer.gather(courses)]
            measures += [_whole(suite.name, label, score, len(courses)) for score in gathered]
    steady = tuple(one for one in measures if one.measure != SECONDS)
    cases = [_case(case, rows) for case in played]
    return Report(
        seed=seed,
        repeats=repeats,
        agents={label_of(text): agent_of(text).versions for text in texts},
        suites={suite.name: suite.about for suite in suites},
        measures=steady,
        bars=tuple(bar for suite in suites for label in labels for bar in _bars(suite, label, steady)),
        comparisons=tuple(one for other in labels[1:] for one in differences(cases, cases, labels[0], other)),
        cases=tuple(sorted(cases, key=lambda case: (case.right is not False, not case.wrong))),
        timing=tuple(one for one in measures if one.measure == SECONDS),
    )


def write_report(report: Report, folder: Path) -> Path:
    """Write report.json into a folder and return its path; UserError when it cannot be written."""
    path = folder / FILE
    try:
        path.write_text(report.model_dump_json(indent=1, exclude_none=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return path


def read_report(path: Path) -> Report:
    """Return the report of a folder or file; UserError when there is none."""
    file = path / FILE if path.is_dir() else path
    return validated(Report, parse_json(read_text(file), str(file)), str(file))


def scores_of(case: Case, rows: Rows) -> list[Score]:
    """Return all scores of a finished case."""
    row = rows.get(case.key)
    assert row is not None, "every case of a finished run has a row"
    return [score for name in case.evaluators for score in row.scores[name]]


def course_of(case: Case, rows: Rows) -> Course:
    """Return a finished case as evaluators see it."""
    row = rows.get(case.key)
    assert row is not None, "every case of a finished run has a row"
    return Course(case.scenario, row.played, agent_of(case.agent).profile, rows.pictures(row.played))


def measured(suite: str, agent: str, scored: Sequence[tuple[Case, Sequence[Score]]]) -> Iterator[Measured]:
    """Yield every measure over the scenarios of a suite; what decides cases also by tag, where there are several."""
    kinds = {score.measure: score for _, scores in reversed(scored) for score in reversed(scores)}
    order = dict.fromkeys(score.measure for _, scores in scored for score in scores)
    tags = list(dict.fromkeys(tag for case, _ in scored for tag in case.scenario.tags))
    for name in order:
        for tag in ("", *(tags if kinds[name].decides and len(tags) > 1 else ())):
            values: dict[str, list[float]] = {}
            for case, scores in scored:
                if not tag or tag in case.scenario.tags:
                    value = means(scores).get(name)
                    values.setdefault(case.scenario.id, []).extend([] if value is None else [value])
            known = [fmean(repeats) for repeats in values.values() if repeats]
            whys = [
                score.why for _, scores in scored for score in scores if score.measure == name and score.value is None
            ]
            yield Measured(
                suite=suite,
                agent=agent,
                measure=name,
                tag=tag,
                better=kinds[name].better,
                share=kinds[name].share,
                found=mean_of(known, share=kinds[name].share) if known else None,
                why=whys[0] if whys and not known else "",
            )


def means(scores: Iterable[Score]) -> dict[str, float]:
    """Return each measure with its mean over a case's turns."""
    known: dict[str, list[float]] = {}
    for score in scores:
        if score.value is not None:
            known.setdefault(score.measure, []).append(score.value)
    return {name: fmean(values) for name, values in known.items()}


def _case(case: Case, rows: Rows) -> CaseReport:
    row, scores = rows.get(case.key), [score for score in scores_of(case, rows) if score.measure != SECONDS]
    assert row is not None
    crash = [f"the agent broke: {row.played.crash.splitlines()[0]}"] if row.played.crash else []
    failed = [score for score in scores if score.why and score.value is not None and score.value < 1]
    wrong = [f"turn {score.turn}: {score.why}" if score.turn else score.why for score in failed]
    decided = [score.value == 1 for score in scores if score.decides]
    return CaseReport(
        suite=case.suite.name,
        agent=label_of(case.agent),
        scenario=case.scenario.id,
        repeat=case.repeat,
        seed=case.seed,
        tags=case.scenario.tags,
        right=(not crash and all(decided)) if decided or crash else None,
        wrong=tuple(dict.fromkeys((*crash, *wrong))),
        values=means(scores),
        scores=tuple(scores),
        played=row.played.timeless,
    )


def _whole(suite: str, agent: str, score: Score, cases: int) -> Measured:
    """Return a score of all cases together, which has no interval."""
    found = None if score.value is None else Mean(mean=score.value, low=None, high=None, cases=cases)
    return Measured(
        suite=suite,
        agent=agent,
        measure=score.measure,
        better=score.better,
        share=score.share,
        found=found,
        why=score.why,
    )


def _bars(suite: Suite, agent: str, measures: Sequence[Measured]) -> Iterator[Bar]:
    own = {one.measure: one for one in measures if (one.suite, one.agent, one.tag) == (suite.name, agent, "")}
    for name, bar in suite.bars.items():
        one = own.get(name)
        mean = one.found.mean if one and one.found else None
        better = one.better if one else "higher"
        passed = mean is not None and (mean >= bar if better == "higher" else mean <= bar)
        yield Bar(suite=suite.name, agent=agent, measure=name, bar=bar, better=better, mean=mean, passed=passed)
