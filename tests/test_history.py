"""The walk over versions: what is undone comes back, and nothing is ever lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eligen.assistant.history import START, History, Version
from eligen.assistant.plan import Redo, Remove, Undo
from eligen.tools.errors import ToolError
from eligen.tools.layout import Layout

STEPS = st.one_of(
    st.just(("edit", 0)),
    st.tuples(st.sampled_from(["undo", "redo"]), st.integers(1, 4)),
    st.tuples(st.just("goto"), st.integers(0, 12)),
)


def edited(history: History) -> History:
    number = history.next_id
    return history.add(Version(id=number, parent=history.head, layout=Layout(prompt=f"layout {number}"), seed=number))


def walked(steps: list[tuple[str, int]]) -> list[History]:
    """Return the histories after every step that can be taken, the empty one first."""
    seen = [History()]
    for name, amount in steps:
        try:
            seen.append(edited(seen[-1]) if name == "edit" else getattr(seen[-1], name)(amount))
        except ToolError:
            continue
    return seen


def line(*steps: str | tuple[str, int]) -> History:
    return walked([(step, 1) if isinstance(step, str) else step for step in steps])[-1]


@given(st.lists(STEPS, max_size=30))
def test_nothing_is_ever_lost(steps: list[tuple[str, int]]):
    seen = walked(steps)
    for before, after in pairwise(seen):
        assert after.versions[: len(before.versions)] == before.versions
    last = seen[-1]
    assert sorted({number for leaf in last.branches for number in last.goto(leaf)._path(leaf)}) == [
        version.id for version in last.versions
    ]
    for version in last.versions:
        assert last.goto(version.id).current == version


@given(st.lists(STEPS, max_size=30))
def test_undo_after_an_edit_restores_and_redo_brings_it_back(steps: list[tuple[str, int]]):
    before = walked(steps)[-1]
    after = edited(before)
    undone = after.undo()
    assert (undone.head, undone.layouts) == (before.head, before.layouts)
    assert undone.redo() == after


@given(st.lists(STEPS, max_size=30), st.integers(1, 12))
def test_redo_takes_back_any_undo_and_undo_any_redo(steps: list[tuple[str, int]], amount: int):
    history = walked(steps)[-1]
    if back := min(amount, history.undoable):
        assert history.undo(back).redo(back) == history
    if forth := min(amount, history.redoable):
        assert history.redo(forth).undo(forth) == history


@given(st.lists(STEPS, max_size=30))
def test_json_keeps_every_value(steps: list[tuple[str, int]]):
    history = walked(steps)[-1]
    assert History.model_validate_json(history.model_dump_json()) == history


@pytest.mark.parametrize(
    ("steps", "head", "layouts", "branches"),
    [
        ([], 0, [], []),
        (["edit"], 1, [1], [1]),
        (["edit", "edit", "undo"], 1, [1], [2]),
        (["edit", "edit", ("undo", 9)], 0, [], [2]),
        (["edit", "edit", "undo", "edit"], 3, [1, 3], [2, 3]),
        (["edit", "edit", "undo", "edit", "undo", "redo"], 3, [1, 3], [2, 3]),
        (["edit", "edit", "undo", "edit", ("goto", 2)], 2, [1, 2], [2, 3]),
        (["edit", "edit", "undo", "edit", ("goto", 2), "undo", "redo"], 2, [1, 2], [2, 3]),
        (["edit", "undo", "edit"], 2, [2], [1, 2]),
        (["edit", "edit", "edit", ("goto", 1), ("redo", 9)], 3, [1, 2, 3], [3]),
        (["edit", "edit", "edit", ("goto", 0), "redo"], 1, [1], [3]),
    ],
)
def test_walks(steps: list[str | tuple[str, int]], head: int, layouts: list[int], branches: list[int]):
    history = line(*steps)
    assert history.head == head
    assert [layout.prompt for layout in history.layouts] == [f"layout {number}" for number in layouts]
    assert list(history.branches) == branches
    assert history.current is (history.versions[head - 1] if head else None)


def test_a_new_edit_after_an_undo_leaves_nothing_to_redo():
    assert line("edit", "edit", "undo").redoable == 1
    assert line("edit", "edit", "undo", "edit").redoable == 0


@pytest.mark.parametrize(
    ("history", "step"),
    [(History(), "undo"), (History(), "redo"), (line("edit"), "redo"), (line("edit", "undo"), "undo")],
)
def test_steps_that_cannot_be_taken_say_so(history: History, step: str):
    with pytest.raises(ToolError, match=f"nothing to {step}"):
        getattr(history, step)()


@pytest.mark.parametrize("step", ["undo", "redo"])
@pytest.mark.parametrize("history", [line("edit", "edit", "undo"), line("edit", "edit", ("undo", 2))])
@pytest.mark.parametrize("number", [0, -1])
def test_a_walk_of_no_step_goes_nowhere(history: History, step: str, number: int):
    with pytest.raises(ToolError, match=f"nothing to {step}"):
        getattr(history, step)(number)


@pytest.mark.parametrize("number", [-1, 2])
def test_versions_that_are_not_there_say_so(number: int):
    with pytest.raises(ToolError, match=f"no version {number}"):
        line("edit").goto(number)


def test_values_that_make_no_history_are_refused():
    first = Version(id=1, layout=Layout(prompt=""))
    with pytest.raises(ValueError, match="comes from 0, the current one is 1"):
        line("edit").add(first.model_copy(update={"id": 2}))
    for bad in ({"versions": (first, first)}, {"head": 1}, {"versions": (first,), "head": 1, "tip": START}, {"tip": 3}):
        with pytest.raises(ValidationError):
            History(**bad)
    with pytest.raises(ValidationError, match="cannot come from"):
        Version(id=1, parent=1, layout=Layout(prompt=""))
    with pytest.raises(ValidationError):
        Version(id=1, layout=Layout(prompt=""), picture="../../etc/passwd")


def test_a_plans_undos_come_before_its_other_edits():
    history, remove = line("edit", "edit", "edit"), Remove(ids=("cat-1",))
    assert history.follow((Undo(steps=2), remove)) == (history.undo(2), (remove,))
    assert history.follow((remove, Undo(steps=2), Redo())) == (history.undo(), (remove,))
    assert history.follow((remove,)) == (history, (remove,))
    with pytest.raises(ToolError, match="nothing to redo"):
        history.follow((Redo(),))
