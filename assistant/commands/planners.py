"""Planners by the name that `--planner` takes."""

from __future__ import annotations

from eligen.assistant.agents.model_planner import ModelPlanner
from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.chat_models import KINDS, SPELLINGS, get_chat_model
from eligen.assistant.context import Planner
from eligen.assistant.edits import apply
from eligen.assistant.plan import Plan, Redo, Undo
from eligen.tools.errors import UserError
from eligen.tools.layout import Layout


def get_planner(name: str) -> Planner:
    """Return the planner of that name: rules, or a language model whose place they take when it cannot be understood.

    Nothing but the name chooses a model. UserError when there is none of that name.
    """
    if name == "rules":
        return RulesPlanner()
    if name.partition(":")[0] not in KINDS:
        raise UserError(f"unknown planner {name!r}: known are rules, {SPELLINGS}")
    return ModelPlanner(get_chat_model(name), fallback=RulesPlanner())


def asked_for(plan: Plan) -> Layout:
    """Return the first layout that a plan makes; UserError with the planner's words where it makes none."""
    edits = [edit for edit in plan.edits if not isinstance(edit, Undo | Redo)]
    if not edits:
        raise UserError(plan.question.text if plan.question else plan.reply)
    return apply(None, edits)
