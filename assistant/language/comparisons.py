"""Comparisons of numbers: "more cats than dogs", "twice as many", "the number of cars is less than that of buses"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eligen.assistant.language.lexicon import Lexicon
from eligen.assistant.language.tokens import number

REACH = 14
UNITS = r"(?:numbers?|amounts?|quantit(?:y|ies)|counts?)"
NUMBER_OF = re.compile(rf"(?:the )?(?:total )?{UNITS} of ")
MORE, LESS = r"(?:more|greater|larger|higher|bigger)", r"(?:fewer|less|smaller|lower)"
BOUND = re.compile(r"(?:(no )?(more|fewer|less) than|(at least|at most|up to|as many as)) (?=(?!an? )([\w-]+))")
TIMES = re.compile(r"([\w-]+) times (?:as many|more|the number of)( |$)")
DIFFERENCE = re.compile(rf"([\w-]+) ({MORE}|{LESS}) ")
MANY = re.compile(r"(?:just )?as many ")
EQUAL = re.compile(
    rf"(?:(?:an |the )?(?:equal|same|identical) {UNITS} of|(?:equal|the same|identical|equals|as many))( |$)"
)
OVER = re.compile(r"(?:outnumber(?:s|ed)?|exceeds?)( |$)")
OF_THOSE = rf"(?:that|those|the {UNITS}|{UNITS}) of "
THAN = re.compile(rf"(?:than|to|as) (?:{OF_THOSE})?|{OF_THOSE}")
SCALES = {"twice": 2.0, "double": 2.0, "half": 0.5}


@dataclass(frozen=True)
class Comparison:
    """How one count stands to another: a op factor * b + difference, op one of < > =."""

    op: str
    factor: float = 1.0
    difference: int = 0

    def holds(self, first: int, second: int) -> bool:
        """Tell whether two counts stand so."""
        target = self.factor * second + self.difference
        return {"<": first < target, ">": first > target, "=": first == round(target)}[self.op]


def read(
    tokens: Sequence[str], at: int, lexicon: Lexicon, open_pair: bool, counted: bool
) -> tuple[str, Any, int] | None:
    """Return the comparison chunk (kind, value, words) that starts there; `open_pair`: one waits for its "than".

    `counted`: "the number of" came before, without which "larger than" is about sizes.
    """
    if tokens[at] not in lexicon.set("comparing") and number(tokens[at], lexicon) is None:
        return None
    rest = " ".join(tokens[at : at + REACH]) + " "
    if open_pair and (found := THAN.match(rest)):
        return "than", None, _length(found)
    if (found := BOUND.match(rest)) and number(found[4], lexicon) is not None:
        return "bound", _bound(found), _length(found)
    if " than " in rest and (found := DIFFERENCE.match(rest)) and (value := number(found[1], lexicon)) is not None:
        sign = 1 if re.fullmatch(MORE, found[2]) else -1
        return "compare", Comparison("=", difference=sign * value), _length(found)
    return _pattern(rest, tokens[at], lexicon, counted)


def _pattern(rest: str, first: str, lexicon: Lexicon, counted: bool) -> tuple[str, Any, int] | None:
    if (found := TIMES.match(rest)) and (times := number(found[1], lexicon)) is not None:
        return "compare", Comparison("=", float(times)), _length(found)
    if first in SCALES and (found := re.match(r"\w+ (?:(?:as many|as much) |(?=that of|the number))", rest)):
        return "compare", Comparison("=", SCALES[first]), _length(found)
    if found := re.match(rf"({MORE if counted else 'more'}|{LESS if counted else 'fewer|less'}) (?=.*\bthan )", rest):
        return "compare", Comparison(">" if re.fullmatch(MORE, found[1]) else "<"), _length(found)
    if found := OVER.match(rest):
        return "outnumber", Comparison(">"), _length(found)
    if found := EQUAL.match(rest) or (MANY.match(rest) if " as " in rest[3:] else None):
        return "compare", Comparison("="), _length(found)
    if (found := NUMBER_OF.match(rest)) and not rest.startswith("a "):
        return "number of", None, _length(found)
    return None


def _bound(found: re.Match[str]) -> int:
    """Return by how much a count may differ from the number named: "more than three" is four."""
    if found[3] or found[1]:
        return 0
    return 1 if found[2] == "more" else -1


def _length(found: re.Match[str]) -> int:
    return len(found[0].split())


def settle(counts: list[int], exact: list[bool], pairs: Sequence[tuple[int, Comparison, int]]) -> list[str]:
    """Change the counts that were not said outright so that the comparisons hold; return those that cannot."""
    for _ in range(len(pairs)):
        for first, rule, second in pairs:
            if not rule.holds(counts[first], counts[second]):
                _adjust(counts, exact, first, rule, second)
    return [
        f"{counts[first]} {rule.op} {counts[second]}"
        for first, rule, second in pairs
        if not rule.holds(counts[first], counts[second])
    ]


def _adjust(counts: list[int], exact: list[bool], first: int, rule: Comparison, second: int) -> None:
    """Move the vaguer of two counts, the first where both are vague, to the nearest number that fits."""
    choices = range(1, max(counts) * 3 + abs(rule.difference) + 2)
    if not exact[first]:
        fitting = [n for n in choices if rule.holds(n, counts[second])]
        counts[first] = min(fitting, key=lambda n: abs(n - counts[first]), default=counts[first])
    if not exact[second] and not rule.holds(counts[first], counts[second]):
        fitting = [n for n in choices if rule.holds(counts[first], n)]
        counts[second] = min(fitting, key=lambda n: abs(n - counts[second]), default=counts[second])
