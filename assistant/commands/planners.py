"""Planners by the name that `--planner` takes."""

from __future__ import annotations

from eligen.assistant.agents.rules import RulesPlanner
from eligen.tools.errors import UserError


def get_planner(name: str) -> RulesPlanner:
    """Return the planner of that name; UserError when there is none."""
    if name != "rules":
        raise UserError(f"unknown planner {name!r}: known is rules")
    return RulesPlanner()
