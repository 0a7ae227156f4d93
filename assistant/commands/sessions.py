"""`eligen sessions`: what conversations there are, and how they come and go as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eligen.assistant.commands.options import check_writable, say

sessions = typer.Typer(
    name="sessions", help="List, export, import, rename and delete conversations.", invoke_without_command=True
)
Name = Annotated[str, typer.Argument(help="A session's name.", show_default=False)]


@sessions.callback()
def listed(context: typer.Context) -> None:
    """List the sessions, the last used first."""
    if context.invoked_subcommand is None:
        from eligen.assistant.store import list_sessions

        for name in list_sessions():
            say(name)


@sessions.command("export")
def export(name: Name, out: Annotated[Path, typer.Argument(help="The .zip to write.", show_default=False)]) -> None:
    """Write a whole session into a .zip: layouts, pictures, dialogue and requests."""
    from eligen.assistant.archive import export_session
    from eligen.assistant.store import Store, existing

    folder = existing(name)
    check_writable(out)
    with Store(folder) as store:
        export_session(store, out)
    say(str(out))


@sessions.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A .zip that export wrote.", show_default=False)],
    name: Annotated[str | None, typer.Option("--name", help="[default: the name it had]")] = None,
) -> None:
    """Make a session of a .zip; one of the same name is never overwritten."""
    from eligen.assistant.archive import import_session

    say(import_session(source, name))


@sessions.command("rename")
def rename(name: Name, new: Annotated[str, typer.Argument(help="Its new name.", show_default=False)]) -> None:
    """Rename a session."""
    from eligen.assistant.store import rename_session

    rename_session(name, new)


@sessions.command("delete")
def delete(name: Name) -> None:
    """Delete a session with all its pictures."""
    from eligen.assistant.store import delete_session

    delete_session(name)
