"""Dialogues for tests: a picture to talk about, and plans in short words."""

from collections.abc import Sequence
from functools import singledispatch

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.context import Context, Message
from eligen.assistant.edits import apply
from eligen.assistant.history import History, Version
from eligen.assistant.plan import (
    Add,
    Background,
    Compose,
    Describe,
    Duplicate,
    Edit,
    Move,
    NamedReference,
    Place,
    Plan,
    Redo,
    Regenerate,
    Remove,
    Replace,
    Resize,
    SetCount,
    Style,
    Swap,
    Transfer,
    Undo,
)
from eligen.tools.layout import Box, Entity, Layout

PLANNER = RulesPlanner()


def entity(id: str, prompt: str, x0: float, y0: float, x1: float, y1: float) -> Entity:
    return Entity(id=id, prompt=prompt, box=Box(x0=x0, y0=y0, x1=x1, y1=y1))


PARK = Layout(
    prompt="animals, a tree and a car in a city park",
    entities=(
        entity("dog-1", "a brown dog", 0.05, 0.65, 0.25, 0.9),
        entity("dog-2", "a white dog", 0.4, 0.7, 0.55, 0.9),
        entity("cat-1", "a black cat", 0.6, 0.7, 0.78, 0.9),
        entity("tree-1", "a tree", 0.65, 0.1, 0.95, 0.6),
        entity("car-1", "a red car", 0.1, 0.3, 0.4, 0.5),
        entity("bird-1", "a bird", 0.45, 0.05, 0.57, 0.15),
    ),
    background="a city park",
)


class Talk:
    """A dialogue about a picture, planned and carried out message by message."""

    def __init__(self, start: Layout = PARK) -> None:
        self.history = History().add(Version(id=1, layout=start))
        self.dialogue = (Message(role="user", text=start.prompt), Message(role="assistant", text="Here it is."))
        self.plan = Plan(reply="Here it is.")
        self.attached: tuple[str, ...] = ()
        self.named: tuple[NamedReference, ...] = ()

    @property
    def context(self) -> Context:
        return Context(
            layouts=self.history.layouts,
            taken=self.history.ids,
            dialogue=self.dialogue,
            question=self.plan.question,
            attachments=self.attached,
            references=self.named,
        )

    @property
    def layout(self) -> Layout:
        assert self.history.current is not None
        return self.history.current.layout

    def say(self, text: str, *attached: str) -> Plan:
        """Plan a message with the pictures attached to it, carry the plan out and return it."""
        self.attached = (*(self.attached if self.plan.question else ()), *attached)
        self.plan = PLANNER.plan(text, self.context)
        self.named += self.plan.names
        history, edits = self.history.follow(self.plan.edits)
        assert history.current is not None
        if edits:
            layout = apply(history.current.layout, edits, taken=history.ids)
            if layout != history.current.layout:
                version = Version(id=history.next_id, parent=history.head, layout=layout, edits=self.plan.edits)
                history = history.add(version)
        self.history = history
        answer = self.plan.question.text if self.plan.question else self.plan.reply
        self.dialogue += (Message(role="user", text=text), Message(role="assistant", text=answer))
        return self.plan


def told(plan: Plan) -> str:
    """Return a plan in short words: its edits, "? " and the labels of its question's options, or "-" for nothing."""
    if plan.question is not None:
        return "? " + " / ".join(option.label for option in plan.question.options)
    return "; ".join(map(short, plan.edits)) or "-"


def _at(place: Place | None) -> str:
    if place is None:
        return ""
    if place.box is not None:
        return " @box"
    return " @" + ("-".join(place.region) or f"{place.relation} {_ids(place.of)}")


def _ids(ids: Sequence[str]) -> str:
    return "+".join(ids)


@singledispatch
def short(edit: Edit) -> str:
    raise NotImplementedError(edit.op)


@short.register
def _(edit: Compose) -> str:
    return f"compose {', '.join(entity.prompt for entity in edit.layout.entities)} | {edit.layout.background}".strip(
        " |"
    )


@short.register
def _(edit: Add) -> str:
    return f"add {edit.count} {edit.prompt}{_at(edit.place)}"


@short.register
def _(edit: Remove) -> str:
    return f"remove {_ids(edit.ids)}"


@short.register
def _(edit: Move) -> str:
    return f"move {_ids(edit.ids)}" + (_at(edit.place) if edit.place else f" by {edit.dx:g},{edit.dy:g}")


@short.register
def _(edit: Resize) -> str:
    return f"resize {_ids(edit.ids)} {edit.factor:.2f}"


@short.register
def _(edit: Describe) -> str:
    return f"describe {edit.id} {edit.prompt}"


@short.register
def _(edit: Replace) -> str:
    return f"replace {edit.id} {edit.prompt}"


@short.register
def _(edit: Duplicate) -> str:
    return f"duplicate {edit.id} {edit.count}{_at(edit.place)}"


@short.register
def _(edit: Swap) -> str:
    return f"swap {edit.first} {edit.second}"


@short.register
def _(edit: SetCount) -> str:
    return f"count {_ids(edit.ids)} {edit.n}"


@short.register
def _(edit: Background) -> str:
    return f"background {edit.prompt}"


@short.register
def _(edit: Style) -> str:
    return f"style {_ids(edit.ids) + ' ' if edit.ids else ''}{edit.prompt or edit.reference or 'none'}"


@short.register
def _(edit: Transfer) -> str:
    return f"transfer {edit.id} {edit.reference}"


@short.register
def _(edit: Regenerate) -> str:
    return f"regenerate {_ids(edit.ids) or 'everything'}"


@short.register(Undo)
@short.register(Redo)
def _(edit: Undo | Redo) -> str:
    return f"{edit.op} {edit.steps}"
