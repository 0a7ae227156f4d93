"""Planners by the name that `--planner` takes."""

from __future__ import annotations

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.plan import Plan
from eligen.assistant.planning import Planner
from eligen.tools.errors import UserError
from eligen.tools.layout import Layout


def get_planner(name: str) -> Planner:
    """Return the planner of that name; UserError when there is none."""
    if name != "rules":
        raise UserError(f"unknown planner {name!r}: known is rules")
    return RulesPlanner()


def asked_for(plan: Plan) -> Layout:
    """Return the plan's layout; UserError with the planner's question where it has none."""
    if plan.layout is None:
        raise UserError(plan.question or plan.reply)
    return plan.layout
