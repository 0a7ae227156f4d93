"""The rules planner and things that belong to others, that are spared, and that lie on others flat."""

import pytest
from dialogues import PARK, PLANNER, Talk, entity, told

from eligen.assistant.context import Context
from eligen.assistant.plan import Compose
from eligen.tools.layout import Layout

PARTY = Layout(
    prompt="a man, a woman and three cats around a sofa",
    entities=(
        entity("man-1", "a man", 0.1, 0.2, 0.3, 0.9),
        entity("woman-1", "a woman", 0.6, 0.2, 0.8, 0.9),
        entity("hat-1", "a red hat", 0.12, 0.1, 0.28, 0.22),
        entity("hat-2", "a blue hat", 0.62, 0.1, 0.78, 0.22),
        entity("sofa-1", "a sofa", 0.3, 0.5, 0.6, 0.9),
        entity("cat-1", "a cat", 0.35, 0.4, 0.45, 0.5),
        entity("cat-2", "a cat", 0.45, 0.4, 0.55, 0.5),
        entity("cat-3", "a cat", 0.5, 0.1, 0.6, 0.2),
    ),
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("make his hat green", "describe hat-1 a green hat"),
        ("her hat is ugly, remove it", "remove hat-2"),
        ("remove the man's hat", "remove hat-1"),
        ("The woman's hat should be yellow", "describe hat-2 a yellow hat"),
        ("swap the man's hat and the woman's hat", "swap hat-1 hat-2"),
        ("make all the cats red except one", "describe cat-1 a red cat; describe cat-2 a red cat"),
        ("make all cats black except the left one", "describe cat-2 a black cat; describe cat-3 a black cat"),
        ("all the cats should be asleep except one", "describe cat-1 an asleep cat; describe cat-2 an asleep cat"),
        ("remove all the cats but one", "remove cat-1+cat-2"),
        ("remove all the cats but two of them", "remove cat-1"),
        ("put the cats, one left and one right of the sofa", "move cat-1+cat-2 @left sofa-1; move cat-3 @right sofa-1"),
    ],
    ids=lambda value: value[:40],
)
def test_whose_things_are_and_which_are_spared(text: str, wanted: str):
    assert told(Talk(PARTY).say(text)) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("make every animal small but the cat", "resize dog-1 0.71; resize dog-2 0.71; resize bird-1 0.71"),
        ("make the dogs smaller but not the white one", "resize dog-1 0.71"),
        ("add two lamps, one left and one right of the car", "add 1 a lamp @left car-1; add 1 a lamp @right car-1"),
        ("hide the cat behind the tree", "move cat-1 @behind tree-1"),
        ("hide the cat", "remove cat-1"),
        ("nah the tree is too big", "resize tree-1 0.71"),
        ("add two cups (red and white) on the left", "add 1 a red cup @left; add 1 a white cup @left"),
        ("the dogs are too close together", "move dog-1 by -0.0569,0; move dog-2 by 0.0569,0"),
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_exceptions_sides_and_hiding(text: str, wanted: str):
    assert told(Talk().say(text)) == wanted


def test_everything_is_smaller_for_the_sky_s_sake():
    talk = Talk()
    talk.say("make everything smaller so that there is more sky")
    assert all(new.box.area < old.box.area for new, old in zip(talk.layout.entities, PARK.entities, strict=True))
    assert talk.layout.style == ""


def test_a_logo_lies_within_what_it_is_put_on_and_a_cat_stands_upon_it():
    talk = Talk()
    talk.say("put a logo on the car")
    talk.say("put the cat on the car")
    car, logo, cat = (talk.layout.entity(name).box for name in ("car-1", "logo-1", "cat-1"))
    assert logo.intersection(car) == pytest.approx(logo.area)
    assert cat.y1 < (car.y0 + car.y1) / 2


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("three balloons, red, blue and yellow, over a house", ["a red balloon", "a blue balloon", "a yellow balloon"]),
        ("two cars: red and green, next to a tree", ["a red car", "a green car"]),
        ("two balls, red and blue cubes", ["a ball", "a ball"]),
        ("ok so i need a poster: a rocket flying over a city at night", ["a rocket flying"]),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_first_pictures_with_a_colour_for_each(text: str, prompts: list[str]):
    (compose,) = PLANNER.plan(text, Context()).edits
    assert isinstance(compose, Compose)
    shown = [entity.prompt for entity in compose.layout.entities]
    assert [prompt for prompt in shown if prompt in prompts] == prompts
    assert not any("poster" in prompt for prompt in shown)


FARM = Layout(
    prompt="two kids, a fox and a plant on a desk",
    entities=(
        entity("kid-1", "a kid", 0.5, 0.5, 0.6, 0.8),
        entity("kid-2", "a kid", 0.7, 0.6, 0.8, 0.9),
        entity("fox-1", "a fox", 0.1, 0.6, 0.3, 0.9),
        entity("desk-1", "a desk", 0.3, 0.5, 0.5, 0.9),
        entity("plant-1", "a plant", 0.35, 0.3, 0.45, 0.5),
    ),
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("kids should be on the left side", "move kid-1+kid-2 @left"),
        ("fox sits below the desk", "move fox-1 @below desk-1"),
        ("the plant is in the way, move it to the right", "move plant-1 by 0.15,0"),
        ("kids in a row", "move kid-1 by 0,0.1"),
        ("give the fox a top hat", "add 1 a top hat @on fox-1"),
        ("add kids on the left", "add 3 a kid @left"),
    ],
    ids=lambda value: value[:40],
)
def test_what_is_there_is_meant_without_an_article(text: str, wanted: str):
    assert told(Talk(FARM).say(text)) == wanted


def test_what_is_to_be_kept_comes_back_when_it_was_removed_just_now():
    talk = Talk(FARM)
    talk.say("hide the plant")
    assert told(talk.say("no wait, keep the plant")) == "undo 1"
    assert told(talk.say("keep the plant")) == "-"
    talk.say("remove the plant and make the fox white")
    assert told(talk.say("no, keep the plant")) == "add 1 a plant @box"
    assert talk.layout.entity("fox-1").prompt == "a white fox"
