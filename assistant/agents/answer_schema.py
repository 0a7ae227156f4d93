"""The JSON schema that a language model's plan is held to while it is decoded, narrowed to what the context allows.

Plain enough for the decoders of every server: objects without optional keys, enumerations, `anyOf`, bounds. It admits
less than `Plan` does (no mask, no path that was not attached, no id that is not there), and never decides alone:
what was decoded is validated like any other answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eligen.assistant.agents.answers import attachment_names
from eligen.assistant.chat_models.base import Schema
from eligen.assistant.context import Context

PLACES = ("left", "right", "above", "below", "next", "on", "inside", "front", "behind", "between")
SIDES = ("top", "bottom", "left", "right", "center")
MOST_EDITS = 12
MOST_OPTIONS = 4


def answer_schema(context: Context) -> Schema:
    """Return the schema of a plan: {"reply", "question", "edits"}, where question is null or edits are empty."""
    ids = [entity.id for entity in context.layout.entities] if context.layout else []
    question = _object(
        text=_text(300), options=_list(_object(label=_text(60), edits=_list(_ref("edit"), 0, 4)), 0, MOST_OPTIONS)
    )
    plan = _object(reply=_text(400), question=_either(_NULL, question), edits=_list(_ref("edit"), 0, MOST_EDITS))
    return plan | {"$defs": {"edit": _either(*_edits(context, ids)), "place": _place(ids), "box": _BOX}}


def _edits(context: Context, ids: Sequence[str]) -> list[Schema]:
    """Return what can be done now: nothing with things before there are any, no reference without an attachment."""
    reference = _enum(*attachment_names(context))
    place = _either(_NULL, _ref("place"))
    entity = _object(prompt=_text(), box=_ref("box"))
    layout = _object(prompt=_text(300), entities=_list(entity, 0, 24), background=_words(), style=_words())
    edits = [
        _edit("compose", layout=layout),
        _edit("add", prompt=_text(), count=_whole(1, 24), place=place, size=_number(0.1, 10)),
        _edit("background", prompt=_words()),
        _edit("style", prompt=_words(), reference=_either(_NULL, reference) if context.attachments else _NULL),
    ]
    if ids:
        one, some = _enum(*ids), _list(_enum(*ids), 1, 24)
        edits += [
            _edit("remove", ids=some),
            _edit("move", ids=some, place=_ref("place")),
            _edit("move", ids=some, dx=_number(-1, 1), dy=_number(-1, 1)),
            _edit("resize", ids=some, factor=_number(0.1, 10)),
            _edit("describe", id=one, prompt=_text()),
            _edit("replace", id=one, prompt=_text()),
            _edit("duplicate", id=one, count=_whole(1, 24), place=place),
            _edit("swap", first=one, second=one),
            _edit("count", ids=some, n=_whole(0, 24)),
            _edit("regenerate", ids=_list(one, 0, 24)),
        ]
        if context.attachments:
            edits.append(_edit("transfer", id=one, reference=reference))
            edits.append(_edit("style", ids=some, reference=reference))
    if context.layouts:
        edits.append(_edit("undo", steps=_whole(1, len(context.layouts))))
    if context.dialogue:
        edits.append(_edit("redo", steps=_whole(1, 99)))
    return edits


def _place(ids: Sequence[str]) -> Schema:
    """Return the three ways to say where; relations are to what is there or to what the same plan adds."""
    coming: Schema = {"type": "string", "pattern": "^[a-z]{1,20}-[1-9]$"}
    hosts = _list(_either(_enum(*ids), coming) if ids else coming, 1, 4)
    return _either(
        _object(region=_list(_enum(*SIDES), 1, 2)), _object(relation=_enum(*PLACES), of=hosts), _object(box=_ref("box"))
    )


def _edit(op: str, **fields: Schema) -> Schema:
    return _object(op=_enum(op), **fields)


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema, least: int, most: int) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


def _either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def _enum(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _text(most: int = 160) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": most}


def _words(most: int = 160) -> Schema:
    return {"type": "string", "maxLength": most}


def _number(least: float, most: float) -> Schema:
    return {"type": "number", "minimum": least, "maximum": most}


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


_NULL: dict[str, Any] = {"type": "null"}
_BOX = _list(_number(0, 1), 4, 4)
