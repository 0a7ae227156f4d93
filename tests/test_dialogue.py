"""The rules planner in dialogue: what messages about a picture do to it."""

import json
from pathlib import Path
from typing import Any

import pytest
from dialogues import PARK, Talk, told
from hypothesis import given, settings
from hypothesis import strategies as st

from eligen.assistant.dialogue.wordlists import wordlists
from eligen.assistant.plan import Question
from eligen.tools.errors import ToolError, UserError
from eligen.tools.layout import Entity

CASES = [json.loads(line) for line in (Path(__file__).parent / "fixtures" / "dialogues.jsonl").read_text().splitlines()]
NOUNS = ("dog", "cat", "tree", "car", "bird")


def turns(case: dict[str, Any]) -> list[str]:
    said = case["say"]
    return [said] if isinstance(said, str) else said


WORDS = sorted({word for case in CASES for text in turns(case) for word in text.split()})


@pytest.mark.parametrize("case", CASES, ids=lambda case: " | ".join(turns(case))[:70])
def test_messages_do_what_is_written_down(case: dict[str, Any]):
    talk, wanted = Talk(), case["do"]
    assert [told(talk.say(text)) for text in turns(case)] == ([wanted] if isinstance(wanted, str) else wanted)


def test_the_place_of_a_new_thing_becomes_the_background_where_there_is_none():
    talk = Talk(PARK.model_copy(update={"background": ""}))
    assert told(talk.say("add a bench and a lamp on a beach")) == "background a beach; add 1 a bench; add 1 a lamp"
    plan = talk.say("add a horse on a meadow")
    assert (told(plan), plan.notices) == ("add 1 a horse", ("the background is still a beach",))


LISTS = wordlists()
VERBS = sorted(LISTS.orders | set(LISTS.lexicon.words["verbs"].split()))
VOCABULARY = sorted(LISTS.known)
MARKS = [*",.?!", *["and", "then", "not", "one", "another", "different", "flurb"], "two of them", "the same"]
SAID = st.sampled_from(WORDS) | st.sampled_from(VERBS) | st.sampled_from(VOCABULARY) | st.sampled_from(MARKS)


@given(st.lists(st.lists(SAID, max_size=14).map(" ".join) | st.text(max_size=60), max_size=3), st.booleans())
@settings(deadline=None, max_examples=80)
def test_any_text_is_planned_and_its_plan_can_be_carried_out(messages: list[str], answers: bool):
    talk = Talk()
    for message in messages:
        if not message.strip() or not any(letter.isalnum() for letter in message):
            continue
        before = talk.layout
        try:
            plan = talk.say(message)
            option = next(iter(plan.question.options), None) if plan.question and answers else None
            if plan.question is not None:
                assert talk.layout == before
            if option is not None:
                assert talk.say(option.label).edits == option.edits
        except (UserError, ToolError) as error:  # control characters alone; a redo of nothing
            assert "empty" in str(error) or "nothing to redo" in str(error)  # noqa: PT017
            continue
        assert plan.reply or plan.question


@given(
    st.sampled_from(NOUNS),
    st.sampled_from(
        [
            "Make the {} bigger",
            "Move the {} a bit up",
            "paint the {} green",
            "Remove the {}",
            "replace the {} with a lamp",
            "Copy the {}",
            "Make it three {}s",
            "Put the {} in the top left corner",
            "Add a boat next to the {}",
            "Make the {} sleep",
        ]
    ),
)
def test_what_a_message_does_not_name_stays_bit_equal(noun: str, pattern: str):
    talk = Talk()
    plan = talk.say(pattern.format(noun))
    if plan.question is not None:
        assert noun == "dog"
        talk.say(plan.question.options[0].label)
    kept = {entity.id: entity for entity in talk.layout.entities}
    for before in PARK.entities:
        if not before.id.startswith(noun):
            assert kept[before.id] == before


def asked(text: str) -> tuple[Talk, Question]:
    talk = Talk()
    question = talk.say(text).question
    assert question is not None
    return talk, question


@pytest.mark.parametrize(
    "text", ["Make the dog blue", "Remove the dog and make it snow", "Make the giraffe bigger", "Make it red"]
)
def test_an_answer_that_matches_an_option_does_its_edits(text: str):
    _, question = asked(text)
    assert question.options
    for option in question.options:
        talk, _ = asked(text)
        assert talk.layout == PARK
        assert talk.say(option.label).edits == option.edits


def test_an_empty_message_is_refused():
    with pytest.raises(UserError, match="empty"):
        Talk().say(" \n ")


def test_new_things_are_never_spoken_of_by_a_guessed_id():
    talk = Talk()
    talk.say("Add a horse")
    talk.say("Undo")
    plan = talk.say("Add a horse, make it white and put a hat on it")
    assert [entity.prompt for entity in talk.layout.entities[-2:]] == ["a white horse", "a hat"]
    assert told(plan).startswith("add 1 a white horse @")


def only(talk: Talk, noun: str) -> Entity:
    (found,) = (entity for entity in talk.layout.entities if entity.id.startswith(noun))
    return found


def test_a_thing_put_back_is_exactly_where_it_was():
    talk = Talk()
    talk.say("Move the cat to the top")
    assert only(talk, "cat").box != PARK.entity("cat-1").box
    talk.say("Put the cat back where it was")
    assert only(talk, "cat") == PARK.entity("cat-1")
