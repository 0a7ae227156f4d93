"""The drawn world says what it shows, and the linear codec is what it claims to be."""

import random

import pytest
import torch
from diffusers import AutoencoderKL

from training import backgrounds, styles
from training.captions import PLACES, SIDES, STYLE_WORDS, caption, relation, where
from training.linear_codec import components, write_encoder
from training.scenes import COLOURS, Scene, Thing, World, tight_box
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
