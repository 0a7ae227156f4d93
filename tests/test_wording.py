"""What an entity is painted as, the whole picture says too."""

import pytest

from eligen.tools.vocabulary import Noun, Vocabulary
from eligen.tools.wording import in_known_words

VOCABULARY = Vocabulary(
    [
        Noun(noun="goat", codepoint="1F410", plural="goats"),
        Noun(noun="bear", codepoint="1F43B", plural="bears"),
        Noun(noun="seal", codepoint="1F9AD", plural="seals"),
        Noun(noun="dog", codepoint="1F415", plural="dogs"),
    ],
    thesaurus={"ibex": ["goat"], "polar bear": ["bear"], "walrus": ["seal"], "wolf": ["dog"]},
)


@pytest.mark.parametrize(
    ("prompt", "entities", "painted"),
    [
        ("a dog and a bear", ["a dog", "a bear"], "a dog and a bear"),
        ("An ibex on a red hill", ["an ibex"], "A goat on a red hill"),
        ("three walruses and a dog", ["a walrus", "a walrus", "a dog"], "three seals and a dog"),
        ("a walrus among walruses", ["two walruses"], "a seal among seals"),
        ("wolves under the moon", ["a grey wolf"], "dogs under the moon"),
        ("a white polar bear and polar bears", ["a white polar bear"], "a white bear and bears"),
        ("a gryphon and a dog", ["a gryphon", "a dog"], "a gryphon and a dog"),
        ("an ibex", [], "a goat"),
    ],
)
def test_the_prompt_follows_its_entities(prompt: str, entities: list[str], painted: str) -> None:
    wording = in_known_words(VOCABULARY, prompt, entities)
    assert wording.prompt == painted
    assert len(wording.entity_prompts) == len(entities)
    known = {"dog", "bear", "seal", "goat", "gryphon"}
    assert all(known & {word.rstrip("s") for word in text.split()} for text in wording.entity_prompts)


def test_notices_are_kept_in_order() -> None:
    wording = in_known_words(VOCABULARY, "an ibex and a walrus", ["an ibex", "a walrus"])
    assert [notice.split()[0] for notice in wording.notices] == ["'ibex'", "'walrus'"]
