"""What holds for every edit of every layout."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import MEADOW, at, box, edits, entity, ids, layouts
from pydantic import TypeAdapter

from eligen.assistant.edits import apply
from eligen.assistant.plan import Background, Compose, Describe, Edit, Move, Redo, Style, Swap, Undo
from eligen.tools.layout import Box, Layout

EDITS: TypeAdapter[Edit] = TypeAdapter(Edit)


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
@settings(deadline=None, max_examples=50)
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


starts, sides = st.integers(2000, 5000), st.integers(500, 3000)
central = st.builds(
    lambda x, y, w, h: box(x / 1e4, y / 1e4, (x + w) / 1e4, (y + h) / 1e4), starts, starts, sides, sides
)


@given(central, central)
@settings(deadline=None)
def test_swapping_twice_restores(one: Box, other: Box):
    layout = Layout(prompt="x", entities=(entity("a-1", *one.as_tuple()), entity("b-1", *other.as_tuple())))
    swap = Swap(first="a-1", second="b-1")
    once = apply(layout, [swap])
    assert at(once, "a-1").centre == pytest.approx(other.centre, abs=1e-4)
    assert apply(once, [swap]).entities == layout.entities


@given(layouts(), st.integers(-3000, 3000), st.integers(-3000, 3000))
@settings(deadline=None)
def test_moving_there_and_back_restores(layout: Layout, across: int, down: int):
    name, dx, dy = layout.entities[0].id, across / 10_000, down / 10_000
    old = at(layout, name)
    if min(old.x0 + dx, old.y0 + dy) >= 0 and max(old.x1 + dx, old.y1 + dy) <= 1:
        back = apply(layout, [Move(ids=(name,), dx=dx, dy=dy), Move(ids=(name,), dx=-dx, dy=-dy)])
        assert back.entities == layout.entities
