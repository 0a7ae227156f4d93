"""Inpainting on a tiny model: what is named is painted anew, all else is bit for bit as it was, turn after turn."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from eligen.tools import inpainting
from eligen.tools.conditions import Background
from eligen.tools.errors import UserError
from eligen.tools.generation import Painter
from eligen.tools.inpainting import cells
from eligen.tools.layout import Box
from eligen.tools.measures import difference_outside, seam
from eligen.tools.metadata import write_picture
from eligen.tools.pixels import as_image, as_tensor, grown, laid, membrane
from eligen.tools.profiles import get_profile
from eligen.tools.requestfiles import read_request
from eligen.tools.requests import InpaintRequest
from eligen.tools.segmentation import Segment

SIDE = 64
LEFT, RIGHT = [0.1, 0.25, 0.4, 0.7], [0.6, 0.25, 0.9, 0.7]
CAT = {"prompt": "a red cat", "box": RIGHT}


@pytest.fixture(scope="module")
def painter(tiny_model_dir: Path) -> Painter:
    return Painter(profile=get_profile("mini", model_dir=tiny_model_dir))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of soft colours with a hard-edged thing in the left box."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    pixels = np.stack([80 + 90 * rows, 120 + 60 * columns, 200 - 80 * rows * columns], axis=2).astype(np.uint8)
    pixels[18:44, 8:24] = (200, 30, 30)
    pixels[24:30, 12:18] = (20, 20, 30)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


def request(photo: Path, **changes: Any) -> InpaintRequest:
    fields = {"prompt": "a red cat on the grass", "width": SIDE, "height": SIDE, "seed": 4, "steps": 2, "feather": 4}
    return InpaintRequest.model_validate(fields | {"image": str(photo)} | changes)


def masked(painter: Painter, one: InpaintRequest) -> np.ndarray:
    return inpainting.prepare(one, painter.segmenter)[0].mask.numpy()


EDITS: list[dict[str, Any]] = [
    {"region": [LEFT]},
    {"entities": [CAT], "strength": 0.5},
    {"keep": [LEFT], "grow": 1},
    {"region": [LEFT, RIGHT], "carried": [{"source": LEFT, "target": RIGHT}], "entities": [CAT]},
    {"region": [[0.2, 0.2, 0.8, 0.8]], "feather": 0, "seed": 7},
    {"mask": "mask.png", "grow": 3},
    {"region": [RIGHT], "entities": [CAT], "true_cfg": 1},
    {"region": [[0.3, 0.1, 0.9, 0.9]], "carried": [{"source": LEFT, "target": [0.3, 0.1, 0.9, 0.9]}]},
    {"region": [[0.0, 0.5, 0.3, 1.0]], "control": "none"},
    {"keep": [RIGHT], "strength": 0.7, "entities": [CAT]},
]


def test_ten_edits_leave_everything_outside_their_masks_bit_for_bit(painter: Painter, photo: Path) -> None:
    disc = np.hypot(*(np.mgrid[:SIDE, :SIDE] - 40)) < 12
    Image.fromarray(disc).save(photo.with_name("mask.png"))
    now = Image.open(photo)
    for number, edit in enumerate(EDITS):
        if "mask" in edit:
            edit = edit | {"mask": str(photo.with_name("mask.png"))}
        one = request(photo.with_name(f"{number}.png"), **edit)
        now.save(one.image)
        mask = masked(painter, one)
        after = painter.paint(one).image
        assert 0 < mask.mean() < 1
        assert difference_outside(now, after, mask) == 0
        assert np.any(np.asarray(now) != np.asarray(after), axis=2)[mask].mean() > 0.5
        now = after


def test_what_is_repainted_in_full_owes_nothing_to_what_was_there(painter: Painter, photo: Path) -> None:
    other = photo.with_name("other.png")
    pixels = np.array(Image.open(photo))
    pixels[18:44, 8:24] = np.random.default_rng(0).integers(0, 256, (26, 16, 3))
    Image.fromarray(pixels).save(other)
    first, second = (painter.paint(request(image, region=[[0.1, 0.25, 0.4, 0.7]])).image for image in (photo, other))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_less_than_all_strength_begins_with_what_is_in_the_boxes(photo: Path, strength: float) -> None:
    edit = request(photo, strength=strength, region=[[0, 0, 1, 0.7]], entities=[{"prompt": "a cat", "box": LEFT}])
    repaint, _ = inpainting.prepare(edit, Scripted(thing()))  # type: ignore[arg-type]
    same = (repaint.start == repaint.before).all(0)
    assert bool(same[18:44, 8:24].all()) == (strength < 1)
    assert not same[:10].all()
    assert same[45:].all()


def test_the_last_step_foretells_the_picture_within_its_surroundings(painter: Painter, photo: Path) -> None:
    seen: list[Image.Image] = []
    painted = painter.paint(request(photo, region=[LEFT]), on_step=lambda step, steps, preview: seen.append(preview()))
    assert len(seen) == 2
    assert seen[-1].tobytes() == painted.image.tobytes()
    assert difference_outside(Image.open(photo), seen[0], masked(painter, painted.request)) == 0  # type: ignore[arg-type]


def test_a_picture_carries_what_it_was_painted_over(painter: Painter, photo: Path, tmp_path: Path) -> None:
    Image.linear_gradient("L").save(tmp_path / "mask.png")
    painted = painter.paint(request(photo, mask=str(tmp_path / "mask.png"), id="x"))
    (tmp_path / "out").mkdir()
    write_picture(painted.image, painted.request, tmp_path / "out" / "x.png")
    photo.unlink()
    (tmp_path / "out").rename(tmp_path / "there")
    for name in ("x.png", "x.json"):
        again = painter.paint(read_request(tmp_path / "there" / name))
        assert again.image.tobytes() == painted.image.tobytes()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"width": 80}, "is 80x64, but its picture is 64x64"),
        ({"image": "nowhere.png"}, "no image at nowhere.png"),
        ({"mask": "nowhere.png"}, "no image at nowhere.png"),
    ],
)
def test_pictures_that_cannot_be_used(painter: Painter, photo: Path, changes: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError, match=line):
        painter.paint(request(photo, **({"region": [LEFT]} | changes)))


def test_odd_masks_are_told(painter: Painter, photo: Path, tmp_path: Path) -> None:
    Image.new("L", (32, 32)).save(tmp_path / "empty.png")
    painted = painter.paint(request(photo, mask=str(tmp_path / "empty.png")))
    assert painted.notices == ("the mask is 32x32: resized to 64x64", "nothing is painted: the mask is empty")
    assert painted.image.tobytes() == Image.open(photo).tobytes()


# -- what is repainted


class Scripted:
    """A segmenter that answers with a given shape, or is unsure."""

    def __init__(self, shape: np.ndarray, score: float = 1.0) -> None:
        self.segment = Segment(shape, score)

    def in_boxes(self, image: Image.Image, boxes: tuple[Box, ...]) -> list[Segment]:
        return [self.segment] * len(boxes)


def thing() -> np.ndarray:
    shape = np.zeros((SIDE, SIDE), dtype=bool)
    shape[18:44, 8:24] = True
    return shape


def test_things_to_keep_are_kept_by_their_shape_but_for_its_mixed_edge(photo: Path) -> None:
    repaint, _ = inpainting.prepare(request(photo, keep=[[0.05, 0.2, 0.45, 0.75]]), Scripted(thing()))  # type: ignore[arg-type]
    kept = ~repaint.mask.numpy()
    assert np.array_equal(kept, ~grown(torch.from_numpy(~thing()), 1).numpy())
    assert repaint.opacity[repaint.mask].min() > 0.4  # no halo of the old background


def test_an_unsure_shape_is_the_whole_box(photo: Path) -> None:
    repaint, _ = inpainting.prepare(request(photo, keep=[[0.5, 0.5, 1, 1]]), Scripted(thing(), 0.1))  # type: ignore[arg-type]
    assert not repaint.mask[34:, 34:].any()
    assert repaint.mask[:32].all()


def test_where_nothing_is_asked_for_the_surroundings_go_on(photo: Path) -> None:
    cat = {"prompt": "a cat", "box": [0.5, 0.25, 0.9, 0.7]}
    repaint, _ = inpainting.prepare(request(photo, region=[[0.1, 0.1, 0.9, 0.9]], entities=[cat]), Scripted(thing()))  # type: ignore[arg-type]
    assert repaint.strengths[30, 40] == 1
    assert repaint.strengths[30, 12] == pytest.approx(inpainting.FILLED_STRENGTH)
    assert repaint.opacity[30, 50] == 1
    assert 0 < repaint.opacity[30, 10] < 0.5
    whole, _ = inpainting.prepare(request(photo, region=[[0, 0, 1, 1]]), Scripted(thing()))  # type: ignore[arg-type]
    assert (whole.strengths == 1).all()


@pytest.mark.parametrize(
    ("changes", "prompts", "said"),
    [
        ({"keep": [LEFT, RIGHT]}, [], "a beach, pencil drawing"),
        ({"keep": [LEFT]}, ["a red cat"], "a red cat on the grass"),
        (
            {"region": [LEFT, RIGHT], "carried": [{"source": LEFT, "target": RIGHT}]},
            ["a tree"],
            "a red cat on the grass",
        ),
        ({"region": [RIGHT]}, ["a tree", "a red cat"], "a red cat on the grass"),
        ({"keep": [LEFT, RIGHT], "background": "", "style": ""}, [], "a red cat on the grass"),
        ({"region": [LEFT], "keep": [RIGHT]}, ["a tree", "a red cat"], "a red cat on the grass"),
    ],
)
def test_only_what_is_not_there_yet_is_asked_for(changes: dict[str, Any], prompts: list[str], said: str) -> None:
    scene = {"background": "a beach", "style": "pencil drawing", "entities": [{"prompt": "a tree", "box": LEFT}, CAT]}
    asked = inpainting.asked_for(request(Path("photo.png"), **(scene | changes)))
    assert [entity.prompt for entity in asked.entities] == prompts
    assert asked.prompt == said


def test_a_carried_thing_is_laid_whole_and_its_old_place_is_emptied(photo: Path) -> None:
    move = {"source": LEFT, "target": RIGHT}
    edit = request(photo, region=[LEFT, RIGHT], grow=2, carried=[move])
    repaint, _ = inpainting.prepare(edit, Scripted(thing()))  # type: ignore[arg-type]
    before = as_tensor(Image.open(photo))
    assert torch.allclose(repaint.start[:, 18:44, 40:56], before[:, 18:44, 8:24], atol=1e-4)
    assert not repaint.opacity[24:38, 46:50].any()  # its own pixels are what is seen
    assert (repaint.start[0, 18:44, 8:24] < 0.7).all()  # the red has gone
    assert (repaint.strengths[24:38, 46:50] == 0).all()


# -- the pieces


def test_what_is_laid_elsewhere_is_moved_exactly_or_scaled() -> None:
    shape = torch.from_numpy(thing()).float()[None]
    source = Box(x0=0.125, y0=0.25, x1=0.375, y1=0.75)
    moved = laid(shape, source, Box(x0=0.5, y0=0.0, x1=0.75, y1=0.5))
    assert torch.allclose(moved[:, 2:28, 32:48], shape[:, 18:44, 8:24], atol=1e-4)
    smaller = laid(shape, source, Box(x0=0.5, y0=0.5, x1=0.625, y1=0.75))
    assert smaller.sum() == pytest.approx(shape.sum().item() / 4, rel=0.05)


def test_a_membrane_goes_on_as_its_surroundings_do() -> None:
    ramp = torch.linspace(0, 1, 40).expand(3, 30, 40)
    hole = torch.zeros(30, 40, dtype=torch.bool)
    hole[8:20, 12:26] = True
    spanned = membrane(torch.where(hole, torch.tensor(9.0), ramp), ~hole)
    assert torch.equal(spanned[:, ~hole], ramp[:, ~hole])
    assert (spanned - ramp).abs().max() < 0.06
    assert not membrane(ramp, torch.zeros(30, 40, dtype=torch.bool)).any()


def test_cells_take_part_when_any_of_their_pixels_does() -> None:
    mask, strengths = torch.zeros(16, 24, dtype=torch.bool), torch.zeros(16, 24)
    mask[:9, :8] = True
    strengths[:9, :4] = 1.0
    assert np.asarray(cells(strengths, mask)).tolist() == [[128, 0, 0], [128, 0, 0]]


def test_a_place_joins_when_its_share_of_the_steps_is_left() -> None:
    kept = Background(torch.zeros(1, 3, 1), torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1))
    ours, sigma = torch.full((1, 3, 1), 9.0), torch.tensor(0.5)
    joined = [
        (kept.keep(ours, torch.ones(1, 3, 1), sigma, left) == 9).flatten().tolist() for left in (1, 0.75, 0.5, 0.1)
    ]
    assert joined == [[False, False, True]] * 2 + [[False, True, True]] * 2


def test_a_shift_of_all_colours_leaves_no_seam(photo: Path) -> None:
    image = Image.open(photo)
    before = as_tensor(image)
    mask = grown(torch.from_numpy(thing()), 6)
    repaint = inpainting.Repaint(before, before, mask, mask.float(), mask.float(), match_colours=True)
    shifted = (before + torch.tensor([0.08, -0.05, 0.06]).view(3, 1, 1)).clamp(0, 1)
    matched, plain = (replace(repaint, match_colours=match).composed(shifted) for match in (True, False))
    assert np.abs(np.asarray(matched, int) - np.asarray(image, int)).max() <= 3
    assert seam(matched, mask.numpy()) < 1.5 < seam(plain, mask.numpy())


def test_pictures_come_back_bit_for_bit() -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (16, 48, 3), dtype=np.uint8))
    assert as_image(as_tensor(image)).tobytes() == image.tobytes()
