"""Edits: what they change, and that they change nothing else."""

from itertools import combinations

import pytest
from layouts import ALL, MEADOW, after, at, box, entity, ids, to

from eligen.assistant.edits import apply
from eligen.assistant.items import MOST, Relation
from eligen.assistant.plan import (
    Add,
    Background,
    Compose,
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
    Stack,
    Style,
    Swap,
    Transfer,
)
from eligen.tools.errors import ToolError
from eligen.tools.layout import Entity, Layout

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


def test_what_is_counted_makes_room_for_more_of_it_and_others_stay():
    alone = Layout(prompt="a cat", entities=(entity("cat-1", 0.14, 0.2, 0.86, 0.8), entity("bee-1", 0, 0, 0.1, 0.1)))
    new = after(SetCount(ids=("cat-1",), n=4), layout=alone)
    cats = [found.box for found in new.entities if found.id.startswith("cat")]
    assert len(cats) == 4
    assert all(a.intersection(b) < 0.05 * a.area for a, b in combinations(cats, 2))
    assert all(cat.width > 0.25 for cat in cats)
    assert at(new, "bee-1") == at(alone, "bee-1")


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


def test_a_shape_drawn_by_hand_comes_with_its_box_and_goes_again():
    drawn = after(Shape(id="cat-1", box=box(0.2, 0.5, 0.4, 0.8), mask="m.png"))
    assert (drawn.entity("cat-1").box, drawn.entity("cat-1").mask) == (box(0.2, 0.5, 0.4, 0.8), "m.png")
    assert drawn.entities[0::2] == MEADOW.entities[0::2]
    assert after(Shape(id="cat-1", box=at(MEADOW, "cat-1")), layout=drawn).entities == MEADOW.entities


def test_things_are_stacked_in_any_order():
    new = after(Stack(ids=("dog-1", "house-1", "cat-1")))
    assert ids(new) == ["dog-1", "house-1", "cat-1"]
    assert after(Stack(ids=ALL), layout=new).entities == MEADOW.entities


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
        (Shape(id="x", box=box(0, 0, 1, 1)), "no 'x'"),
        (Stack(ids=("cat-1", "x")), "no 'x'"),
        (Stack(ids=("cat-1", "dog-1")), "house-1 is missing"),
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
