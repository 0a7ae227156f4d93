"""What is said to language models: Markdown templates, rendered strictly."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(name: str, **values: object) -> str:
    """Return the template `name`.md with these values; jinja2.UndefinedError when one that it uses is missing.

    Whatever comes from outside goes through the filter `data`, which makes it one line of JSON.
    """
    return _environment().get_template(f"{name}.md").render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data"] = data
    return environment


def data(value: object) -> str:
    """Return a value as one line of JSON that can neither end a quotation nor spell a chat template's `<|...|>`."""
    if isinstance(value, StrictUndefined):
        str(value)  # raises, and names what is missing
    return json.dumps(value, ensure_ascii=False).replace("<", r"\u003c")
