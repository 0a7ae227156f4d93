"""The drawn world says what it shows, and the linear codec is what it claims to be."""

import random
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from tiny_models import TINY_SAM

from eligen.tools.segmentation import build_sam, read_sam
from training import backgrounds, styles, train_sam
from training.captions import PLACES, SIDES, STYLE_WORDS, caption, relation, where
from training.linear_codec import components, write_encoder
from training.scenes import COLOURS, Scene, Thing, World, tight_box
from training.train_sam import Scenes, answer, ask, losses, optimizers, overlap, resized, start
from training.train_vae import CONFIG, held_out


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def noun(world: World, name: str) -> int:
    return next(i for i, entry in enumerate(world.nouns) if entry["noun"] == name)


def test_every_background_and_style_has_words() -> None:
    assert {n for n in backgrounds.NAMES if not n.startswith("plain ")} == set(PLACES)
    assert set(styles.NAMES) == set(STYLE_WORDS)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_coloured_car_is_that_colour_where_it_stands_and_nowhere_else(world: World, colour: str) -> None:
    thing = Thing(noun(world, "car"), 0.3, 0.6, 0.5, colour)
    images, shapes = world.draw([Scene((thing,), "white")], 128, torch.Generator().manual_seed(0))
    shape = shapes[0][0]
    box = tight_box(shape)
    assert box == pytest.approx((0.05, 0.6 - 0.5 * 0.34, 0.55, 0.6 + 0.5 * 0.34), abs=0.06)
    middle = torch.tensor(COLOURS[colour][1])
    near = ((images[0] - middle[:, None, None]).abs().amax(0) < 0.3) & shape
    assert near.sum() > 0.3 * shape.sum()
    assert images[0][:, ~torch.nn.functional.max_pool2d(shape[None, None].float(), 5, 1, 2).bool()[0, 0]].min() > 0.9


def test_what_stands_in_front_hides_what_is_behind(world: World) -> None:
    cat = Thing(noun(world, "cat"), 0.5, 0.5, 0.6)
    house = Thing(noun(world, "house"), 0.5, 0.5, 0.9)
    _, shapes = world.draw([Scene((cat, house), "white")], 128, torch.Generator().manual_seed(0))
    _, alone = world.draw([Scene((cat,), "white")], 128, torch.Generator().manual_seed(0))
    assert shapes[0][0].sum() < 0.4 * alone[0][0].sum()
    assert not (shapes[0][0] & shapes[0][1]).any()


def test_captions_name_the_things_their_spans_speak_of(world: World) -> None:
    rng = random.Random(0)
    for _ in range(300):
        scene = world.sample(rng)
        said = caption(world, scene, rng)
        assert sorted(i for span in said.spans for i in span.things) == list(range(len(scene.things)))
        for span in said.spans:
            words = said.text[span.start : span.end].lower()
            thing = scene.things[span.things[0]]
            entry = world.nouns[thing.noun]
            assert any(name in words for name in (entry["noun"], entry["plural"], *entry["synonyms"])), said
            assert (thing.colour or thing.material) in words
            if span.side in SIDES:
                partners = [o for o in scene.things if o is not thing]
                assert span.side in (where(thing), *(relation(thing, o) for o in partners)), said


def test_the_same_seed_draws_the_same_pictures(world: World) -> None:
    first, again = (held_out(world, 4) for _ in range(2))
    assert torch.equal(first, again)
    assert first.std() > 0.2


def test_the_encoder_starts_as_the_principal_components(world: World) -> None:
    images = held_out(world, 8, size=64)
    mean, basis = components(images, 16)
    vae = AutoencoderKL(**CONFIG)
    write_encoder(vae, mean, basis)
    with torch.no_grad():
        latents = vae.encode(images).latent_dist.mean
    patches = torch.nn.functional.unfold(images, 8, stride=8).transpose(1, 2)
    expected = ((patches - mean) @ basis.T).transpose(1, 2).view_as(latents)
    assert (latents - expected).std() < 0.01 * expected.std()
    decoded = latents.flatten(2).transpose(1, 2) @ (basis / basis.pow(2).sum(1, keepdim=True)) + mean
    assert -10 * torch.log10(((decoded - patches) / 2).pow(2).mean()) > 25


