"""What a session is worked on with."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from eligen.tools.layout import Value
from eligen.tools.presets import PresetName
from eligen.tools.profiles import DEFAULT_PROFILE
from eligen.tools.requests import Side

PRESETS: tuple[PresetName, ...] = get_args(PresetName)


class Choices(Value):
    """What the next turns are made with; None is the profile's default, for the seed a new one.

    `candidates` is how many pictures a message is answered with; with `at_once` changes by hand are painted as they
    come.
    """

    profile: str = DEFAULT_PROFILE
    planner: str = "rules"
    critic: bool = True
    size: tuple[Side, Side] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    preset: PresetName = "exact"
    guidance: Annotated[float, Field(ge=0, le=50)] | None = None
    candidates: Annotated[int, Field(ge=1, le=8)] = 1
    at_once: bool = True
