"""Routing: which tools a change needs, what they repaint, and that it is no more than that."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eligen.assistant.edits import apply
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
from eligen.assistant.routing import FEATHER, Settings, Step, derived, steps
from eligen.tools.errors import ToolError
from eligen.tools.layout import Box, Entity, Layout, StyleImage
from eligen.tools.requests import Carry, GenerateRequest, InpaintRequest, TransferRequest


def box(*edges: float) -> Box:
    return Box.model_validate(edges)


CAT, DOG, HOUSE = box(0.1, 0.6, 0.3, 0.8), box(0.4, 0.6, 0.6, 0.8), box(0.5, 0.1, 0.9, 0.5)
OLD = Layout(
    prompt="a house, a cat and a dog on a meadow",
    entities=(
        Entity(id="house-1", prompt="a house", box=HOUSE),
        Entity(id="cat-1", prompt="a cat", box=CAT),
        Entity(id="dog-1", prompt="a dog", box=DOG),
    ),
    background="a meadow",
)
PICTURE, REFERENCE = "0" * 64, "1" * 64
SETTINGS = Settings(seed=7, width=128, height=256)


def routed(*edits: LayoutEdit, old: Layout | None = OLD, picture: str | None = PICTURE) -> tuple[Step, ...]:
    return steps(old, apply(old, edits), edits, picture=picture, settings=SETTINGS)


def inpaint(*edits: LayoutEdit, old: Layout = OLD) -> InpaintRequest:
    (step,) = routed(*edits, old=old)
    assert step.tool == "inpaint"
    assert isinstance(step.request, InpaintRequest)
    return step.request


def same_boxes(found: Sequence[Box], expected: Sequence[Box]) -> bool:
    """Tell whether the boxes found are the expected ones, grown, in any order."""
    grown = [(b.x0 - FEATHER, b.y0 - FEATHER, b.x1 + FEATHER, b.y1 + FEATHER) for b in expected]
    on_canvas = [tuple(min(max(edge, 0.0), 1.0) for edge in edges) for edges in grown]
    return sorted(b.as_tuple() for b in found) == [pytest.approx(edges) for edges in sorted(on_canvas)]


# -- which tool


@pytest.mark.parametrize(
    ("edits", "tools"),
    [
        ([Compose(layout=OLD)], ["generate"]),
        ([Compose(layout=OLD), Remove(ids=("cat-2",))], ["generate"]),
        ([Add(prompt="a kite")], ["inpaint"]),
        ([Remove(ids=("cat-1",))], ["inpaint"]),
        ([Move(ids=("cat-1",), dx=0.1)], ["inpaint"]),
        ([Move(ids=("cat-1",), dx=0.1), Describe(id="dog-1", prompt="a blue dog"), Add(prompt="a kite")], ["inpaint"]),
        ([Background(prompt="the beach")], ["inpaint"]),
        ([Background(prompt="the beach"), Remove(ids=("cat-1", "dog-1", "house-1"))], ["inpaint"]),
        ([Style(prompt="watercolour")], ["style"]),
        ([Style(prompt="watercolour"), Move(ids=("cat-1",), dx=0.1)], ["style"]),
        ([Regenerate()], ["generate"]),
        ([Regenerate(ids=("cat-1",))], ["inpaint"]),
        ([Shape(id="cat-1", box=CAT, mask="1" * 64)], ["inpaint"]),
        ([Stack(ids=("house-1", "dog-1", "cat-1"))], []),
        ([Move(ids=("cat-1",), dx=0.2), Stack(ids=("house-1", "dog-1", "cat-1"))], ["inpaint"]),
        ([Style(prompt="")], []),
        ([Background(prompt="a meadow")], []),
        ([Describe(id="cat-1", prompt="a cat")], []),
        ([Move(ids=("cat-1",), dx=0.1), Move(ids=("cat-1",), dx=-0.1)], []),
        ([], []),
    ],
)
def test_the_tools(edits: list[LayoutEdit], tools: list[str]):
    assert [step.tool for step in routed(*edits)] == tools


def test_a_first_picture_is_generated_from_the_whole_layout():
    for old, picture in ((None, None), (None, PICTURE), (OLD, None)):
        (step,) = routed(Compose(layout=OLD), old=old, picture=picture)
        assert step.tool == "generate"
        assert type(step.request) is GenerateRequest
        assert (step.request.seed, step.request.width, step.request.height) == (7, 128, 256)
    (step,) = routed(Compose(layout=OLD), old=None)
    assert step.request.layout == OLD


def test_a_layout_without_a_picture_is_generated():
    (step,) = routed(Move(ids=("cat-1",), dx=0.1), picture=None)
    assert step.tool == "generate"


def test_a_style_is_the_whole_picture_with_the_same_seed_and_layout():
    (step,) = routed(Style(prompt="watercolour"))
    assert step.request.style == "watercolour"
    assert step.request.entities == OLD.entities
    assert step.request.seed == SETTINGS.seed
    assert type(step.request) is GenerateRequest


def test_a_reference_picture_s_style_is_the_whole_picture_and_stays_for_later_edits():
    (step,) = routed(Style(reference=REFERENCE))
    assert step.tool == "style"
    assert step.request.style_images == (StyleImage(image=REFERENCE),)
    assert (step.request.style, step.request.entities, step.request.seed) == ("", OLD.entities, SETTINGS.seed)
    styled = apply(OLD, [Style(reference=REFERENCE)])
    assert inpaint(Move(ids=("cat-1",), dx=0.1), old=styled).style_images == step.request.style_images
    (words,) = routed(Style(prompt="watercolour"), old=styled)
    assert (words.tool, words.request.style_images) == ("style", ())
    assert routed(Style(reference=REFERENCE), old=styled) == ()


def test_a_style_for_one_thing_repaints_its_place_alone():
    step = inpaint(Style(reference=REFERENCE, ids=("cat-1",)))
    assert step.style_images == (StyleImage(image=REFERENCE, entity="cat-1"),)
    box, (region,) = OLD.entity("cat-1").box, step.region
    assert box.area < region.area < 3 * box.area
    with pytest.raises(ToolError, match="no 'cow-1'"):
        routed(Style(reference=REFERENCE, ids=("cow-1",)))
    with pytest.raises(ValueError, match="words for one go into its prompt"):
        Style(prompt="watercolour", ids=("cat-1",))


def test_an_entity_s_own_style_goes_where_it_goes():
    whole, own = StyleImage(image=REFERENCE), StyleImage(image=REFERENCE, entity="cat-1")
    styled = OLD.model_copy(update={"style_images": (whole, own)})
    assert inpaint(Move(ids=("cat-1",), dx=0.1), old=styled).style_images == (whole, own)
    assert inpaint(Move(ids=("house-1",), dy=-0.1), old=styled).style_images == (whole,)
    gone = apply(styled, [Remove(ids=("cat-1",))])
    assert gone.style_images == (whole,)
    assert inpaint(Remove(ids=("cat-1",)), old=styled).style_images == (whole,)
    (step,) = steps(OLD, OLD.model_copy(update={"style_images": (own,)}), (), picture=PICTURE, settings=SETTINGS)
    assert isinstance(step.request, InpaintRequest)
    assert same_boxes(step.request.region, [CAT])
    again = apply(styled, [Compose(layout=styled)], taken=["cat-1"])
    assert [style.entity for style in again.style_images] == [None, again.entities[1].id]


# -- what is repainted


@pytest.mark.parametrize(
    ("edit", "region", "entities"),
    [
        (Remove(ids=("cat-1",)), [CAT], []),
        (Remove(ids=("dog-1",)), [DOG], []),
        (Move(ids=("cat-1",), dx=-0.1), [CAT, box(0, 0.6, 0.2, 0.8)], ["cat-1"]),
        (Move(ids=("cat-1",), dx=0.2), [CAT, box(0.3, 0.6, 0.5, 0.8)], ["cat-1", "dog-1"]),
        (Resize(ids=("cat-1",), factor=0.5), [CAT, box(0.15, 0.65, 0.25, 0.75)], ["cat-1"]),
        (Describe(id="house-1", prompt="a red house"), [HOUSE], ["house-1"]),
        (Swap(first="cat-1", second="dog-1"), [CAT, DOG], ["cat-1", "dog-1"]),
        (Add(prompt="a kite", place=Place(box=box(0, 0, 0.2, 0.2))), [box(0, 0, 0.2, 0.2)], ["kite-1"]),
        (Regenerate(ids=("cat-1",)), [CAT], ["cat-1"]),
        (SetCount(ids=("cat-1", "dog-1"), n=1), [DOG], []),
    ],
    ids=lambda value: value.op if hasattr(value, "op") else "",
)
def test_the_region_is_the_old_and_the_new_place(edit: LayoutEdit, region: list[Box], entities: list[str]):
    request = inpaint(edit)
    assert same_boxes(request.region, region)
    assert [entity.id for entity in request.entities] == entities
    assert request.keep == ()
    assert request.image == PICTURE
    assert request.mask is None


def test_what_is_repainted_is_under_the_feather_in_full():
    request = inpaint(Remove(ids=("cat-1",)))
    assert request.feather <= FEATHER * SETTINGS.width + 1
    assert request.grow == 0


def test_an_entity_under_the_region_is_painted_with_it():
    bee = Entity(id="bee-1", prompt="a bee", box=box(0.12, 0.62, 0.2, 0.7))
    below = OLD.model_copy(update={"entities": (*OLD.entities, bee)})
    assert [entity.id for entity in inpaint(Remove(ids=("bee-1",)), old=below).entities] == ["cat-1"]


def test_a_new_order_repaints_where_things_overlap():
    house = OLD.entities[0]
    car = Entity(id="car-1", prompt="a car", box=box(0.4, 0.4, 0.7, 0.6))
    old, new = Layout(prompt="x", entities=(house, car)), Layout(prompt="x", entities=(car, house))
    (step,) = steps(old, new, [Move(ids=("car-1",))], picture=PICTURE, settings=SETTINGS)
    assert isinstance(step.request, InpaintRequest)
    assert same_boxes(step.request.region, [box(0.5, 0.4, 0.7, 0.5)])


def test_a_new_background_keeps_what_stays_as_it_is():
    request = inpaint(Background(prompt="the beach"), Move(ids=("cat-1",), dx=-0.1))
    assert request.background == "the beach"
    assert request.keep == (HOUSE, DOG)
    assert request.region == ()
    assert len(request.entities) == 3
    assert request.carried == (Carry(source=CAT, target=box(0, 0.6, 0.2, 0.8)),)


def test_a_new_background_with_nothing_to_keep_is_the_whole_canvas():
    empty = Layout(prompt="a meadow", background="a meadow")
    assert inpaint(Background(prompt="the beach"), old=empty).region == (box(0, 0, 1, 1),)


@pytest.mark.parametrize(
    ("edits", "carried"),
    [
        ([Move(ids=("cat-1",), dx=-0.1)], [(CAT, box(0, 0.6, 0.2, 0.8))]),
        ([Resize(ids=("cat-1",), factor=0.5)], [(CAT, box(0.15, 0.65, 0.25, 0.75))]),
        ([Swap(first="cat-1", second="dog-1")], [(CAT, DOG), (DOG, CAT)]),
        ([Duplicate(id="cat-1", place=Place(box=box(0, 0, 0.2, 0.2)))], [(CAT, box(0, 0, 0.2, 0.2))]),
        ([Move(ids=("cat-1",), dx=-0.1), Describe(id="cat-1", prompt="a blue cat")], []),
        ([Move(ids=("cat-1",), dx=-0.1), Regenerate(ids=("cat-1",))], []),
        ([Replace(id="cat-1", prompt="a fox")], []),
        ([Shape(id="cat-1", box=box(0, 0.5, 0.2, 0.8), mask="1" * 64)], []),
        ([Add(prompt="a cat", place=Place(box=box(0, 0, 0.2, 0.2)))], []),
        ([Add(prompt="a kite"), Duplicate(id="kite-1")], []),
    ],
)
def test_what_only_moves_keeps_its_look(edits: list[LayoutEdit], carried: list[tuple[Box, Box]]):
    assert [(carry.source, carry.target) for carry in inpaint(*edits).carried] == carried


def test_counted_copies_look_like_the_first():
    request = inpaint(SetCount(ids=("cat-1",), n=3))
    assert [carry.source for carry in request.carried] == [CAT, CAT]


# -- things of reference pictures

CAT_REFERENCE = Transfer(id="cat-1", reference=REFERENCE)
LIKE_IT = apply(OLD, [CAT_REFERENCE])


def transfer(*edits: LayoutEdit, old: Layout = LIKE_IT, after: Sequence[str] = ()) -> TransferRequest:
    *before, step = routed(*edits, old=old)
    assert [one.tool for one in before] == list(after)
    assert step.tool == "transfer"
    assert isinstance(step.request, TransferRequest)
    assert step.request.image == PICTURE or after
    assert all(entity.reference is None for one in before for entity in one.request.entities)
    return step.request


def test_a_transfer_paints_its_thing_and_nothing_else():
    request = transfer(CAT_REFERENCE, old=OLD)
    assert [(entity.id, entity.reference) for entity in request.entities] == [("cat-1", REFERENCE)]
    assert (request.region, request.keep) == ((), ())
    assert request.grow == request.feather > 0
    assert routed(CAT_REFERENCE, old=LIKE_IT) == ()


@pytest.mark.parametrize(
    ("edits", "after", "names"),
    [
        ([Transfer(id="cat-1", reference=PICTURE), Transfer(id="dog-1", reference=REFERENCE)], [], ["cat-1", "dog-1"]),
        ([Regenerate(ids=("cat-1",))], [], ["cat-1"]),
        ([Describe(id="cat-1", prompt="a black cat")], [], ["cat-1"]),
        ([Resize(ids=("cat-1",), factor=1.5)], ["inpaint"], ["cat-1"]),
        ([Regenerate(ids=("cat-1",)), Remove(ids=("dog-1",))], ["inpaint"], ["cat-1"]),
        ([Style(prompt="watercolour")], ["style"], ["cat-1"]),
        ([Regenerate()], ["generate"], ["cat-1"]),
        ([Background(prompt="the beach"), Regenerate(ids=("cat-1",))], ["inpaint"], ["cat-1"]),
    ],
)
def test_what_has_a_reference_is_transferred_again(edits: list[LayoutEdit], after: list[str], names: list[str]):
    request = transfer(*edits, after=after)
    assert [entity.id for entity in request.entities] == names
    assert {entity.reference for entity in request.entities} <= {REFERENCE, PICTURE}


@pytest.mark.parametrize(
    "edit",
    [
        Move(ids=("cat-1",), dx=-0.1),
        Swap(first="cat-1", second="dog-1"),
        Duplicate(id="cat-1", place=Place(box=box(0, 0, 0.2, 0.2))),
        Background(prompt="the beach"),
        Describe(id="house-1", prompt="a red house"),
    ],
    ids=lambda edit: edit.op,
)
def test_what_keeps_its_own_pixels_needs_no_transfer(edit: LayoutEdit):
    request = inpaint(edit, old=LIKE_IT)
    assert all(entity.reference is None for entity in request.entities)
    assert CAT in request.keep or all(carry.source in (CAT, DOG) for carry in request.carried)


def test_only_the_old_place_is_emptied_before_a_larger_thing_is_transferred():
    (emptied, _) = routed(Resize(ids=("cat-1",), factor=1.5), old=LIKE_IT)
    assert isinstance(emptied.request, InpaintRequest)
    assert same_boxes(emptied.request.region, [CAT])
    assert "cat-1" not in [entity.id for entity in emptied.request.entities]
    assert emptied.request.carried == ()


def test_a_thing_that_is_touched_is_transferred_as_far_as_it_is():
    bee = Entity(id="bee-1", prompt="a bee", box=box(0.12, 0.62, 0.2, 0.7))
    covered = LIKE_IT.model_copy(update={"entities": (*LIKE_IT.entities, bee)})
    request = transfer(Remove(ids=("bee-1",)), old=covered, after=["inpaint"])
    assert [entity.id for entity in request.entities] == ["cat-1"]
    assert same_boxes(request.region, [bee.box])


def test_what_is_in_front_stays():
    hat = Entity(id="hat-1", prompt="a hat", box=box(0.15, 0.55, 0.25, 0.65))
    wearing = OLD.model_copy(update={"entities": (*OLD.entities, hat)})
    assert transfer(CAT_REFERENCE, old=wearing).keep == (hat.box,)
    behind = OLD.model_copy(update={"entities": (hat, *OLD.entities)})
    assert transfer(CAT_REFERENCE, old=behind).keep == ()
    large = OLD.model_copy(update={"entities": (*OLD.entities, hat.model_copy(update={"box": box(0, 0.5, 1, 1)}))})
    assert transfer(CAT_REFERENCE, old=large).keep == ()
    under = apply(large, [CAT_REFERENCE])
    assert [step.tool for step in routed(Describe(id="hat-1", prompt="a red hat"), old=under)] == ["inpaint"]


def test_a_first_picture_with_references_is_generated_and_then_transferred_into():
    painted, transferred = routed(Compose(layout=LIKE_IT), old=None, picture=None)
    assert (painted.tool, transferred.tool) == ("generate", "transfer")
    assert painted.request.entities == OLD.entities
    assert Step.model_validate_json(transferred.model_dump_json(exclude_none=True)) == transferred


# -- seeds


def test_a_new_seed_is_derived():
    again = inpaint(Regenerate(ids=("cat-1",)))
    assert again == inpaint(Regenerate(ids=("cat-1",)))
    (whole,) = routed(Regenerate())
    (other,) = routed(Regenerate(), picture="1" * 64)
    assert len({SETTINGS.seed, again.seed, whole.request.seed, other.request.seed, derived(7, "x")}) == 5


# -- for all edits

names = st.sampled_from(["cat-1", "dog-1", "house-1"])
small = st.integers(-3000, 3000).map(lambda n: n / 10_000)
one_edit: st.SearchStrategy[LayoutEdit] = st.one_of(
    st.builds(Move, ids=st.tuples(names), dx=small, dy=small),
    st.builds(Resize, ids=st.tuples(names), factor=st.floats(0.3, 3)),
    st.builds(Remove, ids=st.tuples(names)),
    st.builds(Describe, id=names, prompt=st.just("a blue thing")),
    st.builds(Duplicate, id=names),
    st.builds(Regenerate, ids=st.tuples(names)),
)


@given(one_edit)
@settings(deadline=None, max_examples=60)
def test_nothing_is_touched_outside_the_old_and_the_new_places(edit: LayoutEdit):
    new = apply(OLD, [edit])
    todo = steps(OLD, new, [edit], picture=PICTURE, settings=SETTINGS)
    before, after = ({entity.id: entity for entity in layout.entities} for layout in (OLD, new))
    again = edit.ids if isinstance(edit, Regenerate) else ()
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name) or name in again]
    places = [found[name].box for found in (before, after) for name in changed if name in found]
    assert bool(todo) == bool(places)
    for step in todo:
        assert isinstance(step.request, InpaintRequest)
        assert same_boxes(step.request.region, list({place.as_tuple(): place for place in places}.values()))
        assert Step.model_validate_json(step.model_dump_json()) == step


def test_settings_go_into_the_request():
    fields: dict[str, Any] = {"seed": 1, "width": 64, "height": 64, "profile": "mini", "steps": 3, "guidance": 2.0}
    (step,) = steps(None, OLD, [Compose(layout=OLD)], picture=None, settings=Settings(**fields))
    assert fields.items() <= dict(step.request).items()
