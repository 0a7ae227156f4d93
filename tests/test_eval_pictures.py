"""Evaluators of pictures: on pictures that are made to be right and wrong, and with the shipped models."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from eligen.assistant.evaluation import pages
from eligen.assistant.evaluation.evaluators import get_evaluator
from eligen.assistant.evaluation.evaluators.base import Course
from eligen.assistant.evaluation.evaluators.entities import Agreement, Entities
from eligen.assistant.evaluation.evaluators.likeness import Likeness
from eligen.assistant.evaluation.evaluators.locality import Drift, Locality, Lpips
from eligen.assistant.evaluation.evaluators.quality import Fid, Quality
from eligen.assistant.evaluation.evaluators.spent import Spent
from eligen.assistant.evaluation.played import Cost, Message, Played, PlayedTurn
from eligen.assistant.evaluation.scenarios import Scenario
from eligen.assistant.pictures import Pictures
from eligen.assistant.turns import Finding, Verdict
from eligen.tools.errors import UserError
from eligen.tools.layout import Box, Entity, Layout, StyleImage
from eligen.tools.profiles import MINI, Profile

SIDE = 64
BALL = Entity(id="ball-1", prompt="a red ball", box=Box(x0=0.1, y0=0.1, x1=0.4, y1=0.4))
CUP = Entity(id="cup-1", prompt="a blue cup", box=Box(x0=0.6, y0=0.6, x1=0.9, y1=0.9))
ONE = Layout(prompt="a red ball and a blue cup", entities=(BALL, CUP))
GREEN = ONE.model_copy(update={"entities": (BALL.model_copy(update={"prompt": "a green ball"}), CUP)})
BLIND = replace(MINI, folder=Path("nowhere"), sam_file=Path("nowhere"))


def drawn(ball: str = "red", noise: int = 0, background: str = "#ddddcc") -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), background)
    draw = ImageDraw.Draw(image)
    draw.ellipse(edges(BALL.box), fill=ball)
    draw.rectangle(edges(CUP.box), fill="blue")
    if noise:
        pixels = np.asarray(image).astype(int) + np.random.default_rng(0).integers(-noise, noise + 1, (SIDE, SIDE, 3))
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return image


def edges(box: Box) -> tuple[int, int, int, int]:
    """A box as Pillow draws it, its last pixels included."""
    x0, y0, x1, y1 = box.pixels(SIDE, SIDE)
    return x0, y0, x1 - 1, y1 - 1


def around(box: Box) -> Image.Image:
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, box.pixels(SIDE, SIDE))
    return mask


def course(folder: Path, *turns: dict[str, Any], profile: Profile = BLIND) -> Course:
    """A played scenario of pictures and masks."""
    folder.mkdir(exist_ok=True)
    pictures, played = Pictures(folder), []
    for turn in turns:
        hashes = {name: pictures.put(turn.pop(name)) for name in ("picture", "mask") if name in turn}
        fields = {"layout": ONE, "painted": True, "tools": ("inpaint",), "messages": (Message(user="x", reply="y"),)}
        played.append(PlayedTurn(**{**fields, **hashes, **turn}))
    files = {path.stem: path.read_bytes() for path in folder.glob("*.png")}
    scenario = Scenario.model_validate({"id": "talk", "turns": ["x"] * len(turns)})
    return Course(scenario, Played(turns=tuple(played)), profile, files)


def scored(scores: Any) -> dict[str, float | None]:
    return {score.measure: score.value for score in scores}


def whys(scores: Any) -> set[str]:
    return {score.why for score in scores if score.value is None}


def test_an_edit_that_stays_in_its_mask(tmp_path: Path):
    after = {"picture": drawn("green"), "mask": around(BALL.box), "layout": GREEN}
    made = course(tmp_path, {"picture": drawn(), "tools": ("generate",)}, after)
    found = list(Locality().evaluate(made))
    assert scored(found) == {"difference outside": 0, "SSIM outside": pytest.approx(1), "CLIP distance outside": None}
    assert whys(found) == {"profile mini has no CLIP pair"}
    assert {score.turn for score in found} == {2}


@pytest.mark.parametrize("masked", [True, False])
def test_an_edit_that_does_not(tmp_path: Path, masked: bool):
    after: dict[str, Any] = {"picture": drawn("green", noise=40), "layout": GREEN}
    made = course(tmp_path, {"picture": drawn()}, after | ({"mask": around(BALL.box)} if masked else {}))
    found = scored(Locality().evaluate(made))
    assert found["difference outside"] == 40
    assert found["SSIM outside"] is not None
    assert found["SSIM outside"] < 0.8


def test_a_picture_painted_as_a_whole_is_no_edit_of_a_place(tmp_path: Path):
    made = course(tmp_path, {"picture": drawn()}, {"picture": drawn("green"), "tools": ("style",)})
    assert list(Locality().evaluate(made)) == []


def test_drift_is_what_adds_up_where_nothing_was_repainted(tmp_path: Path):
    first = {"picture": drawn(), "tools": ("generate",)}
    edits = [
        {"picture": drawn("green"), "mask": around(BALL.box)},
        {"picture": drawn("pink"), "mask": around(BALL.box)},
    ]
    still = course(tmp_path / "still", first, *(dict(edit) for edit in edits))
    assert scored(Drift().evaluate(still)) == {"drift where untouched": 0, "drift of kept things": None}
    first = {"picture": drawn(), "tools": ("generate",)}
    creeping = [{"picture": drawn(background=shade), "mask": around(BALL.box)} for shade in ("#dedecd", "#dfdfce")]
    assert scored(Drift().evaluate(course(tmp_path / "creeping", first, *creeping)))["drift where untouched"] == 2


def test_what_no_model_can_see_is_not_measured(tmp_path: Path):
    seen = Verdict(findings=(Finding(id="ball-1", prompt="x", present=True, placed=True, attributes=True, score=1),))
    made = course(tmp_path, {"picture": drawn(), "verdict": seen})
    for evaluator in (Entities(), Likeness(), Agreement()):
        found = list(evaluator.evaluate(made))
        assert found
        assert all(score.value is None and "has no" in score.why for score in found)


def test_colours_are_told_by_the_shipped_models(tmp_path: Path):
    right = course(tmp_path / "right", {"picture": drawn()}, profile=MINI)
    wrong = course(tmp_path / "wrong", {"picture": drawn("yellow")}, profile=MINI)
    assert scored(Entities().evaluate(right))["attribute success"] == 1
    assert scored(Entities().evaluate(wrong))["attribute success"] == 0.5


def test_costs_add_up(tmp_path: Path):
    costs = [Cost(seconds=1, forwards=8, retries=1), Cost(seconds=2, forwards=4, calls=2, tokens=50)]
    made = course(tmp_path, *({"picture": drawn(), "cost": cost} for cost in costs))
    assert scored(Spent().evaluate(made)) == {
        "seconds": 3,
        "forwards": 12,
        "retries": 1,
        "model calls": 2,
        "model tokens": 50,
    }


def test_what_the_user_does_not_have_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    edited = [{"picture": drawn()}, {"picture": drawn("green"), "mask": around(BALL.box)}]
    with pytest.raises(UserError, match="AlexNet"):
        list(Lpips().evaluate(course(tmp_path / "x", *edited)))
    with pytest.raises(UserError, match="no Inception weights"):
        list(Fid(against=str(tmp_path), weights="no.pth").gather([]))
    with pytest.raises(UserError, match="no folder"):
        list(Quality(against="nowhere").gather([]))
    made = course(tmp_path / "y", {"picture": drawn()})
    assert whys(Quality(against=str(tmp_path)).gather([made])) == {"profile mini has no CLIP pair"}
    with pytest.raises(UserError, match="no CLIP folder"):
        list(Likeness(folder=str(tmp_path)).evaluate(made))


# ------------------------------------------------------------------------------------ with a CLIP that the user has


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A CLIP of tiny widths and random weights, in transformers' form."""
    import torch
    from tiny_models import clip_tokenizer
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    folder, tokenizer, widths = (
        tmp_path_factory.mktemp("clip"),
        clip_tokenizer(),
        {"hidden_size": 32, "num_hidden_layers": 1},
    )
    torch.manual_seed(0)
    text = {"vocab_size": len(tokenizer), "num_attention_heads": 2, "intermediate_size": 32, **widths}
    vision = {"image_size": 32, "patch_size": 8, "num_attention_heads": 2, "intermediate_size": 32, **widths}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    sides = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    CLIPProcessor(CLIPImageProcessor(**sides), tokenizer).save_pretrained(folder)
    return str(folder)


