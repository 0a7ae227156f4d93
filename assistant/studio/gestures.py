"""What is done on the canvas, as edits of the layout: boxes dragged and renamed, shapes brushed, an order. Pure."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from eligen.assistant.context import Context
from eligen.assistant.edits import apply
from eligen.assistant.plan import Add, Describe, Id, Ids, LayoutEdit, Move, Place, Plan, Remove, Replace, Shape, Stack
from eligen.assistant.sizing import kind_of
from eligen.tools.errors import ToolError, UserError
from eligen.tools.layout import Box, Layout, Prompt, Value

if TYPE_CHECKING:
    from PIL import Image

PNG = "data:image/png;base64,"
MOST_MASK = 20_000_000


class Gesture(Value):
    """One thing done on the canvas; `n` grows from one to the next. `mask` is a PNG data URL, its alpha the shape."""

    do: Literal["move", "add", "rename", "remove", "stack", "shape", "point", "undo", "redo"]
    n: int
    id: Id | None = None
    ids: Ids = ("-",)
    box: Box | None = None
    prompt: Prompt | None = None
    mask: Annotated[str, Field(max_length=MOST_MASK)] | None = None
    at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Drawn:
    """A drawn shape's file and the box around it."""

    file: str
    box: Box


def edits_of(
    gesture: Gesture, layout: Layout, *, drawn: Drawn | None = None, taken: Iterable[str] = ()
) -> tuple[LayoutEdit, ...]:
    """Return the edits that a gesture means in a layout; `taken` are the ids of all versions.

    UserError when it means nothing there, which a page that is behind the session may ask for.
    """
    if gesture.do == "stack":
        return (Stack(ids=gesture.ids),)
    if gesture.do == "add" and gesture.prompt and (box := drawn.box if drawn else gesture.box):
        added = Add(prompt=gesture.prompt, place=Place(box=box))
        if drawn is None:
            return (added,)
        new = apply(layout, [added], taken=taken).entities[-1]
        return added, Shape(id=new.id, box=box, mask=drawn.file)
    named = next((entity for entity in layout.entities if entity.id == gesture.id), None)
    if named is None:
        raise UserError("that is not in the picture any more")
    if gesture.do == "remove":
        return (Remove(ids=(named.id,)),)
    if gesture.do == "move" and gesture.box:
        return (Move(ids=(named.id,), place=Place(box=gesture.box)),)
    if gesture.do == "rename" and gesture.prompt:
        return (renamed(named.id, named.prompt, gesture.prompt),)
    if gesture.do == "shape":
        return (Shape(id=named.id, box=drawn.box, mask=drawn.file) if drawn else Shape(id=named.id, box=named.box),)
    raise UserError(f"{gesture.do}: nothing is said of what to do")


def told(gesture: Gesture, layout: Layout) -> str:
    """Return what a gesture does, in words."""
    named = next((entity for entity in layout.entities if entity.id == gesture.id), None)
    name = named.prompt if named else gesture.id
    if gesture.do == "move" and named and gesture.box:
        old, new = named.box, gesture.box
        same_size = abs(old.width - new.width) < 0.002 and abs(old.height - new.height) < 0.002
        return f"{'Moved' if same_size else 'Resized'} {name}"
    return {
        "add": f"Added {gesture.prompt}",
        "rename": f"Changed {name} to {gesture.prompt}",
        "remove": f"Removed {name}",
        "shape": f"Painted the shape of {name}" if gesture.mask else f"Gave {name} its box back",
    }.get(gesture.do, "Changed the order of things")


def renamed(entity_id: str, old: str, new: str) -> Describe | Replace:
    """Return the edit that gives an entity another prompt: the same thing described anew, or another in its place."""
    same = kind_of(old).noun.name == kind_of(new).noun.name
    return Describe(id=entity_id, prompt=new) if same else Replace(id=entity_id, prompt=new)


def mask_of(gesture: Gesture) -> tuple[Image.Image, Box] | None:
    """Return the shape that was drawn, an L image (255 = on), and the box around it; None where none was.

    UserError when it is empty or cannot be read.
    """
    if gesture.mask is None:
        return None
    from PIL import Image

    try:
        content = base64.b64decode(gesture.mask.removeprefix(PNG), validate=True)
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            alpha = image.convert("RGBA").getchannel("A").point(lambda value: 255 * (value > 127))
    except (binascii.Error, OSError, SyntaxError, ValueError) as error:
        raise UserError("the drawn shape cannot be read") from error
    if (around := alpha.getbbox()) is None:
        raise UserError("the drawn shape is empty: paint where the thing should be")
    x0, y0, x1, y1 = around
    return alpha, Box(x0=x0 / alpha.width, y0=y0 / alpha.height, x1=x1 / alpha.width, y1=y1 / alpha.height)


def planned(gestures: Sequence[Gesture], context: Context) -> Plan:
    """Return the plan of what was done on the canvas; the files of drawn shapes are the attachments, in order."""
    layout = context.layout
    if layout is None:
        raise UserError("there is no picture yet to change")
    files, edits, taken = iter(context.attachments), list[LayoutEdit](), {*context.taken}
    for gesture in gestures:
        mask = mask_of(gesture)
        drawn = Drawn(next(files), mask[1]) if mask else None
        done = edits_of(gesture, layout, drawn=drawn, taken=taken)
        layout = apply(layout, done, taken=taken)
        taken |= {entity.id for entity in layout.entities}
        edits += done
    return Plan(reply="Done.", edits=tuple(edits))


def tried(layout: Layout, gestures: Sequence[Gesture], *, taken: Iterable[str] = ()) -> Layout:
    """Return a layout after what was done on the canvas, as far as it can be done, with the ids that it will have."""
    ids = {*taken}
    for gesture in gestures:
        try:
            mask = mask_of(gesture)
            drawn = Drawn("0" * 64, mask[1]) if mask else None
            layout = apply(layout, edits_of(gesture, layout, drawn=drawn, taken=ids), taken=ids)
            ids |= {entity.id for entity in layout.entities}
        except (ToolError, UserError):
            continue
    return layout
