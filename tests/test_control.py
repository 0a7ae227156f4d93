"""The benchmark of entity control: its figures, its layouts, and what it makes of pictures whose truth is known."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.control import CONTROLS, DRAWN, MEASURES, between_marks, contact_sheet, judge, painted, report, tables
from benchmarks.figures import difference, mean, share
from benchmarks.layouts import ASPECT, Case, make_cases
from eligen.tools.generation import Painter
from eligen.tools.layout import Box
from eligen.tools.measures import box_of
from eligen.tools.profiles import get_profile
from eligen.tools.segmentation import Segment
from training.scenes import World

SIDE, NOUNS = 128, 50


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def cases(world: World) -> list[Case]:
    return make_cases(world, NOUNS, 12, SIDE)


# -- figures


def test_a_share_has_wilsons_interval() -> None:
    figure = share([[1, 1, 0], [], [1] * 5 + [0, 0]])  # 7 of 10: the textbook's 0.397 to 0.892
    assert (figure.value, figure.count) == (0.7, 10)
    assert (figure.low, figure.high) == (pytest.approx(0.397, abs=1e-3), pytest.approx(0.892, abs=1e-3))
    assert share([[0.0] * 20]).high > 0.1
    assert share([[]]) == share([])


def test_a_mean_knows_that_things_of_a_layout_stand_together() -> None:
    rng = np.random.default_rng(1)
    alone = [[value] for value in rng.random(400)]
    figure = mean(alone)
    spread = np.std([row[0] for row in alone]) / 20
    assert figure.value == pytest.approx(np.mean(alone))
    assert (figure.high - figure.low) / 2 == pytest.approx(1.96 * spread, rel=0.1)
    together = mean([[row[0]] * 4 for row in alone[:100]])
    assert together.count == figure.count
    assert together.high - together.low > 1.8 * (figure.high - figure.low)
    assert mean(alone) == figure


def test_what_is_paired_is_told_apart_where_the_mere_means_are_not() -> None:
    rng = np.random.default_rng(2)
    hard = rng.random((60, 2))
    one, other = hard + 0.05 + rng.normal(0, 0.02, (60, 2)), hard
    apart = difference(one.tolist(), other.tolist())
    assert apart.low > 0.03
    assert apart.high < 0.07
    assert mean(one.tolist()).low < mean(other.tolist()).high
    with pytest.raises(ValueError, match="same layouts"):
        difference([[1.0]], [[1.0, 0.0]])


@given(st.lists(st.lists(st.floats(0, 1), max_size=4), min_size=1, max_size=8))
def test_a_figure_lies_within_its_interval(values: list[list[float]]) -> None:
    for figure in (mean(values), share([[round(value) for value in row] for row in values])):
        assert figure.low - 1e-9 <= figure.value <= figure.high + 1e-9
    assert difference(values, values).value == 0


# -- layouts


def test_layouts_are_the_same_each_time_and_of_one_to_six_things(world: World, cases: list[Case]) -> None:
    again = make_cases(world, NOUNS, 12, SIDE)
    assert [case.request for case in again] == [case.request for case in cases]
    assert [len(case.scene.things) for case in cases] == [1, 2, 3, 4, 5, 6] * 2
    assert len({case.request.prompt for case in cases}) == 12


def test_boxes_are_about_those_of_the_things_and_of_the_aspects_of_their_glyphs(
    world: World, cases: list[Case]
) -> None:
    for case in cases:
        for thing, entity, shape in zip(case.scene.things, case.request.entities, case.shapes, strict=True):
            width, height = world.extents[thing.noun]
            ratio = entity.box.width / entity.box.height / (width / height)
            assert 2 - ASPECT - 1e-6 <= ratio <= ASPECT + 1e-6
            tight = box_of(shape.numpy())
            assert tight is not None
            assert entity.box.iou(tight) > 0.6
            assert math.isclose(entity.box.area, tight.area, rel_tol=1e-6)


# -- judging


class Oracle:
    """An eye that knows the case: of each box it says the thing whose shape fits best there."""

    def __init__(self, case: Case, *, blind_to: int | None = None) -> None:
        self.case, self.blind_to = case, blind_to
        self.tight = [box_of(shape.numpy()) for shape in case.shapes]

    def name(self, image: Image.Image, boxes: list[Box]) -> tuple[list[int], list[str]]:
        best = [int(np.argmax([box.iou(tight) for tight in self.tight])) for box in boxes]
        things = [self.case.scene.things[number] for number in best]
        nouns = [-1 if number == self.blind_to else thing.noun for number, thing in zip(best, things, strict=True)]
        return nouns, [thing.colour or thing.material for thing in things]

    def place(self, image: Image.Image) -> str:
        return self.case.scene.background


class Shapes:
    """A Sam that finds just these shapes, from wherever they are."""

    def __init__(self, shapes: list[np.ndarray]) -> None:
        self.shapes = shapes

    def proposals(self, image: Image.Image) -> list[Segment]:
        return [Segment(shape, 1.0) for shape in self.shapes]


def test_the_truth_is_judged_right(cases: list[Case]) -> None:
    for case in cases:
        shapes = [shape.numpy() for shape in case.shapes[::-1]] + [np.zeros((SIDE, SIDE), dtype=bool)]
        verdict = judge(Oracle(case), Shapes(shapes), case, case.truth)  # type: ignore[arg-type]
        group, other = ("entities of 1-3", "entities of 4-6")[:: 1 if len(case.shapes) < 4 else -1]
        assert verdict["entities"] == verdict[group] == [1] * len(case.shapes)
        assert verdict[other] == []
        assert verdict["background"] == [1]
        assert verdict["colour"] == [1] * sum(bool(thing.colour) for thing in case.scene.things)
        assert min(verdict["box IoU"]) > 0.6
        assert verdict["shape IoU"] == [1] * len(case.shapes)


def test_what_is_missing_counts_nothing_and_what_stands_elsewhere_little(cases: list[Case]) -> None:
    case = cases[0]
    (shape,) = case.shapes
    moved = np.roll(shape.numpy(), SIDE // 4, axis=0)
    for found, most in (([], 0.0), ([moved], 0.7)):
        verdict = judge(Oracle(case), Shapes(found), case, case.truth)  # type: ignore[arg-type]
        assert verdict["shape IoU"][0] <= most
        assert verdict["entities"] == [1]
    unnamed = judge(Oracle(case, blind_to=0), Shapes([shape.numpy()]), case, case.truth)  # type: ignore[arg-type]
    assert (unnamed["entities"], unnamed["box IoU"], unnamed["shape IoU"]) == ([0], [0], [0])


# -- the report


def test_tables_and_the_report_say_the_same() -> None:
    values = {name: [1.0, 0.0] for name in ("entities", *MEASURES)}
    none = {name: [0.0, 0.0] for name in values}
    verdicts = {DRAWN: [values] * 9, **dict.fromkeys(CONTROLS, [none] * 9), "eligen": [values] * 9}
    text, whole = tables(verdicts), report(verdicts, {"layouts": 9})
    rows = {line.split(" | ")[0].strip("| "): line for line in text.splitlines()}
    assert rows["eligen"].count("50.0 [") == len(MEASURES)
    assert rows["eligen - none"].count("+50.0 [+50.0, +50.0]") == 4
    assert "+0.0 [+0.0, +0.0]" in rows["untrained - none"]
    assert whole["differences"]["eligen - none"]["colour"]["value"] == 0.5  # type: ignore[index]
    assert whole["layouts"] == 9


def test_a_page_keeps_what_is_around_its_figures() -> None:
    page = "before <!-- figures --> old <!-- end of figures --> after"
    assert between_marks(between_marks(page, "one"), "two") == (
        "before <!-- figures -->\n\ntwo\n\n<!-- end of figures --> after"
    )
    with pytest.raises(ValueError, match="no <!-- figures -->"):
        between_marks("nothing", "new")


def test_a_sheet_is_small(cases: list[Case], tmp_path: Path) -> None:
    contact_sheet([case.truth for case in cases], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (8 * 96, 2 * 96)
    assert (tmp_path / "sheet.png").stat().st_size < 12 * 6000


def test_a_picture_is_painted_once_and_anew_when_anything_changed(
    cases: list[Case], tiny_model_dir: Path, tmp_path: Path
) -> None:
    painter = Painter(profile=get_profile("mini", model_dir=tiny_model_dir), device="cpu")
    request = cases[1].request.model_copy(update={"width": 64, "height": 64, "steps": 1})
    first = painted(painter, request, tmp_path)
    kept = tmp_path / "eligen" / f"{request.id}.png"
    with Image.open(kept) as picture:
        assert np.array_equal(np.asarray(first), np.asarray(picture))
    before = kept.stat().st_mtime_ns
    painted(painter, request, tmp_path)
    assert kept.stat().st_mtime_ns == before
    painted(painter, request.model_copy(update={"seed": 77}), tmp_path)
    assert kept.stat().st_mtime_ns > before
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
