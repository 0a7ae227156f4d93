"""Planning in bulk: dialogues in a JSON-lines file to layouts in another, without pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eligen.assistant.context import Context, Message, Planner
from eligen.assistant.edits import apply
from eligen.assistant.plan import Plan, Redo, Undo
from eligen.tools.errors import ToolError, UserError
from eligen.tools.layout import Layout


class Dialogue(BaseModel):
    """One line of the input."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    turns: tuple[str, ...] = Field(min_length=1)


def plan_file(input: Path, output: Path, planner: Planner) -> int:
    """Plan every dialogue of a JSON-lines file into another; return how many. UserError names a malformed line."""
    try:
        lines = input.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {input}: {error}") from error
    results = [json.dumps(result, ensure_ascii=False) + "\n" for result in plan_lines(lines, planner)]
    try:
        output.write_text("".join(results), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}") from error
    return len(results)


def plan_lines(lines: Iterable[str], planner: Planner) -> Iterator[dict[str, Any]]:
    """Yield the planned dialogue of each line; blank lines are skipped. UserError names a malformed line."""
    dialogues = [_dialogue(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for dialogue in dialogues:
        yield {"id": dialogue.id, "turns": _turns(dialogue, planner)}


def _dialogue(number: int, line: str) -> Dialogue:
    try:
        return Dialogue.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "line"
        raise UserError(f"line {number}: {where}: {first['msg']}") from error


def _turns(dialogue: Dialogue, planner: Planner) -> list[dict[str, Any]]:
    """Plan each message after the layouts that the ones before it left."""
    context, turns = Context(), []
    for text in dialogue.turns:
        plan, error, tools = Plan(reply=""), None, []
        layouts = context.layouts
        try:
            plan = planner.plan(text, context)
            if edits := [edit for edit in plan.edits if not isinstance(edit, Undo | Redo)]:
                layouts = (*layouts, apply(context.layout, edits))
                tools = ["generate"]
        except (UserError, ToolError) as problem:
            error = str(problem)
        said = (Message(role="user", text=text), Message(role="assistant", text=plan.reply))
        context = Context(layouts=layouts, dialogue=context.dialogue + said, question=plan.question)
        turns.append(_turn(context.layout, tools, plan, error))
    return turns


def _turn(layout: Layout | None, tools: list[str], plan: Plan, error: str | None) -> dict[str, Any]:
    entities = layout.entities if layout else ()
    return {
        "entities": [{"prompt": entity.prompt, "box": entity.box.as_list()} for entity in entities],
        "background": ", ".join(filter(None, (layout.background, layout.style))) if layout else "",
        "tools": tools,
        "reply": plan.reply,
        "question": plan.question.text if plan.question else None,
        "error": error,
    }
