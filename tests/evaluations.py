"""Help for tests of evaluations: agents without models, suites in a line."""

from __future__ import annotations

from typing import Any

from scripted import Sketcher

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.context import Context
from eligen.assistant.evaluation.agents import Agent, standard
from eligen.assistant.evaluation.scenarios import Suite
from eligen.assistant.plan import Plan


def sketched(**options: Any) -> Agent:
    """An agent that plans by the rules and paints noise."""
    return Agent(planner=RulesPlanner(), painter=Sketcher(), profile=standard(**options).profile)


class Moody:
    """Plans by the rules, but breaks when it is told to."""

    def plan(self, text: str, context: Context) -> Plan:
        if "break" in text:
            raise ZeroDivisionError("it broke")
        return RulesPlanner().plan(text, context)


def moody(**options: Any) -> Agent:
    """An agent that breaks when it is told to."""
    return standard(planner=Moody(), **options)


def suite(*turns: Any, name: str = "made", paint: bool = False, **fields: Any) -> Suite:
    """A suite of one conversation."""
    scenario = {"id": "talk", "turns": turns}
    return Suite.model_validate({"name": name, "paint": paint, "scenarios": [scenario]} | fields)
