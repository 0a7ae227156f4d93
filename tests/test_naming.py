"""Naming: crops around boxes, words ranked by a CLIP pair, and a whole picture read as a layout."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import NOUNS, clip_tokenizer
from transformers import CLIPConfig, CLIPModel

from eligen.tools.errors import UserError
from eligen.tools.layout import Box
from eligen.tools.measures import SHADES
from eligen.tools.naming import PLACES, Guess, Namer, background_of, crops, layout_of, things
from eligen.tools.profiles import MINI_FOLDER, get_profile
from eligen.tools.segmentation import Segment, Segmenter
from eligen.tools.vocabulary import Noun, Vocabulary

LEFT, RIGHT = Box(x0=0.1, y0=0.2, x1=0.4, y1=0.8), Box(x0=0.6, y0=0.2, x1=0.9, y1=0.5)


@pytest.fixture(scope="module")
def namer(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Namer:
    """A namer whose CLIP pair is of the real class and knows nothing."""
    folder = tmp_path_factory.mktemp("clip") / "tiny"
    shutil.copytree(tiny_model_dir, folder)
    tokenizer = clip_tokenizer()
    marks = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={**sizes, **marks, "vocab_size": len(tokenizer)},
        vision_config={**sizes, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    CLIPModel(config).save_pretrained(folder / "clip")
    return Namer(profile=get_profile("mini", model_dir=folder), device="cpu")


def picture(*things: tuple[str, Box], background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    image = Image.new("RGB", (64, 64), background)
    for colour, box in things:
        image.paste(SHADES[colour][0], box.pixels(64, 64))
    return image


def shape(box: Box) -> np.ndarray:
    mask = np.zeros((64, 64), dtype=bool)
    x0, y0, x1, y1 = box.pixels(64, 64)
    mask[y0:y1, x0:x1] = True
    return mask


def test_a_crop_is_a_square_around_its_box_in_the_right_proportions() -> None:
    image = picture(("red", LEFT), ("blue", RIGHT))
    red, blue = crops(image, [LEFT, RIGHT], 24)
    assert red.shape == (3, 24, 24)
    assert torch.allclose(red[:, 12, 12] * 255, torch.tensor(SHADES["red"][0]).float(), atol=1)
    assert torch.allclose(blue[:, 12, 12] * 255, torch.tensor(SHADES["blue"][0]).float(), atol=1)
    tall = (red[1] < 0.5).float()
    assert tall.any(1).sum() == pytest.approx(24 / 1.2, abs=1.5)
    assert tall.any(0).sum() == pytest.approx(24 / 1.2 / 2, abs=1.5)


def test_beyond_the_picture_its_edge_goes_on() -> None:
    corner = Box(x0=0.0, y0=0.0, x1=0.5, y1=0.5)
    (crop,) = crops(picture(background=(10, 200, 90)), [corner], 16)
    assert torch.allclose(crop[:, 0, 0] * 255, torch.tensor([10.0, 200.0, 90.0]), atol=1)


def test_every_noun_is_ranked_by_its_likeness(namer: Namer) -> None:
    image = picture(("red", LEFT), ("blue", RIGHT))
    for box, guesses in zip((LEFT, RIGHT), namer.names(image, [LEFT, RIGHT]), strict=True):
        assert {guess.noun for guess in guesses} == set(NOUNS)
        chances = [guess.probability for guess in guesses]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) == pytest.approx(1)
        likeness = namer.likeness(image, [box], [f"a {guess.noun}" for guess in guesses])[0]
        assert likeness.tolist() == sorted(likeness.tolist(), reverse=True)
        assert likeness.abs().max() <= 1
    assert namer.names(image, []) == []


def test_a_place_is_one_of_those_known(namer: Namer) -> None:
    place, probability = namer.place(picture())
    assert place in PLACES
    assert 0 < probability < 1


def test_a_folder_without_a_pair(tiny_model_dir: Path) -> None:
    with pytest.raises(UserError, match=r"has no clip/ folder to name things with$"):
        Namer(profile=get_profile("mini", model_dir=tiny_model_dir)).names(picture(), [LEFT])


# -- a picture as a layout


class Scripted:
    """Finds given boxes, and knows the names of things in certain places."""

    vocabulary = Vocabulary(
        [
            Noun(noun="cat", codepoint="1F408", plural="cats", colours=True),
            Noun(noun="owl", codepoint="1F989", plural="owls"),
        ]
    )

    def __init__(self, *boxes: Box, chance: float = 0.9) -> None:
        self.boxes, self.chance = boxes, chance

    def proposals(self, image: Image.Image) -> list[Segment]:
        return [Segment(shape(box), 0.9) for box in self.boxes]

    def names(self, image: Image.Image, boxes: list[Box]) -> list[list[Guess]]:
        return [[Guess("cat" if box.x0 < 0.5 else "owl", self.chance)] for box in boxes]

    def place(self, image: Image.Image) -> tuple[str, float]:
        return "on a meadow", self.chance


def test_things_are_named_boxed_tightly_and_coloured_where_they_can_be() -> None:
    scripted = Scripted(LEFT, RIGHT)
    layout = layout_of(picture(("red", LEFT), ("blue", RIGHT)), scripted, scripted)  # type: ignore[arg-type]
    assert [(entity.id, entity.prompt) for entity in layout.entities] == [("owl-1", "an owl"), ("cat-1", "a red cat")]
    assert layout.entity("cat-1").box.iou(LEFT) > 0.9
    assert layout.background == "on a white background"
    assert layout.prompt == "an owl and a red cat on a white background"


def test_what_is_not_sure_is_left_out() -> None:
    rough = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    unsure = Scripted(LEFT, RIGHT, chance=0.2)
    layout = layout_of(Image.fromarray(rough), unsure, unsure)  # type: ignore[arg-type]
    assert (layout.entities, layout.background, layout.prompt) == ((), "", "a picture")
    assert background_of(Image.fromarray(rough), [], Scripted()) == "on a meadow"  # type: ignore[arg-type]


def test_specks_backgrounds_and_parts_are_no_things() -> None:
    eye, speck = Box(x0=0.2, y0=0.3, x1=0.3, y1=0.4), Box(x0=0.5, y0=0.5, x1=0.52, y1=0.53)
    ground = Box(x0=0.0, y0=0.6, x1=1.0, y1=1.0)
    found = [Segment(shape(box), 0.9) for box in (eye, LEFT, speck, ground, RIGHT)]
    assert [segment.mask.tolist() for segment in things(found)] == [shape(RIGHT).tolist(), shape(LEFT).tolist()]


@pytest.mark.skipif(not (MINI_FOLDER / "clip").is_dir(), reason="the mini CLIP pair is not good enough to ship yet")
def test_the_mini_reads_a_drawn_picture() -> None:
    from training.scenes import Scene, Thing, World

    profile, world = get_profile("mini"), World()
    number = {entry["noun"]: index for index, entry in enumerate(world.nouns)}
    scene = Scene((Thing(number["cat"], 0.25, 0.5, 0.4, "red"), Thing(number["car"], 0.75, 0.5, 0.4, "blue")), "white")
    pixels, _ = world.draw([scene], profile.width, torch.Generator().manual_seed(0))
    image = Image.fromarray((pixels[0] * 255).round().byte().permute(1, 2, 0).numpy())
    layout = layout_of(image, Segmenter(profile=profile), Namer(profile=profile))
    left, right = sorted(layout.entities, key=lambda entity: entity.box.x0)
    assert left.prompt.startswith("a red ")  # which animal it is, so small a pair may miss
    assert right.prompt == "a blue car"
    assert left.box.centre[0] < 0.5 < right.box.centre[0]
    assert layout.background == "on a white background"
