"""The rules planner and reference pictures: styles and likenesses of what is attached, and pictures with names."""

import pytest
from dialogues import PLANNER, Talk, told

from eligen.assistant.context import Context
from eligen.assistant.plan import Compose, NamedReference, Style, Transfer

ATTACHED = [
    ("In the style of this picture", "style a.png"),
    ("Paint it like this", "style a.png"),
    ("use this as style", "style a.png"),
    ("Make everything in this style", "style a.png"),
    ("Can you take over the style of the attached image?", "style a.png"),
    ("make only the cat in the style of this picture", "style cat-1 a.png"),
    ("Paint the two dogs in the style of the attached picture", "style dog-1+dog-2 a.png"),
    ("Use the style of this picture for the car", "style car-1 a.png"),
    ("Give the tree the style of this painting", "style tree-1 a.png"),
    ("the bird should be painted in the style of my photo", "style bird-1 a.png"),
    ("use this as the style for the cat", "style cat-1 a.png"),
    ("paint it in the style of this picture", "style a.png"),
    ("Use my photo's style for the car", "style car-1 a.png"),
    ("Paint everything in this picture's style", "style a.png"),
    ("only the cat should have this style", "style cat-1 a.png"),
    ("Paint the tree like in this picture", "transfer tree-1 a.png"),
    ("Make the white dog look like this one", "transfer dog-2 a.png"),
    ("The cat should look like in the photo", "transfer cat-1 a.png"),
    ("I want the bird to look like the one in this picture", "transfer bird-1 a.png"),
    ("Use the attached picture for the cat", "transfer cat-1 a.png"),
    ("Use the attached picture for the horse", "add 1 a horse; transfer horse-1 a.png"),
    ("Put this logo on the car", "add 1 a logo @on car-1; transfer logo-1 a.png"),
    ("Replace the car by this", "transfer car-1 a.png"),
    ("Replace the car with this truck", "replace car-1 a truck; transfer truck-1 a.png"),
    ("Add this dog on the left", "add 1 a dog @left; transfer dog-3 a.png"),
    ("Add the dog from this photo next to the tree", "add 1 a dog @next tree-1; transfer dog-3 a.png"),
    ("Add a horse that looks like this", "add 1 a horse; transfer horse-1 a.png"),
    ("Put our mascot next to the car", "add 1 a mascot @next car-1; transfer mascot-1 a.png"),
    ("put this on the left", "add 1 an object @left; transfer object-1 a.png"),
    ("Make the cat bigger", "resize cat-1 1.40"),
]


@pytest.mark.parametrize(("text", "wanted"), ATTACHED, ids=lambda value: value[:40])
def test_attached_pictures_become_styles_and_likenesses(text: str, wanted: str):
    assert told(Talk().say(text, "a.png")) == wanted


@pytest.mark.parametrize("text", [text for text, wanted in ATTACHED[:18] if wanted.startswith(("style", "transfer"))])
def test_a_picture_that_is_not_attached_is_asked_for(text: str):
    plan = Talk().say(text)
    assert plan.edits == ()
    assert plan.reply == "Attach the picture you mean."


def test_a_thing_s_own_style_goes_with_its_copies_and_is_dropped_alone():
    talk = Talk()
    plan = talk.say("Paint only the cat in the style of this picture", "a.png")
    assert plan.reply == "I painted the black cat in the style of your picture."
    talk.say("duplicate the cat")
    assert [(one.image, one.entity) for one in talk.layout.style_images] == [("a.png", "cat-1"), ("a.png", "cat-2")]
    talk.say("in the style of this picture", "b.png")
    assert told(talk.say("remove the style of the left cat")) == "style cat-1 none"
    assert [(one.image, one.entity) for one in talk.layout.style_images] == [("a.png", "cat-2"), ("b.png", None)]


def test_the_second_of_two_pictures():
    plan = Talk().say("Make the cat look like the first picture and the car like the second picture", "a.png", "b.png")
    assert told(plan) == "transfer cat-1 a.png; transfer car-1 b.png"


