"""The rules planner and questions: answered from the layout, which no question ever changes."""

import pytest
from dialogues import PARK, Talk
from hypothesis import given, settings
from hypothesis import strategies as st
from test_dialogue import WORDS

ANSWERS = [
    ("Which of the dogs is further left?", "The brown dog is further left."),
    ("Which dog is closer to the cat?", "The white dog is closer to the cat."),
    ("What is nearest to the tree", "The bird is nearest to the tree."),
    ("who is the biggest?", "The tree is the biggest."),
    ("Which is higher, the cat or the bird?", "The bird is higher."),
    ("which animal is the smallest?", "The bird is the smallest."),
    ("what thing is furthest from the cat?", "The bird is furthest from the cat."),
    ("Is the car or the cat wider", "The red car is wider."),
    ("Is the tree taller than the dogs?", "Yes, the tree is taller."),
    ("Is the cat bigger than the tree?", "No, the black cat is not bigger."),
    ("Is the tree the biggest?", "Yes, the tree is the biggest."),
    ("Are the dogs the same size?", "No: a brown dog and a white dog."),
    ("Do the dogs have the same colour?", "No: a brown dog and a white dog."),
    ("Which dog is brown?", "The brown dog is brown."),
    ("which of them is on the tree", "None."),
    ("Why is the cat black?", "I cannot answer that."),
    ("How heavy is the dog on the left?", "I cannot answer that."),
]
OPENINGS = ("what colour", "which dog", "who is", "where is", "why is the", "how many", "how much", "is the cat",
            "are the dogs", "was it", "does the cat", "ok, which one", "do you", "did i")  # fmt: skip
BARE = sorted({word.strip('.,;:!?()/&"').lower() for word in WORDS} - {""})


@pytest.mark.parametrize(("text", "answer"), ANSWERS)
def test_questions_are_answered_from_the_layout(text: str, answer: str):
    plan = Talk().say(text)
    assert plan.edits == ()
    assert plan.reply.startswith(answer)


def test_what_was_asked_about_is_talked_of():
    talk = Talk()
    talk.say("Which dog is closer to the cat?")
    talk.say("Make it blue")
    assert talk.layout.entity("dog-2").prompt == "a blue dog"


def test_a_polite_order_is_no_question():
    for text in ("Is it possible to remove the cat?", "What if we remove the cat?", "How about removing the cat?"):
        talk = Talk()
        talk.say(text)
        assert [entity.id for entity in PARK.entities if entity not in talk.layout.entities] == ["cat-1"]


@given(st.sampled_from(OPENINGS), st.lists(st.sampled_from(BARE), max_size=9))
@settings(deadline=None, max_examples=60)
def test_no_question_changes_the_layout(opening: str, words: list[str]):
    talk = Talk()
    plan = talk.say(f"{opening} {' '.join(words)}?")
    assert plan.edits == ()
    assert plan.reply or plan.question