# -- Sam


def test_prompts_mean_the_things_they_are_about(world: World) -> None:
    pictures = Scenes(world, 64, 6, seed=1, pool=1).take()
    for jitter in (0.0, 0.3):
        asked = ask(pictures.shapes, 8, random.Random(0), 64, jitter)
        for number, truth in enumerate(asked.truth):
            x, y = asked.points[number, 0].int().tolist()
            if not truth.any():
                assert not asked.by_box[number]
                assert not any(shape[y, x] for shape in pictures.shapes[number // 8])
                continue
            assert truth[y, x]
            box, tight = asked.boxes[number] / 64, torch.tensor(tight_box(truth))
            size = (tight[2:] - tight[:2]).repeat(2)
            assert ((box - tight).abs() <= jitter * size + 1e-6).all()


def test_many_pictures_are_answered_as_each_alone(world: World) -> None:
    torch.manual_seed(0)
    sam = build_sam(TINY_SAM)
    pictures = Scenes(world, 64, 2, seed=2, pool=1).take()
    asked = ask(pictures.shapes, 3, random.Random(1), 64)
    with torch.no_grad():
        logits, scores = answer(sam, pictures.images, asked)
        for number, by_box in enumerate(asked.by_box):
            features = sam.image_encoder(sam.preprocess(pictures.images[number // 3][None] * 255))
            prompt = asked.boxes[number][None] if by_box else None
            point = None if by_box else (asked.points[number][None], torch.ones(1, 1))
            sparse, dense = sam.prompt_encoder(points=point, boxes=prompt, masks=None)
            pe = sam.prompt_encoder.get_dense_pe()
            mask, score = sam.mask_decoder(features, pe, sparse, dense, multimask_output=False)
            assert torch.allclose(mask[0, 0], logits[number, 0], atol=1e-4)
            assert torch.allclose(score[0, 0], scores[number, 0], atol=1e-4)


def test_a_small_sam_learns_a_few_pictures_by_heart(world: World) -> None:
    torch.manual_seed(0)
    sam = build_sam(TINY_SAM.model_copy(update={"embed_dim": 32, "prompt_dim": 32}))
    start(sam)
    pictures = Scenes(world, 64, 4, seed=3, pool=1).take()
    asked, opts = ask(pictures.shapes, 3, random.Random(2), 64), optimizers(sam, 1e-2)
    seen = []
    for _ in range(60):
        logits, scores = answer(sam, pictures.images, asked)
        mask, score = losses(logits, scores, asked.truth)
        (mask + score).backward()
        for opt in opts:
            opt.step()
            opt.zero_grad()
        seen.append(mask.item())
    assert seen[-1] < 0.5 * seen[0]
    full = torch.nn.functional.interpolate(logits, (64, 64), mode="bilinear")
    assert overlap(full, asked.truth)[asked.truth.any(1).any(1), 0].mean() > 0.5


def test_sam_goes_on_from_its_weights_and_at_another_size(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ["--batch", "2", "--prompts", "2", "--minutes", "0.0001", "--device", "cpu"]
    places = ["--model", str(tmp_path), "--runs", str(tmp_path / "runs")]
    monkeypatch.setattr("sys.argv", ["train_sam", "--fresh", "--size", "64", *common, *places])
    train_sam.main()
    first = read_sam(tmp_path / "sam" / "model.safetensors")
    monkeypatch.setattr("sys.argv", ["train_sam", "--size", "64", "--lr", "0", *common, *places])
    train_sam.main()
    again = read_sam(tmp_path / "sam" / "model.safetensors").state_dict()
    assert all(torch.equal(weight, again[name]) for name, weight in first.state_dict().items())
    assert first.config.image_size == 64
    larger = resized(first, 96)
    assert larger.config.image_size == 96
    assert larger.image_encoder.pos_embed.shape == (1, 12, 12, 128)
    stretched = {"image_encoder.pos_embed"}
    state, other = first.state_dict(), larger.state_dict()
    assert all(torch.equal(state[name], other[name]) for name in state.keys() - stretched)
    assert "box_tight" in (tmp_path / "runs" / "sam.jsonl").read_text().splitlines()[-1]
