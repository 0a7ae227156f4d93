"""Reading what people wrote: text, JSON and JSON lines; whatever is wrong is said in one line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from eligen.tools.errors import UserError

Model = TypeVar("Model", bound=BaseModel)

TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\n\x07\x1b]*(?:\x07|\x1b\\))")  # ANSI's CSI and OSC sequences


def printable(text: str) -> str:
    """Return the text without terminal sequences, control characters and lone surrogates; line breaks become spaces."""
    spaced = TERMINAL.sub("", text).translate({ord(char): " " for char in "\t\n\v\f\r\u2028\u2029"})
    return "".join(char for char in spaced if unicodedata.category(char) not in {"Cc", "Cs"}).strip()


def user_path(text: str | Path) -> Path:
    """Return the path that was written, which may begin with a home; UserError when nobody has it."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"there is no home {Path(text).parts[0]}") from None


def check_replaceable(path: Path) -> None:
    """Raise UserError when there is something at a path that a file must not take the place of."""
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder")
    if path.exists() and not path.is_file():
        raise UserError(f"cannot write {path}: it is not a regular file")


def read_text(path: Path) -> str:
    """Return a file's text; UserError when it is missing, unreadable or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"no file at {path}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def parse_json(text: str | bytes, where: str) -> Any:
    """Return the JSON value in a text; UserError that names `where` when it is none."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise UserError(f"{where}: not JSON ({error})") from None


def read_json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (where, value) for every line of a JSON-lines file that is not blank; `where` names file and line."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            where = f"{path.name}, line {number}"
            yield where, parse_json(line, where)


def validated(model: type[Model], value: Any, where: str) -> Model:
    """Return the value as a model; UserError that names `where` and the first thing wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise UserError(f"{where}: {reason(error)}") from None


def reason(error: ValidationError) -> str:
    """Return what is wrong in one line: the place and the reason of the first error, and how many follow."""
    first, *others = error.errors(include_url=False)
    place = ".".join(str(step) for step in first["loc"])
    match first["type"]:
        case "extra_forbidden":
            text = f"unknown field {place!r}"
        case "missing":
            text = f"field {place!r} is missing"
        case "model_type" | "model_attributes_type" | "dict_type":
            text = f"{place or 'the line'} is not a JSON object"
        case _:
            text = f"{place}: {first['msg'].removeprefix('Value error, ')}" if place else first["msg"]
    return printable(f"{text} (and {len(others)} more)" if others else text)
