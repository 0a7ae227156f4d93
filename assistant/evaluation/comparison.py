"""Two agents on the same cases: in one report, or the first agents of two reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from eligen.assistant.evaluation.report import CaseReport, Report
from eligen.assistant.evaluation.statistics import SIGNIFICANT, Difference, compared, holm
from eligen.tools.errors import UserError

SAME, BETTER, WORSE = "no difference shown", "better", "worse"
Known = dict[tuple[str, str], dict[str, float]]


def compare_reports(a: Report, b: Report) -> list[Difference]:
    """Return how the agents of report `b` differ from those of `a`, by name, else the first from the first.

    UserError when they share no case.
    """
    names = [(name, name) for name in a.agents if name in b.agents] or [(next(iter(a.agents)), next(iter(b.agents)))]
    found = [one for ours, theirs in names for one in differences(a.cases, b.cases, ours, theirs)]
    if not found:
        raise UserError("the two reports have no scenario in common that was measured alike")
    return found


def differences(ours: Sequence[CaseReport], theirs: Sequence[CaseReport], a: str, b: str) -> list[Difference]:
    """Return how agent `b` differs from agent `a` in every measure of a suite, paired by scenario and repeat's mean."""
    better = {score.measure: score.better for case in (*ours, *theirs) for score in case.scores}
    known, others = values(ours, a), values(theirs, b)
    raw = [(key, found) for key in known if key in others and (found := compared(known[key], others[key]))]
    adjusted = holm([found[5] for _, found in raw])
    return [
        Difference(
            suite=suite,
            measure=measure,
            a=a,
            b=b,
            mean_a=mean_a,
            mean_b=mean_b,
            difference=apart,
            low=low,
            high=high,
            p=p,
            adjusted=chance,
            cases=cases,
            finding=finding(apart, chance, better[measure]),
        )
        for ((suite, measure), (mean_a, mean_b, apart, low, high, p, cases)), chance in zip(raw, adjusted, strict=True)
    ]


def values(cases: Sequence[CaseReport], agent: str) -> Known:
    """Return {(suite, measure): {scenario: mean over repeats}} of an agent."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for case in cases:
        for measure, value in case.values.items() if case.agent == agent else ():
            found.setdefault((case.suite, measure), {}).setdefault(case.scenario, []).append(value)
    return {key: {name: fmean(repeats) for name, repeats in one.items()} for key, one in found.items()}


def finding(apart: float, chance: float, better: str) -> str:
    """Return what a difference says of the second agent."""
    if chance >= SIGNIFICANT or not apart:
        return SAME
    return BETTER if (apart > 0) == (better == "higher") else WORSE


def lines(found: Sequence[Difference]) -> Iterator[str]:
    """Yield a comparison as the lines of a table."""
    yield f"{'suite':<12} {'measure':<34} {'before':>9} {'after':>9} {'difference':>11} {'p (Holm)':>9}  finding"
    for one in found:
        numbers = f"{one.mean_a:9.3f} {one.mean_b:9.3f} {one.difference:+11.3f} {one.adjusted:9.4f}"
        yield f"{one.suite:<12} {one.measure:<34} {numbers}  {one.finding} ({one.cases} scenarios)"