def test_a_place_that_is_not_there_is_asked_about_and_the_picture_is_not_forgotten():
    talk = Talk()
    assert talk.say("Put this logo on the tote bag", "a.png").question is not None
    assert told(talk.say("yes")) == "add 1 a tote bag @box; add 1 a logo @box; transfer logo-1 a.png"


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["Call this picture Rex", "in the style of Rex"], "style a.png"),
        (["Call this picture Rex", "make the white dog look like rex"], "transfer dog-2 a.png"),
        (["This is my logo", "Put the logo on the car"], "add 1 a logo @on car-1; transfer logo-1 a.png"),
        (["This is my logo", "Put my logo on the car", "Make the logo bigger"], "resize logo-1 1.40"),
        (["This is my dog Rex", "Add Rex on the right"], "add 1 a dog @right; transfer dog-3 a.png"),
        (["This is my dog Rex", "Add Rex on the right", "Put Rex on the car"], "move dog-3 @on car-1"),
        (["This is my dog Rex", "Add Rex on the right", "remove it"], "remove dog-3"),
        (["Call this dog Bello", "Add Bello and make him bigger"], "add 1 a dog @box; transfer dog-3 a.png"),
        (["name it Mister Fluff", "add mister fluff"], "add 1 Mister fluff; transfer fluff-1 a.png"),
    ],
    ids=lambda value: " | ".join(value)[:60] if isinstance(value, list) else "",
)
def test_named_pictures_are_known_later(texts: list[str], wanted: str):
    talk = Talk()
    named = talk.say(texts[0], "a.png")
    assert named.edits == ()
    assert [one.reference for one in named.names] == ["a.png"]
    *_, plan = map(talk.say, texts[1:])
    assert told(plan) == wanted


def test_a_name_may_be_used_in_the_message_that_gives_it():
    plan = Talk().say("This is my logo. Put it on the car.", "a.png")
    assert told(plan) == "add 1 a logo @on car-1; transfer logo-1 a.png"
    assert plan.names == (NamedReference(name="logo", reference="a.png", prompt="a logo"),)


def test_the_latest_picture_of_a_name_counts():
    talk = Talk()
    talk.say("Call this picture Rex", "a.png")
    talk.say("Call this picture Rex", "b.png")
    assert told(talk.say("in the style of Rex")) == "style b.png"


@pytest.mark.parametrize(
    ("text", "prompts", "edit"),
    [
        ("a dog in the style of this picture", ["a dog"], Style(reference="a.png")),
        ("draw my dog on a beach", ["a dog"], Transfer(id="dog-1", reference="a.png")),
        ("a cat that looks like this", ["a cat"], Transfer(id="cat-1", reference="a.png")),
        ("This is my dog Rex. Draw Rex with a cat.", ["a dog", "a cat"], Transfer(id="dog-1", reference="a.png")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_first_pictures_use_what_is_attached(text: str, prompts: list[str], edit: Style | Transfer):
    compose, *others = PLANNER.plan(text, Context(attachments=("a.png",))).edits
    assert isinstance(compose, Compose)
    assert [entity.prompt for entity in compose.layout.entities] == prompts
    assert compose.layout.style == ""
    assert others == [edit]


def test_a_picture_may_be_named_before_the_first_one_is_painted():
    plan = PLANNER.plan("This is my dog Rex", Context(attachments=("a.png",)))
    assert (plan.edits, plan.names) == ((), (NamedReference(name="rex", reference="a.png", prompt="a dog"),))
    compose, transfer = PLANNER.plan("Rex on a beach", Context(references=plan.names)).edits
    assert isinstance(compose, Compose)
    assert [entity.prompt for entity in compose.layout.entities] == ["a dog"]
    assert transfer == Transfer(id="dog-1", reference="a.png")


@pytest.mark.parametrize(
    "text",
    ["make the cat in the photo blue", "Remove the person from this picture", "put a hat on the man in the photo",
     "could you make this dog a bit bigger?", "the sky in the picture should be pink",
     "turn the dog in it into a wolf"],
)  # fmt: skip
def test_a_first_message_that_changes_what_is_attached_has_no_use_for_it_as_a_likeness(text: str):
    plan = PLANNER.plan(text, Context(attachments=("a.png",)))
    assert plan.edits == ()
    assert "a.png" not in plan.model_dump_json()
