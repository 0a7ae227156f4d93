"""An expectation as scenarios write it: one check by its name."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from eligen.assistant.evaluation.checks import changes, conduct, layouts
from eligen.assistant.evaluation.checks.base import Check, Scene
from eligen.tools.layout import Value


class Expectation(Value):
    """Exactly one check of a turn, under its name; `soft` ones are reported but fail no turn."""

    soft: bool = False
    count: layouts.Count | None = None
    absent: layouts.Absent | None = None
    compare: layouts.Compare | None = None
    attribute: layouts.Attribute | None = None
    relation: layouts.Relation | None = None
    between: layouts.Between | None = None
    larger: layouts.Larger | None = None
    region: layouts.Region | None = None
    background: layouts.Background | None = None
    style: layouts.Style | None = None
    unchanged: changes.Unchanged | None = None
    same_as: changes.SameAs | None = None
    moved: changes.Moved | None = None
    resized: changes.Resized | None = None
    keeps_size: changes.KeepsSize | None = None
    keeps_box: changes.KeepsBox | None = None
    becomes: changes.Becomes | None = None
    takes_place: changes.TakesPlace | None = None
    restored: changes.Restored | None = None
    copied: changes.Copied | None = None
    swapped: changes.Swapped | None = None
    reply: conduct.Reply | None = None
    tools: conduct.Tools | None = None
    verdict: conduct.Verdict | None = None
    asks: conduct.Asks | None = None
    refuses: conduct.Refuses | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self._checks) != 1:
            raise ValueError("an expectation is exactly one check")
        return self

    @property
    def kind(self) -> str:
        """The check's name."""
        return next(iter(self._checks))

    @property
    def _checks(self) -> dict[str, Check]:
        return {name: value for name, value in self if isinstance(value, Check)}

    def failure(self, scene: Scene) -> str:
        """Return what is wrong after the scene's turn, "" when nothing is."""
        return self._checks[self.kind].failure(scene)
