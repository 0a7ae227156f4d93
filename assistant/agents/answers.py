"""What a language model may answer: the JSON schema of a plan in its context, and the plan in its words, checked."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from eligen.assistant.context import Context
from eligen.assistant.edits import apply
from eligen.assistant.items import MOST
from eligen.assistant.plan import Compose, Edit, Plan, Redo, Shape, Style, Transfer, Undo
from eligen.tools.errors import ModelOutputError, ToolError
from eligen.tools.layout import Layout
from eligen.tools.userinput import printable

MOST_TEXT = 600
_START = re.compile(r'\{\s*"(?:reply|question|edits|explanation|notices)"\s*:')
_ID = re.compile(r"[\w-]{1,64}")
_DECODER = json.JSONDecoder(strict=False)  # some constrained decoders let line breaks into strings


def read_answer(text: str, context: Context, message: str) -> Plan:
    """Return the plan in a model's answer to a message; ModelOutputError that tells the model what is wrong.

    What comes back can be applied to the context: every id is in its layout, every reference among its attachments.
    A question wins over edits beside it, since nothing should change before it is answered. Edits before the first
    picture start it.
    """
    try:
        value = _cleaned(_object_in(text))
        if value.get("question"):
            value["edits"] = []
        plan = Plan.model_validate(value)
    except ValidationError as error:
        raise ModelOutputError(_reasons(error)) from None
    except RecursionError:
        raise ModelOutputError("the JSON is nested too deeply") from None
    if plan.names:
        raise ModelOutputError("names: pictures are named by their user; leave it out")
    edits = _applicable(plan.edits, context, message)
    question = plan.question
    if question is not None:
        options = tuple(
            option.model_copy(update={"edits": _applicable(option.edits, context, message)})
            for option in question.options
        )
        question = question.model_copy(update={"options": options})
    return plan.model_copy(update={"edits": edits, "question": question})


def attachment_names(context: Context) -> dict[str, str]:
    """Return the files attached by the names that a model knows them by, which tell it nothing about this machine."""
    return {f"attachment-{number}": path for number, path in enumerate(context.attachments, start=1)}


def _object_in(text: str) -> dict[str, Any]:
    """Return the last plan-like JSON object in a text, after its reasoning and between its prose.

    Nothing is repaired: what repairs JSON also completes a plan that was cut off, and half of it would be done.
    """
    text = text.rpartition("</think>")[2]
    found, problem, end = None, "there is no JSON object with the keys reply, question and edits in the answer", 0
    for match in _START.finditer(text):
        if match.start() < end:
            continue
        try:
            found, end = _DECODER.raw_decode(text, match.start())
        except ValueError as error:
            problem = f"the answer is not whole, valid JSON: {error}"
    if found is None:
        raise ModelOutputError(problem)
    return found


def _cleaned(value: Any) -> Any:
    """Return a JSON value whose texts are printable; ModelOutputError when one is too long to be meant."""
    if isinstance(value, dict):
        return {printable(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, str) and len(value) > MOST_TEXT:
        raise ModelOutputError(f"a text of {len(value)} characters is too long: at most {MOST_TEXT}")
    return printable(value) if isinstance(value, str) else value


def _reasons(error: ValidationError) -> str:
    """Return the first things wrong, each with its place in the answer."""
    reasons = [
        f"{'.'.join(map(str, one['loc'])) or 'plan'}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors(include_url=False, include_input=False)[:4]
    ]
    return printable("; ".join(reasons))[:MOST_TEXT]


def _applicable(edits: Sequence[Edit], context: Context, message: str) -> tuple[Edit, ...]:
    """Return edits that can be applied to the context, by trying; ModelOutputError says why they cannot."""
    edits = [_attached(edit, context) for edit in edits]
    walks = [edit for edit in edits if isinstance(edit, Undo | Redo)]
    changes = [edit for edit in edits if not isinstance(edit, Undo | Redo)]
    undone = sum(edit.steps for edit in walks if isinstance(edit, Undo))
    if undone and not context.layouts:
        raise ModelOutputError("there is nothing to undo")
    if changes and any(isinstance(edit, Redo) for edit in walks):
        raise ModelOutputError("redo stands alone: no other edits beside it")
    layouts = context.layouts[: max(len(context.layouts) - undone, 0)]
    if changes and not layouts and not isinstance(changes[0], Compose):
        changes.insert(0, Compose(layout=Layout(prompt=message)))
    try:
        if changes:
            taken = context.taken | {entity.id for layout in context.layouts for entity in layout.entities}
            apply(layouts[-1] if layouts else None, changes, taken=taken)
    except ToolError as error:
        raise ModelOutputError(str(error)) from None
    return (*walks, *changes)


def _attached(edit: Edit, context: Context) -> Edit:
    """Return an edit with the path of the attachment it names.

    ModelOutputError for every path that the user did not attach, ids that are none, more things than a picture holds.
    """
    names = attachment_names(context)
    if isinstance(edit, Style | Transfer) and edit.reference in names:
        return edit.model_copy(update={"reference": names[edit.reference]})
    paths = {edit.reference} if isinstance(edit, Style | Transfer) else set()
    if isinstance(edit, Shape):
        raise ModelOutputError("shape: shapes are drawn by hand")
    if isinstance(edit, Compose):
        entities = edit.layout.entities
        paths |= {path for entity in entities for path in (entity.mask, entity.reference)}
        if len(entities) > MOST:
            raise ModelOutputError(f"compose: {len(entities)} things are too many: a picture holds {MOST}")
        if wrong := [entity.id for entity in entities if entity.id and not _ID.fullmatch(entity.id)]:
            raise ModelOutputError(f"compose: {wrong[0]!r} is no id; leave ids out")
    if unknown := paths - {None, *context.attachments}:
        raise ModelOutputError(f"{edit.op}: {unknown.pop()!r} is no attachment: there is {', '.join(names) or 'none'}")
    return edit
