"""The two ways to hold a session: by typing, and by a script."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from eligen.assistant.commands.options import check_writable, note, say
from eligen.assistant.commands.painting import progress
from eligen.assistant.turns import Turn
from eligen.tools.errors import EligenError, UserError
from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Value
from eligen.tools.userinput import printable, read_json_lines, user_path, validated

if TYPE_CHECKING:
    from eligen.assistant.session import Session
    from eligen.assistant.state import Progress

HELP = """Say what to paint or to change, or:
  /attach FILE    send a picture with the next message, which may be empty: to be changed, or to be like
  /undo [N]       go back a version, or N
  /redo [N]       go forward again
  /versions       list the versions;  /goto N  go to one of them
  /export FILE    write the whole session into a .zip
  /quit"""
NUMBER = re.compile(r"[1-9][0-9]{0,5}")


class Line(Value):
    """One message of a script; files are relative to the script."""

    user: str
    attach: tuple[str, ...] = Field(default=(), max_length=8)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not printable(self.user) and not self.attach:
            raise ValueError("the message is empty")
        return self


@dataclass(frozen=True)
class Script:
    """The messages of a script, and for each its picture's file."""

    lines: tuple[Line, ...]
    pictures: tuple[Path, ...]

    @classmethod
    def read(cls, source: Path, out: Path) -> Script:
        """Return a script whose lines and pictures are all right and whose files can be written.

        Raises UserError that names the line, or the picture of another run that lies in the way.
        """
        lines = [
            _checked(validated(Line, value, where), source.parent, where) for where, value in read_json_lines(source)
        ]
        if not lines:
            raise UserError(f"{source} holds no message")
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to {out}: {error.strerror}") from error
        pictures = tuple(out / f"{number:02}.png" for number in range(1, len(lines) + 1))
        if others := sorted(set(out.glob("[0-9][0-9].png")) - set(pictures)):
            raise UserError(f"{others[0]} is of another run: give an empty folder")
        for picture in pictures:
            check_writable(picture)
            check_writable(picture.with_suffix(".json"))
        return cls(tuple(lines), pictures)


def _checked(line: Line, folder: Path, where: str) -> Line:
    files = tuple(str(folder / name) for name in line.attach)
    for file in files:
        try:
            open_image(Path(file))
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
    return line.model_copy(update={"attach": files})


def perform(session: Session, script: Script) -> None:
    """Send every message of a script; write the picture after it, a record, and a mask of what was repainted."""
    for line, picture in zip(script.lines, script.pictures, strict=True):
        turn = followed(session.stream(line.user, [Path(file) for file in line.attach]))
        try:
            _write_picture(session, picture)
            _write_mask(session, turn, picture.with_suffix(".mask.png"))
            text = json.dumps(record(session, turn), indent=2, ensure_ascii=False)
            picture.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {picture}: {error.strerror or error}") from error
        say(f"{picture}  {answer(turn)}")


def _write_picture(session: Session, path: Path) -> None:
    """Write the current picture; before the first one that is an empty canvas."""
    if session.picture is not None:
        shutil.copyfile(session.picture, path)
        return
    from PIL import Image

    Image.new("RGB", (session.settings.width, session.settings.height), "white").save(path)


def _write_mask(session: Session, turn: Turn, path: Path) -> None:
    """Write where a turn repainted the picture, if it did so in part."""
    mask = session.mask_of(turn.version) if turn.painted else None
    if mask is None:
        path.unlink(missing_ok=True)
    else:
        shutil.copyfile(mask, path)


