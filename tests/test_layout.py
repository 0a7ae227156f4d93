"""Box, Entity and Layout: geometry by tables, JSON by round trips."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eligen.tools.layout import SCHEMA_VERSION, Box, Entity, Layout, fresh_id

LEFT = Box(x0=0.0, y0=0.0, x1=0.5, y1=1.0)
RIGHT = Box(x0=0.5, y0=0.0, x1=1.0, y1=1.0)
MIDDLE = Box(x0=0.25, y0=0.0, x1=0.75, y1=1.0)

fractions = st.floats(0.0, 1.0)
sides = st.tuples(fractions, fractions).filter(lambda pair: pair[0] != pair[1]).map(sorted)
boxes = st.builds(lambda x, y: Box(x0=x[0], y0=y[0], x1=x[1], y1=y[1]), sides, sides)
prompts = st.text(min_size=1).filter(str.strip)
entities = st.builds(Entity, prompt=prompts, box=boxes, mask=st.none() | st.text(), reference=st.none() | st.text())
layouts = st.builds(
    Layout,
    prompt=st.text(),
    entities=st.lists(entities, max_size=5).map(tuple),
    background=st.text(),
    style=st.text(),
)


@given(layouts)
def test_json_round_trip_is_exact(layout: Layout):
    assert Layout.model_validate_json(layout.model_dump_json()) == layout


@given(boxes)
def test_a_box_is_a_list_in_json(box: Box):
    assert json.loads(box.model_dump_json()) == list(box.as_tuple())


@pytest.mark.parametrize(
    "value",
    [
        [0.0, 0.0, 1.0],
        [0.0, 0.0, 1.0, 1.0, 1.0],
        [-0.1, 0.0, 1.0, 1.0],
        [0.0, 0.0, 1.1, 1.0],
        [0.5, 0.0, 0.5, 1.0],
        [0.6, 0.0, 0.5, 1.0],
        [0.0, 0.9, 1.0, 0.1],
        [0.0, 0.0, float("nan"), 1.0],
        [0.0, 0.0, float("inf"), 1.0],
        [0.0, 0.0, "wide", 1.0],
        [0.0, 0.0, None, 1.0],
        [0.0, 0.0, True, 1.0],
        [0.0, 0.0, "1.0", 1.0],
        "0 0 1 1",
        {"x0": 0.0, "y0": 0.0, "x1": 1.0},
        {"x0": 0.0, "y0": 0.0, "x1": 1.0, "y1": 1.0, "z": 0.0},
    ],
)
def test_bad_boxes_are_refused(value: object):
    with pytest.raises(ValidationError):
        Box.model_validate(value)


def test_a_box_is_also_read_from_names():
    assert Box.model_validate({"x0": 0, "y0": 0, "x1": 0.5, "y1": 1}) == LEFT


def test_values_are_frozen():
    with pytest.raises(ValidationError):
        LEFT.x0 = 0.1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("one", "other", "shared", "iou"),
    [(LEFT, LEFT, 0.5, 1.0), (LEFT, RIGHT, 0.0, 0.0), (LEFT, MIDDLE, 0.25, 1 / 3), (MIDDLE, RIGHT, 0.25, 1 / 3)],
)
def test_overlap(one: Box, other: Box, shared: float, iou: float):
    assert one.intersection(other) == pytest.approx(shared)
    assert one.iou(other) == pytest.approx(iou)


def test_measures_of_a_box():
    box = Box(x0=0.25, y0=0.5, x1=0.75, y1=0.75)
    assert (box.width, box.height, box.area, box.centre) == (0.5, 0.25, 0.125, (0.5, 0.625))


@pytest.mark.parametrize(
    ("centre", "size", "expected"),
    [
        ((0.5, 0.5), (0.5, 0.25), (0.25, 0.375, 0.75, 0.625)),
        ((0.0, 0.5), (0.5, 0.5), (0.0, 0.25, 0.5, 0.75)),
        ((0.5, 1.0), (0.5, 0.5), (0.25, 0.5, 0.75, 1.0)),
        ((0.2, 0.9), (3.0, 2.0), (0.0, 0.0, 1.0, 1.0)),
    ],
)
def test_a_box_around_a_centre_slides_onto_the_canvas(centre, size, expected):
    assert Box.around(*centre, *size).as_tuple() == pytest.approx(expected)


@given(fractions, fractions, st.floats(1e-3, 2.0), st.floats(1e-3, 2.0))
def test_a_box_around_any_centre_keeps_its_size(cx: float, cy: float, width: float, height: float):
    box = Box.around(cx, cy, width, height)
    assert box.width == pytest.approx(min(width, 1.0), abs=1e-9)
    assert box.height == pytest.approx(min(height, 1.0), abs=1e-9)


@pytest.mark.parametrize(
    ("box", "pixels"),
    [
        (Box(x0=0.0, y0=0.0, x1=1.0, y1=1.0), (0, 0, 200, 100)),
        (Box(x0=0.25, y0=0.5, x1=0.75, y1=1.0), (50, 50, 150, 100)),
        (Box(x0=0.5, y0=0.5, x1=0.501, y1=0.501), (100, 50, 101, 51)),
        (Box(x0=0.999, y0=0.999, x1=1.0, y1=1.0), (199, 99, 200, 100)),
    ],
)
def test_pixels(box: Box, pixels: tuple[int, int, int, int]):
    assert box.pixels(200, 100) == pixels


@given(boxes, st.integers(1, 4096), st.integers(1, 4096))
def test_pixels_are_never_empty_nor_outside(box: Box, width: int, height: int):
    x0, y0, x1, y1 = box.pixels(width, height)
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 0},
        {"schema_version": SCHEMA_VERSION + 1},
        {"colour": "red"},
        {"entities": [{"prompt": "a cat"}]},
        {"entities": [{"box": [0, 0, 1, 1]}]},
        {"entities": [{"prompt": " ", "box": [0, 0, 1, 1]}]},
        {"entities": [{"prompt": "a cat", "box": [0, 0, 1, 1], "bbox": [0, 0, 1, 1]}]},
        {"entities": [{"id": "cat-1", "prompt": "a cat", "box": [0, 0, 1, 1]}] * 2},
    ],
)
def test_bad_layouts_are_refused(change: dict[str, object]):
    with pytest.raises(ValidationError):
        Layout.model_validate({"prompt": "a cat", **change})


def test_entities_without_id_may_repeat():
    cat = Entity(prompt="a cat", box=LEFT)
    assert Layout(prompt="two cats", entities=(cat, cat)).entities == (cat, cat)


def test_entities_are_found_by_id():
    dog = Entity(id="dog-1", prompt="a dog", box=RIGHT)
    layout = Layout(prompt="a dog", entities=(Entity(id="cat-1", prompt="a cat", box=LEFT), dog))
    assert layout.entity("dog-1") is dog
    with pytest.raises(KeyError):
        layout.entity("cow-1")


@pytest.mark.parametrize(
    ("noun", "taken", "expected"),
    [
        ("dog", [], "dog-1"),
        ("dog", ["dog-1", "dog-3"], "dog-2"),
        ("Hot  Dog", ["dog-1"], "hot-dog-1"),
        ("", [], "thing-1"),
    ],
)
def test_fresh_ids(noun: str, taken: list[str], expected: str):
    assert fresh_id(noun, taken) == expected
