"""Places in words: what they mean for boxes among things that stay."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import after, at, boxes, entity, to

from eligen.assistant.items import Relation
from eligen.assistant.plan import Add, Move, Place, Side
from eligen.tools.layout import Box, Entity, Layout

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
