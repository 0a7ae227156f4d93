"""Expectations of how the assistant behaved: what it said, which tools ran, what its critic saw."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import field_validator

from eligen.assistant.evaluation.checks.base import Check, Scene
from eligen.assistant.routing import Tool


class Reply(Check):
    """The reply, question included, has all of these texts, none of those, and matches a pattern; case is no matter."""

    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    matches: str = ""

    @field_validator("matches")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return pattern

    def failure(self, scene: Scene) -> str:
        """Return what it said instead."""
        said = scene.turn.said.lower()
        fits = all(text.lower() in said for text in self.contains) and not any(t.lower() in said for t in self.lacks)
        return "" if fits and re.search(self.matches, said, re.IGNORECASE) else f"it said {scene.turn.said[:120]!r}"


class Tools(Check):
    """These tools ran, in this order, and no others."""

    of: tuple[Tool, ...]

    def failure(self, scene: Scene) -> str:
        """Return which ran instead."""
        return "" if scene.turn.tools == self.of else f"tools were {', '.join(scene.turn.tools) or 'none'}"


class Verdict(Check):
    """The critic found everything as asked for, or something that is not, or was not asked at all."""

    of: Literal["ok", "failed", "none"]

    def failure(self, scene: Scene) -> str:
        """Return what it found."""
        verdict = scene.turn.verdict
        found = "none" if verdict is None else "ok" if verdict.ok else "failed"
        return "" if found == self.of else f"the critic's verdict is {found}"


class Asks(Check):
    """The assistant asked, and got a prepared answer or none; or it did not ask."""

    of: bool

    def failure(self, scene: Scene) -> str:
        """Return what it asked, or that it did not."""
        asked = next((message.question for message in scene.turn.messages if message.question), "")
        return "" if bool(asked) == self.of else f"it asked {asked!r}" if asked else "it did not ask"


class Refuses(Check):
    """The assistant said that it cannot do what was asked; or it did it."""

    of: bool

    def failure(self, scene: Scene) -> str:
        """Return what it said."""
        return "" if bool(scene.turn.error) == self.of else f"it said {scene.turn.said[:120]!r}"
