"""What a planner answers: a reply and edits of the layout, or a question whose answers are edits."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from eligen.assistant.items import Relation
from eligen.tools.layout import Box, Layout, Prompt, Value

Side = Literal["top", "bottom", "left", "right", "center"]
Id = Annotated[str, Field(min_length=1, max_length=64)]
Ids = Annotated[tuple[Id, ...], Field(min_length=1)]
Amount = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0.05, lt=20, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=24)]
MOST_EDITS = 24


class Place(Value):
    """Where something goes: a box, a part of the canvas in words, or a relation to entities. Exactly one of them."""

    box: Box | None = None
    region: tuple[Side, ...] = ()
    relation: Relation | None = None
    of: tuple[Id, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.box is not None) + bool(self.region) + (self.relation is not None) != 1:
            raise ValueError("a place is a box, a region or a relation, and only one of them")
        if (self.relation is not None) != bool(self.of):
            raise ValueError("a relation needs the entities it is to, and only a relation has them")
        return self


class Compose(Value):
    """Start a new picture with this layout."""

    op: Literal["compose"] = "compose"
    layout: Layout


class Add(Value):
    """Add so many new entities of one prompt; no place means where there is room."""

    op: Literal["add"] = "add"
    prompt: Prompt
    count: Annotated[int, Field(ge=1, le=24)] = 1
    place: Place | None = None
    size: Factor = 1.0


class Remove(Value):
    """Remove entities."""

    op: Literal["remove"] = "remove"
    ids: Ids


class Move(Value):
    """Move entities together to a place, or by fractions of the canvas."""

    op: Literal["move"] = "move"
    ids: Ids
    place: Place | None = None
    dx: Amount = 0.0
    dy: Amount = 0.0


class Resize(Value):
    """Scale entities' sides by a factor, each around its centre."""

    op: Literal["resize"] = "resize"
    ids: Ids
    factor: Factor


class Describe(Value):
    """Give an entity another look: its whole new prompt, of the same noun."""

    op: Literal["describe"] = "describe"
    id: Id
    prompt: Prompt


class Replace(Value):
    """Put a new entity in the place of another."""

    op: Literal["replace"] = "replace"
    id: Id
    prompt: Prompt


class Duplicate(Value):
    """Add exact copies of an entity."""

    op: Literal["duplicate"] = "duplicate"
    id: Id
    count: Annotated[int, Field(ge=1, le=24)] = 1
    place: Place | None = None


class Swap(Value):
    """Exchange the places of two entities."""

    op: Literal["swap"] = "swap"
    first: Id
    second: Id


class SetCount(Value):
    """Make the number of these equal entities `n`: the last go, or copies of the first come."""

    op: Literal["count"] = "count"
    ids: Ids
    n: Count


class Background(Value):
    """Change the background to these words."""

    op: Literal["background"] = "background"
    prompt: str


class Style(Value):
    """Change the whole picture's style, by words or by a reference picture; both empty means no style.

    With `ids` the style of these entities alone, by a reference picture: words for one thing are its prompt's.
    """

    op: Literal["style"] = "style"
    prompt: str = ""
    reference: str | None = None
    ids: tuple[Id, ...] = ()

    @model_validator(mode="after")
    def _things_have_no_words(self) -> Self:
        if self.ids and self.prompt:
            raise ValueError("a style of entities alone is a reference picture; words for one go into its prompt")
        return self


class Transfer(Value):
    """Make an entity look like the one in a reference picture."""

    op: Literal["transfer"] = "transfer"
    id: Id
    reference: str


class Regenerate(Value):
    """Paint entities again with another seed; none means the whole picture."""

    op: Literal["regenerate"] = "regenerate"
    ids: tuple[Id, ...] = ()


class Shape(Value):
    """Give an entity a shape drawn by hand, a picture (255 = on) whose `box` is around what is on; None is the box."""

    op: Literal["shape"] = "shape"
    id: Id
    box: Box
    mask: str | None = None


class Stack(Value):
    """Put the entities in this order, from back to front: all of them."""

    op: Literal["stack"] = "stack"
    ids: Ids


class Undo(Value):
    """Go back so many versions."""

    op: Literal["undo"] = "undo"
    steps: Annotated[int, Field(ge=1, le=100)] = 1


class Redo(Value):
    """Go forward so many versions that were undone."""

    op: Literal["redo"] = "redo"
    steps: Annotated[int, Field(ge=1, le=100)] = 1


LayoutEdit = (
    Compose | Add | Remove | Move | Resize | Describe | Replace | Duplicate | Swap | SetCount
    | Background | Style | Transfer | Regenerate | Shape | Stack
)  # fmt: skip
Edit = Annotated[LayoutEdit | Undo | Redo, Field(discriminator="op")]
Edits = Annotated[tuple[Edit, ...], Field(max_length=MOST_EDITS)]


class NamedReference(Value):
    """A reference picture that later messages may call by a name; `prompt` is what it shows, where that was said."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    reference: str
    prompt: str = ""


class Option(Value):
    """One possible answer to a question, in words as short as "the left one", and what it would do."""

    label: str
    edits: Edits = ()


class Question(Value):
    """What must be known before anything is changed. Without options any answer is read as a new message."""

    text: str
    options: tuple[Option, ...] = ()


class Plan(Value):
    """A planner's answer to one message: a reply with edits (none for small talk), or a question instead of them.

    `names` are reference pictures that got a name, `explanation` says how the message was read, `notices` what could
    not be read or done.
    """

    reply: str
    edits: Edits = ()
    question: Question | None = None
    names: tuple[NamedReference, ...] = ()
    explanation: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _question_or_edits(self) -> Self:
        if self.question is not None and self.edits:
            raise ValueError("a plan asks or edits, not both")
        return self
