"""Edits: what they change, and that they change nothing else."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from eligen.assistant.edits import apply
from eligen.assistant.items import MOST, Relation
from eligen.assistant.plan import (
    Add,
    Background,
    Compose,
    Describe,
    Duplicate,
    Edit,
    LayoutEdit,
    Move,
    Place,
    Redo,
    Regenerate,
    Remove,
    Replace,
    Resize,
    SetCount,
    Side,
    Style,
    Swap,
    Transfer,
    Undo,
)
from eligen.tools.errors import ToolError
from eligen.tools.layout import Box, Entity, Layout

EDITS: TypeAdapter[Edit] = TypeAdapter(Edit)
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


# -- one of each


def test_compose_starts_anew_and_ids_stay_with_their_owners():
    new = Layout(prompt="two cats", entities=(entity("cat-1", 0, 0, 0.5, 1), entity("cat-2", 0.5, 0, 1, 1)))
    assert apply(None, [Compose(layout=new)]) == new
    assert ids(after(Compose(layout=new), taken=ALL)) == ["cat-3", "cat-2"]
    nameless = Layout(prompt="x", entities=(Entity(prompt="a big red bus", box=box(0, 0, 1, 1)),))
    assert ids(apply(None, [Compose(layout=nameless)])) == ["bus-1"]


def test_add_puts_new_things_on_top_where_there_is_room():
    new = after(Add(prompt="a blue balloon", count=2))
    assert ids(new) == [*ALL, "balloon-1", "balloon-2"]
    first, second = at(new, "balloon-1"), at(new, "balloon-2")
    assert first.area == pytest.approx(second.area)
    assert all(a.intersection(b.box) == 0 for a in (first, second) for b in MEADOW.entities)
    assert first.intersection(second) == 0


def test_what_is_added_suits_its_surroundings():
    sun, tree, ant = (after(Add(prompt=p)).entities[-1].box for p in ("a sun", "a tree", "an ant"))
    assert sun.centre[1] < 0.35
    assert tree.y1 > 0.5
    assert tree.height > 2 * ant.height
    assert min(ant.width, ant.height) >= 0.1


def test_add_takes_a_box_and_a_size():
    given_box = box(0.02, 0.02, 0.3, 0.2)
    assert at(after(Add(prompt="a kite", place=Place(box=given_box))), "kite-1") == given_box
    three = after(Add(prompt="a kite", count=3, place=Place(box=given_box)))
    assert all(given_box.intersection(at(three, f"kite-{n}")) > 0.01 for n in (1, 2, 3))
    large, usual = after(Add(prompt="a kite", size=1.5)), after(Add(prompt="a kite"))
    assert at(large, "kite-1").area > 1.5 * at(usual, "kite-1").area


def test_what_is_added_behind_something_lies_under_it():
    new = after(Add(prompt="a tree", place=to("behind", "cat-1")))
    assert ids(new) == ["house-1", "tree-1", "cat-1", "dog-1"]
    assert ids(after(Add(prompt="a hat", place=to("on", "house-1")))) == [*ALL, "hat-1"]


def test_remove():
    assert ids(after(Remove(ids=("cat-1", "house-1")))) == ["dog-1"]


def test_move_slides_and_stops_at_the_edge():
    assert at(after(Move(ids=("cat-1",), dx=0.2, dy=-0.05)), "cat-1") == box(0.3, 0.5, 0.5, 0.7)
    assert at(after(Move(ids=("cat-1",), dx=-0.5)), "cat-1") == box(0, 0.55, 0.2, 0.75)


def test_moving_several_keeps_their_arrangement():
    new = after(Move(ids=("dog-1", "cat-1"), dx=-1, dy=0.1))
    assert at(new, "cat-1") == box(0, 0.65, 0.2, 0.85)
    assert at(new, "dog-1") == box(0.3, 0.65, 0.5, 0.85)
    together = after(Move(ids=("dog-1", "cat-1"), place=Place(region=("top", "left"))))
    assert at(together, "dog-1").x0 - at(together, "cat-1").x0 == pytest.approx(0.3, abs=0.06)
    assert at(together, "dog-1").y0 == at(together, "cat-1").y0 < 0.1


def test_move_to_a_box():
    assert at(after(Move(ids=("cat-1",), place=Place(box=box(0, 0, 0.4, 0.3)))), "cat-1") == box(0, 0, 0.4, 0.3)
    new = after(Move(ids=("cat-1", "dog-1"), place=Place(box=box(0.2, 0.1, 0.6, 0.3))))
    assert at(new, "cat-1") == box(0.15, 0.1, 0.35, 0.3)


HOLDS: dict[Relation, Callable[[Box, Box], bool]] = {
    "left": lambda a, b: a.x1 < b.x0,
    "right": lambda a, b: a.x0 > b.x1,
    "above": lambda a, b: a.y1 < b.y0 and abs(a.centre[0] - b.centre[0]) < 0.2,
    "below": lambda a, b: a.y0 > b.y1 and abs(a.centre[0] - b.centre[0]) < 0.2,
    "next": lambda a, b: min(abs(a.x0 - b.x1), abs(b.x0 - a.x1)) < 0.1 and a.intersection(b) == 0,
    "on": lambda a, b: b.y0 < a.y1 < b.centre[1] and b.x0 < a.centre[0] < b.x1,
    "inside": lambda a, b: a.intersection(b) == pytest.approx(a.area),
    "front": lambda a, b: a.y1 > b.y1 and 0 < a.intersection(b) < 0.6 * b.area,
    "behind": lambda a, b: a.y1 < b.y1 and 0 < a.intersection(b) < 0.6 * a.area,
    "holding": lambda a, b: b.iou(a) < 0.6 and abs(a.centre[1] - b.centre[1]) < 0.1,
    "wearing": lambda a, b: a.intersection(b) > 0.9 * min(a.area, b.area),
}
MIDDLE = Layout(prompt="x", entities=(entity("car-1", 0.35, 0.45, 0.65, 0.65), entity("cat-1", 0.02, 0.02, 0.22, 0.2)))


@pytest.mark.parametrize("relation", HOLDS)
def test_a_relation_holds_for_what_is_moved_and_for_what_is_added(relation: Relation):
    moved = after(Move(ids=("cat-1",), place=to(relation, "car-1")), layout=MIDDLE)
    added = after(Add(prompt="a dog", count=2, place=to(relation, "car-1")), layout=MIDDLE)
    for layout, name in ((moved, "cat-1"), (added, "dog-1")):
        assert HOLDS[relation](at(layout, name), at(layout, "car-1"))
    assert at(moved, "cat-1").width == pytest.approx(0.2)


def test_between_is_between():
    pair = Layout(prompt="x", entities=(entity("a-1", 0.05, 0.4, 0.25, 0.6), entity("b-1", 0.7, 0.4, 0.95, 0.6)))
    new = after(Add(prompt="a cat", place=to("between", "a-1", "b-1")), layout=pair)
    assert 0.25 < at(new, "cat-1").x0 < at(new, "cat-1").x1 < 0.7
    assert at(new, "cat-1").centre[1] == pytest.approx(0.5, abs=0.1)


@given(boxes(0.1, 0.6), boxes(0.1, 0.5), st.sampled_from(["left", "right", "above", "below"]))
@settings(deadline=None, max_examples=40)
def test_a_direction_holds_wherever_the_host_is(host: Box, box_: Box, side: Relation):
    pair = Layout(
        prompt="x", entities=(Entity(id="a-1", prompt="a cat", box=box_), Entity(id="b-1", prompt="b", box=host))
    )
    moved = at(after(Move(ids=("a-1",), place=to(side, "b-1")), layout=pair), "a-1")
    axis, sign = {"left": (0, -1), "right": (0, 1), "above": (1, -1), "below": (1, 1)}[side]
    room = host.centre[axis] if sign < 0 else 1 - host.centre[axis]
    if room > 0.26:  # what is as large as can be, made smaller by a fifth
        assert sign * (moved.centre[axis] - host.centre[axis]) > 0.01
        assert moved.width >= 0.8 * box_.width


@pytest.mark.parametrize(
    ("region", "inside"),
    [
        (("left",), lambda x, y: x < 0.4),
        (("right",), lambda x, y: x > 0.6),
        (("top",), lambda x, y: y < 0.4),
        (("bottom",), lambda x, y: y > 0.6),
        (("center",), lambda x, y: abs(x - 0.5) < 0.12 and abs(y - 0.5) < 0.12),
        (("top", "center"), lambda x, y: y < 0.4 and abs(x - 0.5) < 0.12),
        (("bottom", "right"), lambda x, y: x > 0.6 and y > 0.6),
    ],
)
def test_a_part_of_the_canvas(region: tuple[Side, ...], inside: Callable[[float, float], bool]):
    assert inside(*at(after(Move(ids=("cat-1",), place=Place(region=region))), "cat-1").centre)
    assert inside(*at(after(Add(prompt="a kite", place=Place(region=region))), "kite-1").centre)


@pytest.mark.parametrize("relation", ["behind", "front"])
def test_moving_behind_or_in_front_changes_the_order(relation: Relation):
    new = after(Move(ids=("house-1",), place=to(relation, "dog-1")))
    assert ids(new) == (["house-1", "cat-1", "dog-1"] if relation == "behind" else ["cat-1", "dog-1", "house-1"])


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (0.5, (0.15, 0.6, 0.25, 0.7)),
        (2, (0.0, 0.45, 0.4, 0.85)),
        (10, (0, 0, 1, 1)),
        (0.1, (0.185, 0.635, 0.215, 0.665)),
    ],
)
def test_resize_is_around_the_centre_and_keeps_the_shape(factor: float, expected: tuple[float, ...]):
    assert at(after(Resize(ids=("cat-1",), factor=factor)), "cat-1") == box(*expected)


def test_describe_changes_the_prompt_alone():
    new = after(Describe(id="cat-1", prompt="a blue cat"))
    assert new.entities == (
        MEADOW.entities[0],
        MEADOW.entities[1].model_copy(update={"prompt": "a blue cat"}),
        MEADOW.entities[2],
    )


def test_replace_is_another_thing_in_the_same_place():
    new = after(Replace(id="house-1", prompt="a mouse"))
    assert ids(new) == ["mouse-1", "cat-1", "dog-1"]
    old, mouse = at(MEADOW, "house-1"), at(new, "mouse-1")
    assert mouse.centre == pytest.approx(old.centre, abs=1e-4)
    assert 0.2 * old.area < mouse.area < 0.5 * old.area
    assert mouse.width < mouse.height


def test_a_thing_once_replaced_or_removed_leaves_its_id_to_nobody():
    new = after(Replace(id="cat-1", prompt="a fox"), Add(prompt="a cat"), Remove(ids=("cat-2",)), Add(prompt="a cat"))
    assert ids(new) == ["house-1", "fox-1", "dog-1", "cat-3"]
    assert ids(after(Add(prompt="a cat"), taken=("cat-2", "cat-3")))[-1] == "cat-4"


def test_duplicates_are_exact_and_beside_the_original():
    new = after(Duplicate(id="cat-1", count=2))
    original = new.entity("cat-1")
    for name in ("cat-2", "cat-3"):
        copy = new.entity(name)
        assert copy.prompt == original.prompt
        assert (copy.box.width, copy.box.height) == pytest.approx((0.2, 0.2))
        assert abs(copy.box.centre[0] - original.box.centre[0]) < 0.5
        assert all(copy.box.intersection(other.box) == 0 for other in new.entities if other.id != name)


def test_swap_exchanges_centres():
    new = after(Swap(first="cat-1", second="house-1"))
    assert at(new, "cat-1") == box(0.65, 0.3, 0.85, 0.5)
    assert at(new, "house-1") == box(0, 0.45, 0.4, 0.85)
    assert ids(new) == list(ALL)


@pytest.mark.parametrize(
    ("n", "left"), [(0, ["house-1"]), (1, ["house-1", "cat-1"]), (2, list(ALL)), (4, [*ALL, "cat-2", "cat-3"])]
)
def test_count(n: int, left: list[str]):
    assert ids(after(SetCount(ids=("cat-1", "dog-1"), n=n))) == left


def test_background_style_and_transfer():
    new = after(Background(prompt="the beach"), Style(prompt=""), Transfer(id="cat-1", reference="tom.png"))
    assert (new.background, new.style, new.entity("cat-1").reference) == ("the beach", "", "tom.png")
    assert new.entity("cat-1").model_copy(update={"reference": None}) == MEADOW.entity("cat-1")


def test_regenerate_changes_no_layout():
    assert after(Regenerate(ids=("cat-1",))) is MEADOW
    assert after(Regenerate()) is MEADOW


def test_a_mask_goes_where_its_box_goes_no_more():
    masked = Layout(prompt="x", entities=(MEADOW.entities[1].model_copy(update={"mask": "m.png"}),))
    assert after(Describe(id="cat-1", prompt="a blue cat"), layout=masked).entity("cat-1").mask == "m.png"
    assert after(Move(ids=("cat-1",), dx=0.1), layout=masked).entity("cat-1").mask is None


# -- words for the whole


@pytest.mark.parametrize(
    ("edits", "prompt"),
    [
        ([Move(ids=("cat-1",), dx=0.1)], "a house, a red cat and a dog on a meadow, watercolour"),
        ([Duplicate(id="dog-1"), Remove(ids=("house-1",))], "a red cat and two dogs on a meadow, watercolour"),
        ([SetCount(ids=("cat-1",), n=3), Style()], "a house, three red cats and a dog on a meadow"),
        (
            [Background(prompt="in the snow, at night")],
            "a house, a red cat and a dog in the snow at night, watercolour",
        ),
        ([Background(prompt="a starry sky"), Remove(ids=ALL)], "under a starry sky, watercolour"),
        ([Background(prompt="old library"), Remove(ids=ALL), Style()], "in an old library"),
        ([Background(prompt=""), Remove(ids=ALL), Style()], "an empty picture"),
        ([Resize(ids=("cat-1",), factor=1.0)], MEADOW.prompt),
    ],
)
def test_the_global_prompt_says_what_is_there(edits: list[LayoutEdit], prompt: str):
    assert after(*edits).prompt == prompt


# -- refusals


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (Remove(ids=("cow-1",)), "no 'cow-1' in the picture: there is house-1, cat-1, dog-1"),
        (Move(ids=("cat-1", "x"), dx=0.1), "no 'x'"),
        (Resize(ids=("x",), factor=2), "no 'x'"),
        (Describe(id="x", prompt="a cat"), "no 'x'"),
        (Replace(id="x", prompt="a cat"), "no 'x'"),
        (Duplicate(id="x"), "no 'x'"),
        (Swap(first="cat-1", second="x"), "no 'x'"),
        (Swap(first="cat-1", second="cat-1"), "places with itself"),
        (SetCount(ids=("x",), n=2), "no 'x'"),
        (Transfer(id="x", reference="a.png"), "no 'x'"),
        (Regenerate(ids=("x",)), "no 'x'"),
        (Add(prompt="a cat", place=to("left", "x")), "x, which is itself or not there"),
        (Move(ids=("cat-1",), place=to("left", "cat-1")), "cat-1, which is itself"),
        (Move(ids=("cat-1",), place=to("bigger", "dog-1")), "'bigger' says no place"),
        (Add(prompt="a cat", place=to("between", "dog-1")), "needs two things"),
        (Add(prompt="a cat", count=22), f"25 things are too many: a picture holds {MOST}"),
        (SetCount(ids=("cat-1",), n=24), "26 things are too many"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.op,
)
def test_what_cannot_be_done_is_said(edit: LayoutEdit, told: str):
    with pytest.raises(ToolError, match=told):
        after(edit)


def test_there_must_be_a_picture():
    with pytest.raises(ToolError, match="no picture yet"):
        apply(None, [Remove(ids=("cat-1",))])
    with pytest.raises(ToolError, match="no picture yet"):
        apply(None, [])


# -- for all edits


@st.composite
def layouts(draw: st.DrawFn, least: int = 1) -> Layout:
    nouns = draw(st.lists(st.sampled_from(NOUNS), min_size=least, max_size=5))
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
    ]
    if one != other:
        choices.append((Swap(first=one, second=other), {one, other}))
    return draw(st.sampled_from(choices))


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_what_an_edit_does_not_name_is_bit_equal(data: st.DataObject):
    layout = data.draw(layouts())
    edit, named = data.draw(edits(layout))
    new = apply(layout, [edit])
    kept = [found for found in layout.entities if found.id not in named]
    assert [found for found in new.entities if found in kept] == kept
    if not isinstance(edit, Background):
        assert new.background == layout.background
    if not isinstance(edit, Style):
        assert new.style == layout.style


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_boxes_stay_on_the_canvas_and_ids_are_whole(data: st.DataObject):
    layout = data.draw(layouts())
    for _ in range(2):
        if not layout.entities:
            return
        edit, _ = data.draw(edits(layout))
        layout = apply(layout, [edit])
        assert len({*ids(layout)} - {""}) == len(layout.entities)
        for found in layout.entities:
            assert 0 <= found.box.x0 < found.box.x1 <= 1
            assert 0 <= found.box.y0 < found.box.y1 <= 1


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_ids_never_change_owner(data: st.DataObject):
    layout = data.draw(layouts())
    owners: dict[str, str] = {}
    for _ in range(3):
        for found in layout.entities:
            noun = found.prompt.split()[-1]
            assert owners.setdefault(found.id, noun) == noun
        if not layout.entities:
            return
        edit, _ = data.draw(edits(layout).filter(lambda pair: not isinstance(pair[0], Describe)))
        layout = apply(layout, [edit], taken=owners)


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_an_edit_is_its_json(data: st.DataObject):
    edit, _ = data.draw(edits(data.draw(layouts())))
    more = [edit, Compose(layout=MEADOW), Undo(steps=3), Redo()]
    assert [EDITS.validate_json(EDITS.dump_json(one)) for one in more] == more


@given(layouts(least=2))
@settings(deadline=None)
def test_swapping_twice_restores(layout: Layout):
    first, second = ids(layout)[:2]
    swap = Swap(first=first, second=second)
    once = apply(layout, [swap])
    shifts = [at(once, name).centre for name in (second, first)]
    unclamped = all(
        abs(a - b) < 1e-4
        for found, old in zip(shifts, (first, second), strict=True)
        for a, b in zip(found, at(layout, old).centre, strict=True)
    )
    if unclamped:
        assert apply(once, [swap]).entities == layout.entities


@given(layouts(), st.integers(-3000, 3000), st.integers(-3000, 3000))
@settings(deadline=None)
def test_moving_there_and_back_restores(layout: Layout, across: int, down: int):
    name, dx, dy = layout.entities[0].id, across / 10_000, down / 10_000
    old = at(layout, name)
    if min(old.x0 + dx, old.y0 + dy) >= 0 and max(old.x1 + dx, old.y1 + dy) <= 1:
        back = apply(layout, [Move(ids=(name,), dx=dx, dy=dy), Move(ids=(name,), dx=-dx, dy=-dy)])
        assert back.entities == layout.entities