def record(session: Session, turn: Turn) -> dict[str, Any]:
    """Return what a turn was and what it left, as JSON: the fields of `eligen plan`, and those of its version."""
    version, layout = session.history.current, session.layout
    fields: dict[str, Any] = {
        "user": turn.user,
        "entities": [entity.model_dump(mode="json", exclude_none=True) for entity in layout.entities] if layout else [],
        "background": ", ".join(filter(None, (layout.background, layout.style))) if layout else "",
        "tools": list(turn.tools),
        "reply": turn.reply,
        "question": turn.question.text if turn.question else None,
        "error": turn.error,
        "painted": turn.painted,
        "tries": turn.tries,
        "verdict": turn.verdict.model_dump(mode="json") if turn.verdict else None,
        "notices": list(turn.notices),
        "version": turn.version,
    }
    if version is not None:
        fields["layout"] = version.layout.model_dump(mode="json", exclude_none=True)
        fields |= version.model_dump(mode="json", exclude_none=True, include={"parent", "picture", "seed"})
    if version is not None and turn.painted:
        fields |= version.model_dump(mode="json", exclude_none=True, include={"edits", "requests"})
    return fields


def converse(session: Session) -> None:
    """Talk with the user until they leave."""
    settings = session.settings
    say(f"session {session.name}  ({settings.width}x{settings.height}, seed {settings.seed}; /help for help)")
    if session.unfinished is not None:
        say(f"finishing what was cut off: {session.unfinished}")
        tell(session, followed(session.stream_rest()))
    elif session.turns:
        tell(session, session.turns[-1])
    attached: list[Path] = []
    while True:
        try:
            text = input("> ").strip()
        except EOFError:
            return
        word, _, rest = text.partition(" ")
        try:
            if word in ("/quit", "/exit", "/q"):
                return
            if word == "/attach":
                open_image(file := user_path(rest))
                attached.append(file)
            elif word.startswith("/"):
                obey(session, word, rest.strip())
            elif text or attached:
                tell(session, followed(session.stream(text, attached)))
                attached = []
        except EligenError as error:
            note(str(error))


def followed(events: Iterator[Progress | Turn]) -> Turn:
    """Return the turn at the end of a stream, with a progress bar for every picture on the way."""
    with ExitStack() as stack:
        bar = None
        for event in events:
            if isinstance(event, Turn):
                return event
            if event.done == 1:
                stack.close()
                bar = stack.enter_context(progress(event.doing, "step", total=event.total))
            if bar is not None and event.total:
                bar.update(event.done - bar.n)
    raise AssertionError("a stream ends with its turn")


def tell(session: Session, turn: Turn) -> None:
    """Print a turn's answer, its notices, and where the picture lies."""
    for notice in turn.notices:
        note(notice)
    say(answer(turn))
    if turn.question is None:
        say(where(session))


def answer(turn: Turn) -> str:
    """Return what the assistant says, the question and its options included."""
    options = " / ".join(option.label for option in turn.question.options) if turn.question else ""
    return turn.messages[1].text + (f"  [{options}]" if options else "")


def where(session: Session) -> str:
    """Return which version is current and where its picture lies."""
    return f"version {session.history.head}: {session.picture}" if session.picture else "no picture yet"


def obey(session: Session, word: str, rest: str) -> None:
    """Do what a word with a slash says; UserError when there is no such word or it needs another argument."""
    moves: dict[str, Callable[[int], Any]] = {"/undo": session.undo, "/redo": session.redo, "/goto": session.goto}
    if word in moves:
        if not (NUMBER.fullmatch(rest) or (rest == "0" if word == "/goto" else not rest)):
            raise UserError(f"{word} takes a number")
        steps, most = int(rest or 1), session.history.undoable
        moves[word](steps)
        if word == "/undo" and steps > most:
            say(f"went back {most} of {steps} steps")
        say(where(session))
    elif word == "/versions":
        for version in session.history.versions:
            mark = "*" if version.id == session.history.head else " "
            say(f"{mark} {version.id}  from {version.parent}  {version.reply}")
    elif word == "/export":
        if not rest:
            raise UserError("/export takes a file's name")
        file = user_path(rest)
        check_writable(file)
        session.export(file)
        say(rest)
    elif word == "/help":
        say(HELP)
    else:
        raise UserError(f"there is no {word}; /help lists what there is")
