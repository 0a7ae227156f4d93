"""`eligen plan`: layouts without pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eligen.assistant.commands.options import PlannerOption, check_writable, note, say, spoken
from eligen.assistant.commands.planners import asked_for, get_planner
from eligen.assistant.context import Context
from eligen.assistant.planning import plan_file
from eligen.tools.errors import UserError


def plan(
    prompt: Annotated[
        str | None, typer.Argument(help="A sentence, whose layout is printed as JSON.", show_default=False)
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how the sentence was read instead of JSON.")] = False,
    source: Annotated[Path | None, typer.Option("--input", help='A .jsonl of {"id", "turns": [text, ...]}.')] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Where the layouts after each turn are written.")
    ] = None,
    planner: PlannerOption = "rules",
) -> None:
    """Plan layouts without painting.

    Either for one sentence, or for a file of dialogues.
    """
    chosen = get_planner(planner)
    if prompt is not None and source is None and output is None:
        answer = chosen.plan(spoken(prompt), Context())
        for notice in answer.notices:
            note(notice)
        if explain:
            say("\n".join(answer.explanation))
        else:
            say(asked_for(answer).model_dump_json(indent=2, exclude_none=True))
    elif source is not None and output is not None and prompt is None and not explain:
        check_writable(output)
        plan_file(source, output, chosen)
    else:
        raise UserError(
            'write either: eligen plan "TEXT" [--explain], or: eligen plan --input IN.jsonl --output OUT.jsonl'
        )
