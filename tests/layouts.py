"""Layouts and edits to test with: short names for them, and strategies of any."""

from collections.abc import Sequence

from hypothesis import strategies as st

from eligen.assistant.edits import apply
from eligen.assistant.items import Relation
from eligen.assistant.plan import (
    Add,
    Background,
    Describe,
    Duplicate,
    LayoutEdit,
    Move,
    Place,
    Regenerate,
    Remove,
    Replace,
    Resize,
    SetCount,
    Shape,
    Side,
    Style,
    Swap,
    Transfer,
)
from eligen.tools.layout import Box, Entity, Layout

NOUNS = ("cat", "dog", "house", "moon", "cup", "tree", "zorg")
PLACES: tuple[Relation, ...] = ("left", "right", "above", "below", "next", "on", "inside", "front", "behind", "holding")


def box(*edges: float) -> Box:
    return Box.model_validate(edges)


def entity(name: str, *edges: float, prompt: str = "") -> Entity:
    return Entity(id=name, prompt=prompt or f"a {name.partition('-')[0]}", box=box(*edges))


MEADOW = Layout(
    prompt="a cat left of a dog in front of a house, on a meadow",
    entities=(
        entity("house-1", 0.55, 0.2, 0.95, 0.6),
        entity("cat-1", 0.1, 0.55, 0.3, 0.75, prompt="a red cat"),
        entity("dog-1", 0.4, 0.55, 0.6, 0.75),
    ),
    background="a meadow",
    style="watercolour",
)
ALL = ("house-1", "cat-1", "dog-1")


def after(*edits: LayoutEdit, layout: Layout = MEADOW, taken: Sequence[str] = ()) -> Layout:
    return apply(layout, edits, taken=taken)


def to(relation: Relation, *of: str) -> Place:
    return Place(relation=relation, of=of)


def at(layout: Layout, name: str) -> Box:
    return layout.entity(name).box


def ids(layout: Layout) -> list[str]:
    return [found.id for found in layout.entities]


@st.composite
def boxes(draw: st.DrawFn, least: float = 0.05, most: float = 1.0) -> Box:
    """Return a box on a grid of four decimals, its sides between two lengths."""
    ends = []
    for _ in range(2):
        start = draw(st.integers(0, round((1 - least) * 10_000)))
        longest = min(round(most * 10_000), 10_000 - start)
        ends.append((start / 10_000, (start + draw(st.integers(round(least * 10_000), longest))) / 10_000))
    (x0, x1), (y0, y1) = ends
    return box(x0, y0, x1, y1)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    nouns = draw(st.lists(st.sampled_from(NOUNS), min_size=1, max_size=5))
    found = [Entity(id=f"{noun}-{n}", prompt=f"a {noun}", box=draw(boxes())) for n, noun in enumerate(nouns, 1)]
    return Layout(prompt="things", entities=tuple(found), background=draw(st.sampled_from(["", "a beach"])))


@st.composite
def places(draw: st.DrawFn, others: Sequence[str]) -> Place:
    kinds = [st.builds(Place, box=boxes()), st.builds(Place, region=st.sampled_from(REGIONS))]
    if others:
        kinds.append(st.builds(Place, relation=st.sampled_from(PLACES), of=st.tuples(st.sampled_from(others))))
    return draw(st.one_of(kinds))


REGIONS: list[tuple[Side, ...]] = [
    ("left",),
    ("top",),
    ("center",),
    ("bottom", "right"),
    ("top", "left"),
    ("top", "center"),
]


@st.composite
def edits(draw: st.DrawFn, layout: Layout) -> tuple[LayoutEdit, set[str]]:
    """Return an edit of a layout and the ids of what it names."""
    all_ids = ids(layout)
    one = draw(st.sampled_from(all_ids))
    some = tuple(draw(st.lists(st.sampled_from(all_ids), min_size=1, unique=True)))
    rest = [name for name in all_ids if name not in some]
    prompt = draw(st.sampled_from([f"a blue {noun}" for noun in NOUNS]))
    place = st.none() | places(all_ids)
    count = draw(st.integers(1, 3))
    moved = Move(ids=some, place=draw(st.none() | places(rest)), dx=draw(st.floats(-1, 1)), dy=draw(st.floats(-1, 1)))
    other = draw(st.sampled_from(all_ids))
    choices: list[tuple[LayoutEdit, set[str]]] = [
        (Add(prompt=prompt, count=count, place=draw(place), size=draw(st.floats(0.3, 3))), set()),
        (Remove(ids=some), set(some)),
        (moved, set(some)),
        (Resize(ids=some, factor=draw(st.floats(0.06, 19))), set(some)),
        (Describe(id=one, prompt=prompt), {one}),
        (Replace(id=one, prompt=prompt), {one}),
        (Duplicate(id=one, count=count, place=draw(place)), set()),
        (SetCount(ids=some, n=draw(st.integers(0, 6))), set(some)),
        (Background(prompt=prompt), set()),
        (Style(prompt=prompt), set()),
        (Transfer(id=one, reference="a.png"), {one}),
        (Regenerate(ids=some), set(some)),
        (Shape(id=one, box=draw(boxes()), mask="a.png"), {one}),
    ]
    if one != other:
        choices.append((Swap(first=one, second=other), {one, other}))
    return draw(st.sampled_from(choices))