def test_a_real_clip_scores_the_whole_and_the_boxes(tmp_path: Path, clip: str):
    made = course(tmp_path, {"picture": drawn()})
    evaluator = get_evaluator(f"likeness,folder={clip}")
    assert isinstance(evaluator, Likeness)
    found = scored(evaluator.evaluate(made))
    name = Path(clip).name
    assert set(found) == {f"global CLIP score ({name})", f"local CLIP score ({name})"}
    assert all(value is not None and -1 <= value <= 1 for value in found.values())
    assert found == scored(Likeness(folder=clip).evaluate(made))


def test_pictures_are_nearer_to_their_like(tmp_path: Path, clip: str):
    rng, shades = random.Random(0), ("alike", "other")
    for name in shades:
        (tmp_path / name).mkdir()
    made = []
    for number in range(10):
        kind = {"alike": drawn(noise=rng.randint(1, 5)), "other": drawn("black", 60, background="#202060")}
        for name in shades:
            kind[name].save(tmp_path / name / f"{number}.png")
        made.append(course(tmp_path / f"made-{number}", {"picture": drawn(noise=rng.randint(1, 5))}))
    near, far = (scored(Quality(against=str(tmp_path / name), clip=clip).gather(made)) for name in shades)
    for measure in ("kernel distance", "Frechet distance"):
        one, other = near[measure], far[measure]
        assert one is not None
        assert other is not None
        assert one < other / 3
    few = list(Quality(against=str(tmp_path / "alike"), clip=clip).gather(made[:3]))
    assert whys(few) == {"3 pictures are too few: at least 8"}


def test_a_report_shows_turns_in_a_reference_s_style(tmp_path: Path):
    styled = ONE.model_copy(update={"style_images": (StyleImage(image="0" * 64),)})
    made = course(tmp_path, {"picture": drawn(), "layout": styled})
    assert pages._drawn(Pictures(tmp_path), None, made.played.turns[0]).startswith("data:image/webp;base64,")
