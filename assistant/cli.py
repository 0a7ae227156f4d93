"""The command `eligen`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from eligen.assistant.commands.chat import chat
from eligen.assistant.commands.design import design
from eligen.assistant.commands.eval import evaluate
from eligen.assistant.commands.models import models
from eligen.assistant.commands.plan import plan
from eligen.assistant.commands.render import render
from eligen.assistant.commands.sessions import sessions
from eligen.assistant.commands.ui import ui
from eligen.tools.errors import EligenError
from eligen.tools.userinput import printable

app = typer.Typer(
    name="eligen",
    help="Plan pictures from words and paint every thing where it belongs.",
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(design)
app.command()(render)
app.command()(plan)
app.command()(chat)
app.command()(ui)
app.command(name="eval")(evaluate)
app.add_typer(models)
app.add_typer(sessions)


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 2 after one line on stderr when the input is bad, or 130 when interrupted."""
    args = sys.argv[1:] if args is None else args
    try:
        return app(list(args) or ["--help"], prog_name="eligen", standalone_mode=False) or 0
    except EligenError as error:
        return _refuse(str(error), 2)
    except TyperException as error:
        return _refuse(error.format_message().replace("Value error, ", ""), error.exit_code)


def _refuse(message: str, code: int) -> int:
    typer.echo(f"eligen: {printable(message)}", err=True)
    return code
