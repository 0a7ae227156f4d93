"""Planning in bulk: dialogues in a JSON-lines file to layouts in another, without pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import Field

from eligen.assistant.context import Context, Message, Planner
from eligen.assistant.edits import apply
from eligen.assistant.history import History, Version
from eligen.assistant.plan import Plan
from eligen.assistant.routing import Settings, Tool, steps
from eligen.assistant.turns import spoken
from eligen.tools.errors import EligenError, UserError
from eligen.tools.layout import Layout, Value
from eligen.tools.userinput import read_json_lines, validated

UNPAINTED = "unpainted"  # stands for the pictures, which are not painted here
SETTINGS = Settings(seed=0, width=256, height=256)


class Dialogue(Value):
    """One line of the input."""

    id: str = Field(min_length=1)
    turns: tuple[str, ...] = Field(min_length=1)


def plan_file(input: Path, output: Path, planner: Planner) -> int:
    """Plan every dialogue of a JSON-lines file into another; return how many. UserError names a malformed line."""
    dialogues = [validated(Dialogue, value, where) for where, value in read_json_lines(input)]
    results = [json.dumps(plan_dialogue(dialogue, planner), ensure_ascii=False) + "\n" for dialogue in dialogues]
    try:
        output.write_text("".join(results), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}") from error
    return len(results)


def plan_dialogue(dialogue: Dialogue, planner: Planner) -> dict[str, Any]:
    """Return the whole layout after each turn, and the tools that would paint it."""
    history, said, turns, plan = History(), tuple[Message, ...](), [], Plan(reply="")
    for text in dialogue.turns:
        tools, error = list[Tool](), None
        context = Context(layouts=history.layouts, taken=history.ids, dialogue=said, question=plan.question)
        try:
            plan = planner.plan(text, context)
            history, tools = _followed(history, plan)
        except EligenError as problem:
            plan, error = Plan(reply=""), str(problem)
        answer = error or spoken(plan.reply, plan.question)
        said += Message(role="user", text=text), Message(role="assistant", text=answer)
        turns.append(_turn(history.current.layout if history.current else None, tools, plan, error))
    return {"id": dialogue.id, "turns": turns}


def _followed(history: History, plan: Plan) -> tuple[History, list[Tool]]:
    """Return the history after a plan's edits, and the tools that they need; ToolError when they cannot be done."""
    history, edits = history.follow(plan.edits)
    if not edits:
        return history, []
    old = history.current.layout if history.current else None
    new = apply(old, edits, taken=history.ids)
    todo = steps(old, new, edits, picture=UNPAINTED, settings=SETTINGS)
    if todo or new != old:
        history = history.add(Version(id=history.next_id, parent=history.head, layout=new, edits=plan.edits))
    return history, [step.tool for step in todo]


def _turn(layout: Layout | None, tools: list[Tool], plan: Plan, error: str | None) -> dict[str, Any]:
    entities = layout.entities if layout else ()
    return {
        "entities": [{"prompt": entity.prompt, "box": entity.box.as_list()} for entity in entities],
        "background": ", ".join(filter(None, (layout.background, layout.style))) if layout else "",
        "tools": tools,
        "reply": plan.reply,
        "question": plan.question.text if plan.question else None,
        "error": error,
    }
