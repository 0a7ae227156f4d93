"""Segmentation by a Sam of random weights: shapes, order, loading; and by the mini's, what it finds."""

import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from segment_anything import SamPredictor, sam_model_registry
from tiny_models import TINY_SAM

from eligen.tools.errors import UserError
from eligen.tools.layout import Box
from eligen.tools.measures import mask_iou
from eligen.tools.profiles import MINI_FOLDER, SAM_FILE, get_profile
from eligen.tools.segmentation import SamConfig, Segmenter, build_sam

LEFT = Box(x0=0.1, y0=0.2, x1=0.5, y1=0.9)
RIGHT = Box(x0=0.6, y0=0.1, x1=0.95, y1=0.4)


@pytest.fixture(scope="module")
def segmenter(tiny_model_dir: Path) -> Segmenter:
    return Segmenter(profile=get_profile("mini", model_dir=tiny_model_dir), device="cpu")


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [(64, 64), (96, 40), (30, 50)])
def test_shapes_in_boxes_are_those_of_the_library(segmenter: Segmenter, size: tuple[int, int]) -> None:
    image = noise(*size)
    segments = segmenter.in_boxes(image, [LEFT, RIGHT])
    predictor = SamPredictor(segmenter.sam)
    predictor.set_image(np.array(image))
    for box, segment in zip((LEFT, RIGHT), segments, strict=True):
        corners = np.array(box.as_tuple()) * [*size, *size]
        mask, score, _ = predictor.predict(box=corners, multimask_output=False)
        assert segment.mask.shape == size[::-1]
        assert np.array_equal(segment.mask, mask[0])
        assert segment.score == pytest.approx(score[0], abs=1e-5)


def test_no_boxes_no_shapes(segmenter: Segmenter) -> None:
    assert segmenter.in_boxes(noise(64, 64), []) == []


def test_the_shape_at_a_point_is_the_surest_of_the_library_s(segmenter: Segmenter) -> None:
    image = noise(64, 48)
    found = segmenter.at_point(image, 0.25, 0.5)
    predictor = SamPredictor(segmenter.sam)
    predictor.set_image(np.array(image))
    masks, scores, _ = predictor.predict(np.array([[16.0, 24.0]]), np.array([1]))
    assert any(np.array_equal(found.mask, mask) for mask in masks)
    assert found.score == pytest.approx(scores.max(), abs=1e-5)


def test_proposals_come_surest_first(segmenter: Segmenter) -> None:
    found = segmenter.proposals(noise(80, 64).convert("L"))
    scores = [segment.score for segment in found]
    assert scores == sorted(scores, reverse=True)
    assert all(segment.mask.shape == (64, 80) and segment.mask.dtype == bool for segment in found)


def test_the_model_is_loaded_once_and_when_needed(segmenter: Segmenter) -> None:
    assert Segmenter(profile=segmenter.profile, device="cpu").sam is segmenter.sam
    missing = Segmenter(profile=replace(segmenter.profile, sam_file=Path("nowhere.safetensors")))
    with pytest.raises(UserError, match=r"^weights missing: no Sam at nowhere\.safetensors$"):
        missing.in_boxes(noise(64, 64), [LEFT])


@pytest.mark.parametrize(
    ("name", "content"), [("model.safetensors", b"none"), ("config.json", b"{"), ("config.json", b'{"depth": 2}')]
)
def test_weights_that_do_not_fit(tiny_model_dir: Path, tmp_path: Path, name: str, content: bytes) -> None:
    shutil.copytree(tiny_model_dir / "sam", tmp_path / "sam")
    (tmp_path / "sam" / name).write_bytes(content)
    broken = Segmenter(profile=replace(get_profile("mini"), sam_file=tmp_path / SAM_FILE))
    with pytest.raises(UserError) as error:
        broken.in_boxes(noise(64, 64), [LEFT])
    assert "\n" not in str(error.value)


def test_the_default_widths_are_the_published_model() -> None:
    with torch.device("meta"):
        ours, theirs = build_sam(SamConfig()), sam_model_registry["vit_h"]()
    shapes = [{name: weight.shape for name, weight in sam.state_dict().items()} for sam in (ours, theirs)]
    assert shapes[0] == shapes[1]


def test_a_folder_or_the_environment_brings_its_own_sam(tiny_model_dir: Path, tmp_path: Path) -> None:
    assert get_profile("mini").sam_file == MINI_FOLDER / SAM_FILE
    assert get_profile("mini", model_dir=tiny_model_dir).sam_file == tiny_model_dir / SAM_FILE
    named = tmp_path / "sam.pth"
    with pytest.raises(UserError, match="no Sam file at"):
        get_profile("flux-dev", environ={"ELIGEN_SAM_FILE": str(named)})
    named.touch()
    assert get_profile("flux-dev", environ={"ELIGEN_SAM_FILE": str(named)}).sam_file == named
    assert get_profile("flux-dev", environ={}).sam_file is None


def test_the_configuration_comes_back_from_its_file(segmenter: Segmenter) -> None:
    assert segmenter.sam.config == TINY_SAM


@pytest.mark.skipif(not (MINI_FOLDER / SAM_FILE).is_file(), reason="the mini Sam is not trained yet")
def test_the_mini_sam_finds_drawn_things() -> None:
    from training.scenes import World, tight_box

    world, segmenter = World(), Segmenter(profile=get_profile("mini"))
    rng, generator = random.Random(31), torch.Generator().manual_seed(31)
    images, shapes = world.draw([world.sample(rng, max_things=3) for _ in range(12)], 128, generator)
    found, alone = [], []
    for picture, truths in zip(images, shapes, strict=True):
        image = Image.fromarray((picture * 255).round().byte().permute(1, 2, 0).numpy())
        seen = [truth for truth in truths if truth.float().mean() > 0.01]
        boxes = [Box.model_validate(tight_box(truth)) for truth in seen]
        proposals = segmenter.proposals(image)
        for truth, segment in zip(seen, segmenter.in_boxes(image, boxes), strict=True):
            found.append(mask_iou(truth.numpy(), segment.mask))
            alone.append(max((mask_iou(truth.numpy(), other.mask) for other in proposals), default=0.0))
    assert np.mean(found) > 0.8
    assert np.mean(np.array(alone) > 0.6) > 0.75  # 90 % with weights of 17 minutes on one core
