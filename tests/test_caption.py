"""The global prompt of an edited layout, in words."""

import pytest

from eligen.assistant.caption import caption, summary
from eligen.assistant.language.inflection import plural, singulars
from eligen.assistant.language.lexicon import lexicon
from eligen.tools.layout import Box, Entity, Layout

BOX = Box(x0=0.1, y0=0.1, x1=0.5, y1=0.5)


def said(*prompts: str, background: str = "", style: str = "") -> str:
    things = tuple(Entity(id=f"x-{n}", prompt=prompt, box=BOX) for n, prompt in enumerate(prompts))
    return caption(Layout(prompt="", entities=things, background=background, style=style))


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        (["a red cat"], "a red cat"),
        (["a cat", "a dog"], "a cat and a dog"),
        (["a cat", "a dog", "an owl"], "a cat, a dog and an owl"),
        (["a cat", "a dog", "a cat"], "two cats and a dog"),
        (["a red cat", "a blue cat"], "a red cat and a blue cat"),
        (["a cat sleeping"] * 3, "three cats sleeping"),
        (["a slice of pizza"] * 2, "two slices of pizza"),
        (["a sheep"] * 4, "four sheep"),
        (["a hot air balloon"] * 2, "two hot air balloons"),
        (["a woman in a red dress"] * 2, "two women in a red dress"),
        (["blue zorg"] * 2, "two blue zorgs"),
        (["a fox"] * 13, "13 foxes"),
    ],
)
def test_things_that_are_alike_are_counted(prompts: list[str], words: str):
    assert said(*prompts) == words


@pytest.mark.parametrize(
    ("background", "words"),
    [
        ("a meadow", "a cat on a meadow"),
        ("the beach", "a cat on the beach"),
        ("green meadow", "a cat on a green meadow"),
        ("old library", "a cat in an old library"),
        ("space", "a cat in space"),
        ("snowy mountains", "a cat in snowy mountains"),
        ("a starry sky", "a cat under a starry sky"),
        ("the sea, at sunset", "a cat on the sea at sunset"),
        ("night", "a cat at night"),
        ("a meadow, night under a starry sky", "a cat on a meadow at night under a starry sky"),
        ("In the snow", "a cat In the snow"),
    ],
)
def test_a_background_gets_its_preposition(background: str, words: str):
    assert said("a cat", background=background) == words


def test_the_style_comes_last_and_nothing_is_said_of_nothing():
    assert said("a cat", background="a meadow", style="watercolour") == "a cat on a meadow, watercolour"
    assert said(style="watercolour") == "watercolour"
    assert said() == "an empty picture"


def test_plurals_are_read_back_as_their_singulars():
    words = lexicon()
    nouns = {noun.name for noun in words.nouns.values() if noun.kind in ("thing", "person", "animal")} - words.pairs
    assert len(nouns) > 1000
    assert {noun for noun in nouns if noun.split()[-1] not in singulars(plural(noun).split()[-1])} == set()


def test_a_summary_of_a_picture_without_things_is_its_background():
    assert summary(Layout(prompt="", background="a meadow")) == "a meadow"
    assert summary(Layout(prompt="")) == ""
