"""Boxes: on the canvas, as many as asked, in the relations and places asked."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eligen.assistant.items import Item, Link, Relation
from eligen.assistant.placement import place, unmet
from eligen.tools.layout import Box

SIDES: tuple[Relation, ...] = ("left", "right", "above", "below")
RELATIONS: tuple[Relation, ...] = (*SIDES, "next", "on", "inside", "front", "behind", "holding", "wearing", "bigger")
SIZES = st.floats(0.1, 0.8)
ITEMS = st.builds(
    Item,
    width=SIZES,
    height=SIZES,
    count=st.integers(1, 6),
    stands=st.sampled_from(["ground", "sky", "wall", "surface", "water", "any"]),
    zone=st.sampled_from([(), (), (), ("left",), ("top", "right"), ("center",), ("bottom",)]),
    depth=st.sampled_from(["", "", "background", "foreground"]),
)


def one(items: Sequence[Item], *links: Link) -> list[Box]:
    """Place items of one member each."""
    return [box for (box,) in place(items, links)]


def stands(relation: str, a: Box, b: Box) -> bool:
    """Tell whether a stands so to b, clearly: within 45 degrees of the axis, boxes apart along it."""
    dx, dy = b.centre[0] - a.centre[0], b.centre[1] - a.centre[1]
    clear_x, clear_y = (a.width + b.width) / 2, (a.height + b.height) / 2
    return {
        "left": dx >= clear_x and dx > abs(dy),
        "right": -dx >= clear_x and -dx > abs(dy),
        "above": dy >= clear_y and dy > abs(dx),
        "below": -dy >= clear_y and -dy > abs(dx),
        "next": abs(dx) >= clear_x and abs(dx) > abs(dy) and abs(dx) < 2 * clear_x + 0.1,
    }[relation]


@pytest.mark.parametrize("relation", [*SIDES, "next"])
@given(SIZES, SIZES, SIZES, SIZES)
@settings(deadline=None, max_examples=60)
def test_a_relation_holds_for_things_of_any_size(relation: Relation, w1: float, h1: float, w2: float, h2: float):
    a, b = one([Item(w1, h1), Item(w2, h2)], Link(0, relation, 1))
    assert stands(relation, a, b)


@given(SIZES, SIZES, SIZES, SIZES)
@settings(deadline=None, max_examples=60)
def test_on_stands_on_top_and_touches(w1: float, h1: float, w2: float, h2: float):
    cup, table = one([Item(w1, h1), Item(w2, h2)], Link(0, "on", 1))
    assert cup.centre[1] < table.centre[1]
    assert table.y0 < cup.y1 < table.centre[1]
    assert cup.iou(table) < 0.1


@given(SIZES, SIZES, SIZES, SIZES)
@settings(deadline=None, max_examples=60)
def test_inside_lies_within(w1: float, h1: float, w2: float, h2: float):
    cat, box = one([Item(w1, h1), Item(w2, h2)], Link(0, "inside", 1))
    assert cat.intersection(box) == pytest.approx(cat.area)
    assert cat.area < 0.5 * box.area


@given(st.lists(ITEMS, min_size=1, max_size=8), st.data())
@settings(deadline=None, max_examples=200)
def test_every_member_has_a_box_on_the_canvas(items: list[Item], data: st.DataObject):
    indices = st.integers(0, len(items) - 1)
    links = data.draw(st.lists(st.builds(Link, indices, st.sampled_from(RELATIONS), indices), max_size=6))
    boxes = place(items, links)
    assert [len(members) for members in boxes] == [item.count for item in items]
    for box in itertools.chain.from_iterable(boxes):
        assert 0 <= box.x0 < box.x1 <= 1
        assert 0 <= box.y0 < box.y1 <= 1


@given(st.lists(st.builds(Item, width=SIZES, height=SIZES, count=st.integers(1, 6)), min_size=1, max_size=6))
@settings(deadline=None, max_examples=100)
def test_unrelated_things_do_not_overlap(items: list[Item]):
    boxes = list(itertools.chain.from_iterable(place(items, [])))
    assert all(a.intersection(b) < 1e-9 for a, b in itertools.combinations(boxes, 2))


@given(st.permutations(range(4)), st.sampled_from(SIDES), st.lists(SIZES, min_size=8, max_size=8))
@settings(deadline=None, max_examples=60)
def test_a_chain_of_relations_holds(order: list[int], relation: Relation, sizes: list[float]):
    items = [Item(sizes[2 * i], sizes[2 * i + 1]) for i in range(4)]
    boxes = one(items, *(Link(a, relation, b) for a, b in itertools.pairwise(order)))
    for a, b in itertools.pairwise(order):
        assert stands(relation, boxes[a], boxes[b])


@given(SIZES, SIZES, SIZES, st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_between_lies_between(w1: float, w2: float, w3: float, count: int):
    (middle, *_), (left,), (right,) = place(
        [Item(w1, 0.3, count), Item(w2, 0.3), Item(w3, 0.3)], [Link(0, "between", 1, 2)]
    )
    assert left.x1 <= middle.x0
    assert middle.x1 <= right.x0


@pytest.mark.parametrize(
    ("zone", "inside"),
    [
        (("left",), lambda x, y: x < 0.4),
        (("right",), lambda x, y: x > 0.6),
        (("top",), lambda x, y: y < 0.4),
        (("bottom",), lambda x, y: y > 0.6),
        (("center",), lambda x, y: abs(x - 0.5) < 0.12 and abs(y - 0.5) < 0.12),
        (("top", "left"), lambda x, y: x < 0.4 and y < 0.4),
        (("bottom", "right"), lambda x, y: x > 0.6 and y > 0.6),
    ],
)
@given(SIZES, SIZES, st.lists(ITEMS, max_size=2))
@settings(deadline=None, max_examples=30)
def test_a_place_in_words_is_kept(zone, inside, width: float, height: float, others: list[Item]):
    assume(all(not item.zone for item in others))
    (box,), *_ = place([Item(width, height, zone=zone), *others], [])
    assert inside(*box.centre)


def test_what_stands_on_the_ground_shares_a_line_and_the_sky_is_above():
    sun, house, dog = one(
        [Item(0.2, 0.2, stands="sky"), Item(0.5, 0.5, stands="ground"), Item(0.3, 0.25, stands="ground")]
    )
    assert house.y1 == pytest.approx(dog.y1, abs=2e-4)
    assert sun.y1 < min(house.y0, dog.y0)


def test_typical_sizes_are_kept_in_proportion():
    cup, elephant = one([Item(0.12, 0.12), Item(0.62, 0.48)])
    assert elephant.width / cup.width == pytest.approx(0.62 / 0.12)


def test_things_too_different_are_drawn_nearer_to_each_other_until_the_smallest_can_be_painted():
    bee, house = one([Item(0.11, 0.1), Item(0.56, 0.48)])
    assert house.width / bee.width == pytest.approx(0.56 / 0.11, abs=0.05)
    bee, *others = one([Item(0.11, 0.1), *[Item(0.56, 0.48)] * 3])
    assert min(bee.width, bee.height) >= 0.12
    assert all(2 * bee.width < house.width for house in others)


def test_one_thing_alone_leaves_space_around_it_and_several_fill_the_width():
    (cat,) = one([Item(0.3, 0.27)])
    assert cat.width == pytest.approx(0.72)
    left, right = one([Item(0.3, 0.27)] * 2, Link(0, "left", 1))
    assert right.x1 - left.x0 == pytest.approx(0.92)
    assert all(edge == round(edge, 4) for box in (cat, left, right) for edge in box.as_tuple())


def test_a_hat_sits_on_the_head_and_shoes_on_the_feet():
    man, hat, shoes = one(
        [Item(0.22, 0.56), Item(0.2, 0.2, worn_on="head"), Item(0.2, 0.2, worn_on="feet")],
        Link(0, "wearing", 1),
        Link(0, "wearing", 2),
    )
    assert hat.y0 == pytest.approx(man.y0, abs=0.02)
    assert shoes.y1 == pytest.approx(man.y1, abs=0.02)


def test_what_is_beside_a_rider_stands_beside_the_mount():
    man, horse, fence = one(
        [Item(0.22, 0.56), Item(0.46, 0.42), Item(0.6, 0.32)],
        Link(0, "on", 1),
        Link(0, "next", 2, weak=True),
        Link(1, "next", 2),
    )
    assert man.centre[0] == pytest.approx(horse.centre[0], abs=0.1)
    assert fence.y1 == pytest.approx(horse.y1, abs=0.02)
    assert fence.x0 > max(man.x1, horse.x1)


def test_relations_that_contradict_each_other_are_found():
    links = [Link(0, "left", 1), Link(1, "left", 0)]
    assert len(unmet(place([Item(0.2, 0.2), Item(0.2, 0.2)], links), links)) == 1
    assert unmet(place([Item(0.2, 0.2), Item(0.2, 0.2)], links[:1]), links[:1]) == []


def test_what_is_in_front_hides_no_more_than_needed():
    car, house = one([Item(0.5, 0.3), Item(0.56, 0.48)], Link(0, "front", 1))
    assert car.y1 > house.y1
    assert 0 < car.intersection(house) < 0.6 * house.area
