"""Scenarios as data: what a user says, what is expected then, and how much of it must hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, field_validator, model_validator

from eligen.assistant.evaluation.brief import Brief
from eligen.assistant.evaluation.checks.expectation import Expectation
from eligen.tools.errors import UserError
from eligen.tools.layout import Layout, Value
from eligen.tools.requests import Side
from eligen.tools.userinput import read_text, validated

SCHEMA_VERSION = 1

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]


class Answer(Brief):
    """What a simulated user answers: to a question that matches `to`, or to any."""

    say: str = Field(min_length=1)
    to: str = ""

    @field_validator("to")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return pattern


class Turn(Brief):
    """One message with image files, prepared answers to questions, and what is expected once they are answered.

    With a `layout` the planner is not asked: that layout is painted.
    """

    say: str = ""
    attach: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    layout: Layout | None = None
    expect: tuple[Expectation, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.say.strip() or self.attach or self.layout):
            raise ValueError("a turn says something, attaches something or gives a layout")
        return self

    @property
    def text(self) -> str:
        """What is sent."""
        return self.say or (self.layout.prompt if self.layout else "")


class Goal(Value):
    """A layout that only the simulated user knows, and how many messages it has patience for."""

    layout: Layout
    patience: int = Field(default=12, ge=1, le=50)


class Scenario(Value):
    """One conversation: scripted turns, or a hidden goal that a simulated user talks toward."""

    id: Name
    tags: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    goal: Goal | None = None
    seed: Seed | None = None

    @model_validator(mode="after")
    def _turns_or_goal(self) -> Self:
        if bool(self.turns) == (self.goal is not None):
            raise ValueError("a scenario has turns or a goal, and only one of them")
        return self


class Suite(Value):
    """Scenarios that are played alike, and the least (or most) that measures must come to for the run to pass.

    `paint: false` plays without pictures. `size` and `steps` are the profile's where they are not given.
    """

    schema_version: int = Field(default=SCHEMA_VERSION, strict=True, ge=1, le=SCHEMA_VERSION)
    name: Name
    about: str = ""
    paint: bool = True
    size: tuple[Side, Side] | None = None
    steps: int | None = Field(default=None, ge=1, le=200)
    bars: dict[str, float] = Field(default_factory=dict)
    scenarios: tuple[Scenario, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique_ids(self) -> Self:
        ids = [scenario.id for scenario in self.scenarios]
        if repeated := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"scenario ids repeat: {', '.join(repeated[:5])}")
        return self


def read_suite(path: Path) -> Suite:
    """Return the suite of a YAML (or JSON) file, attached files relative to it; UserError says what is wrong."""
    try:
        value = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise UserError(f"{path.name}: not YAML ({' '.join(str(error).split())[:200]})") from None
    suite = validated(Suite, value, path.name)
    scenarios = tuple(_located(scenario, path.parent) for scenario in suite.scenarios)
    return suite.model_copy(update={"scenarios": scenarios})


def _located(scenario: Scenario, folder: Path) -> Scenario:
    turns = []
    for turn in scenario.turns:
        files = tuple(str(folder / name) for name in turn.attach)
        for file in files:
            if not Path(file).is_file():
                raise UserError(f"{scenario.id}: there is no file {file}")
        turns.append(turn.model_copy(update={"attach": files}))
    return scenario.model_copy(update={"turns": tuple(turns)})


def schema() -> dict[str, Any]:
    """Return the JSON schema of a suite."""
    described = Suite.model_json_schema()
    edges = {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "minItems": 4, "maxItems": 4}
    described["$defs"]["Box"] = {"anyOf": [edges, described["$defs"]["Box"]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | described
