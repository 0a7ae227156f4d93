"""Saying numbers and lists in words."""

from __future__ import annotations

from collections.abc import Sequence

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def number(count: int) -> str:
    """Return a small number in words, another in digits."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c"."""
    *first, last = names or ("",)
    return f"{', '.join(first)} and {last}" if first else last
