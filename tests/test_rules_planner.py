"""The rules planner: how sentences are read, and what layouts they become."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.context import Context
from eligen.assistant.items import MOST
from eligen.assistant.language.inflection import article, singular
from eligen.assistant.language.lexicon import lexicon
from eligen.assistant.language.reader import MOST_TOKENS, read
from eligen.assistant.language.tokens import normalise
from eligen.assistant.plan import Compose, Plan
from eligen.tools.errors import UserError
from eligen.tools.layout import Layout

PLANNER = RulesPlanner()
SENTENCES = [
    json.loads(line) for line in (Path(__file__).parent / "fixtures" / "sentences.jsonl").read_text().splitlines()
]
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "9": 9, "ten": 10}
WORDS = sorted({word for case in SENTENCES for word in [*case["text"].lower().split(), "flurble", ".", ":", "not"]})
LISTED = sorted(
    noun.name
    for noun in lexicon().nouns.values()
    if noun.kind in ("thing", "animal") and noun.name not in lexicon().pairs | {"scene"}
)


def reading(text: str) -> dict[str, Any]:
    """Return what was read from a sentence, in the form of the sentence table."""
    scene = read(normalise(text), lexicon())
    links = [
        " ".join(map(str, (k.first, k.relation, k.second, *([k.third] if k.third is not None else []))))
        + " weakly" * k.weak
        for k in scene.links
    ]
    found = {
        "text": text,
        "things": [f"{t.count} {t.name} {t.complement}".strip() for t in scene.things],
        "own": [[" ".join(member) for member in t.own] for t in scene.things if t.own],
        "links": links,
        "zones": {str(i): "-".join(t.zone) for i, t in enumerate(scene.things) if t.zone},
        "background": scene.background,
        "style": scene.style,
        "excluded": scene.excluded,
    }
    return {name: value for name, value in found.items() if value or name == "things"}


def planned(text: str) -> Plan:
    return PLANNER.plan(text, Context())


def composed(text: str) -> Layout:
    (edit,) = planned(text).edits
    assert isinstance(edit, Compose)
    return edit.layout


def prompts(text: str) -> list[str]:
    return sorted(entity.prompt for entity in composed(text).entities)


@pytest.mark.parametrize("expected", SENTENCES, ids=lambda case: case["text"][:60])
def test_sentences_are_read_as_written_down(expected: dict[str, Any]):
    assert reading(expected["text"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two red cats", ["a red cat", "a red cat"]),
        ("a brown carrot and a white potted plant", ["a brown carrot", "a white potted plant"]),
        ("an old oak tree", ["an old oak tree"]),
        ("A cat sleeping on a sofa", ["a cat sleeping", "a sofa"]),
        ("two cats, one black and one white", ["a black cat", "a white cat"]),
        ("a cat with green eyes", ["a cat with green eyes"]),
        ("two slices of pizza", ["a slice of pizza", "a slice of pizza"]),
        ("a pair of scissors", ["a pair of scissors"]),
        ("a scene without bowls", []),
        ("a sunset over the sea", []),
        ("more cats than dogs", ["a cat", "a cat", "a cat", "a dog", "a dog"]),
        ("a sign that says no parking", ["a sign that says no parking"]),
    ],
)
def test_each_counted_thing_is_its_own_entity(text: str, expected: list[str]):
    assert prompts(text) == expected


@given(
    st.from_regex(r"\A[bdfgklmnprtvz][aeiou][bdfgklmnprtvz]{1,2}[aeiou][bdfgkmnptvz]\Z"),
    st.sampled_from(sorted(lexicon().colours - {"rainbow-colored"})),
    st.sampled_from(sorted(NUMBERS)),
)
@settings(deadline=None, max_examples=150)
def test_any_noun_can_be_counted_and_coloured(noun: str, colour: str, number: str):
    plural = noun if number == "one" else noun + "s"
    name = singular(noun)
    known = {singular(noun), noun + "s"} & (lexicon().nouns.keys() | lexicon().verbs.keys() | lexicon().adjectives)
    if known or noun in lexicon().verbs or noun in lexicon().stops:
        return
    assert prompts(f"{number} {colour} {plural}") == [f"{article(colour)} {colour} {name}"] * NUMBERS[number]


def test_every_listed_thing_is_found_with_its_attributes():
    read_wrong = [noun for noun in LISTED if prompts(f"a purple {noun} beside the sea") != [f"a purple {noun}"]]
    assert len(LISTED) > 1000
    assert read_wrong == []


@given(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join) | st.text(max_size=200))
@settings(deadline=None, max_examples=400)
def test_any_text_gives_a_valid_layout(text: str):
    if not normalise(text):
        with pytest.raises(UserError, match="the prompt is empty"):
            planned(text)
        return
    plan = planned(text)
    if not plan.edits:  # a greeting, "undo" and the like
        assert plan.reply or plan.question
        return
    layout = composed(text)
    assert len(layout.entities) <= MOST
    assert layout.prompt == normalise(text)
    assert all(entity.prompt.strip() for entity in layout.entities)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00\x07"])
def test_an_empty_prompt_is_refused(text: str):
    with pytest.raises(UserError, match="the prompt is empty"):
        planned(text)


def test_the_prompt_is_normalised():
    assert composed("  A cat\x00 on\n a  mat\u200b ").prompt == "A cat on a mat"


@pytest.mark.parametrize(
    "text",
    ["a red cat on a blue dog " * 833, "very " * 5000, "dog left of cat and " * 1000, "cup of " * 2500, "zorg " * 5000],
)
def test_a_prompt_of_5000_words_is_planned_quickly(text: str):
    started = time.process_time()
    plan = planned(text)
    assert time.process_time() - started < 2
    assert any(f"only the first {MOST_TOKENS}" in notice for notice in plan.notices)


def test_more_things_than_fit_are_cut_with_a_notice():
    plan = planned("a hundred sheep and a dog")
    assert len(composed("a hundred sheep and a dog").entities) == MOST
    assert "101 things were asked for" in plan.notices[0]


def test_ids_are_fresh_and_hosts_come_before_what_they_carry():
    ids = [entity.id for entity in composed("two cups on a table behind a dog").entities]
    assert sorted(ids) == ["cup-1", "cup-2", "dog-1", "table-1"]
    assert ids.index("table-1") < ids.index("cup-1")


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ("a cat florbing in bliss", 'not read: "bliss"'),
        ("two cats and four dogs, the number of cats is more than that of dogs", "contradict the comparison"),
        ("a cup that is not on a table", "a denied relation"),
        ("a cat left of a dog, and the dog is left of the cat", "could not keep: "),
    ],
)
def test_what_cannot_be_read_is_said(text: str, notice: str):
    assert any(notice in said for said in planned(text).notices)


def test_the_explanation_names_count_attributes_relation_place_and_style():
    plan = planned("a watercolour of two red cats left of a dog in a kitchen, and a cup in the top left corner")
    told = "\n".join(plan.explanation)
    for part in ("2 x cat (red)", "left dog", "background", "style: watercolour", "top left"):
        assert part in told


def test_planning_imports_neither_torch_nor_langgraph():
    probe = "import sys, eligen.assistant.agents.rules as r; r.compose('a cat', r.lexicon()); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert not {"torch", "langgraph", "inflect", "numpy"} & set(run.stdout.split())


@pytest.mark.parametrize(
    "text",
    [
        "We're preparing a display for a bakery. Please draw a fox and a barrel.",
        "For our new flyer: a fox and a barrel",
        "Picture this for the season programme: a fox and a barrel",
        "My daughter says she wants a fox and a barrel",
        "Our client would like to see a fox and a barrel",
        "My son is crazy about dragons. Could you draw a fox and a barrel?",
        "Hi there! I'd love a picture of a fox and a barrel.",
        "Would you mind creating an image of a fox and a barrel?",
        "I was hoping for a fox and a barrel",
        "The image should show a fox and a barrel",
    ],
)
def test_for_whom_and_what_for_is_no_part_of_the_picture(text: str):
    assert prompts(text) == ["a barrel", "a fox"]
    assert composed(text).background == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("My dog on a beach.", ["a dog"]),
        ("This is a picture of a cat. It sleeps on a chair.", ["a cat", "a chair"]),
        ("A boy wants a dog", ["a boy", "a dog"]),
    ],
)
def test_what_only_sounds_like_a_briefing_stays(text: str, shown: list[str]):
    assert prompts(text) == shown
