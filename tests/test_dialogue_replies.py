"""What the rules planner says: replies that name things as they were, and answers before there is a picture."""

import pytest
from dialogues import PLANNER, Talk

from eligen.assistant.context import Context, Message

REPLIES = [
    ("Make the car green", "I made the red car green."),
    ("Make the car red", "The car is red already."),
    ("Make the brown dog striped and bigger", "I made the brown dog striped and bigger."),
    ("Make the car out of metal", "I made the red car out of metal."),
    ("Make both dogs black", "I made the brown dog and the white dog black."),
    ("Let the cat sleep", "I let the black cat sleep."),
    ("Make everything bigger", "I made everything bigger."),
    ("Make the car twice as big", "I made the red car twice as big."),
    ("Make the car a bit smaller", "I made the red car a bit smaller."),
    ("Remove the bird, then the car.", "I removed the bird and the red car."),
    ("Add a cow and two pigs on the left", "I added a cow and two pigs on the left."),
    ("Add a ball next to the tree", "I added a ball next to the tree."),
    ("Put the cat in the top left corner", "I moved the black cat to the top left."),
    ("Put the cat in the middle", "I moved the black cat to the middle."),
    ("Put the cat in front of the tree", "I moved the black cat in front of the tree."),
    ("Move the cat a bit to the left", "I moved the black cat a bit to the left."),
    ("Move the bird down", "I moved the bird down."),
    ("Swap the cat and the car", "I swapped the black cat and the red car."),
    ("Make three copies of the cat", "I copied the black cat three times."),
    ("I want four birds", "I added three birds."),
    ("There should be only one dog", "I removed the white dog."),
    ("Replace the car with a bus", "I replaced the red car with a bus."),
    ("Replace the dogs with cats", "I replaced the brown dog and the white dog with two cats."),
    ("Change the background to a beach", "I changed the background to a beach."),
    ("Make it snow", "I added snow to the background."),
    ("Paint it in watercolour", "I changed the style to watercolour."),
    ("Paint the cat again", "I painted the black cat again."),
    ("The cat is too dark", "What should I change about the cat?"),
    ("I don't like the tree", "What should be different about the tree?"),
    ("Thanks!", "You are welcome."),
]


@pytest.mark.parametrize(("text", "reply"), REPLIES, ids=lambda text: text[:40])
def test_a_reply_says_what_was_done_to_what(text: str, reply: str):
    assert Talk().say(text).reply == reply


@pytest.mark.parametrize(
    ("texts", "reply"),
    [
        (["Add a ball", "Make the ball red, move it to the top left and make it bigger"],
         "I made the ball red, moved it to the top left and made it bigger."),
        (["Make the brown dog bigger", "No, the other one"], "I took that back and made the white dog bigger."),
        (["Make the car blue", "Undo"], "I undid the last change."),
        (["Make the car blue", "Undo", "Redo"], "I redid the undone change."),
        (["Make the dog blue", "the brown one"], "I made the brown dog blue."),
    ],
    ids=lambda value: value[-1][:40],
)  # fmt: skip
def test_a_reply_in_the_course_of_a_dialogue(texts: list[str], reply: str):
    talk = Talk()
    *_, plan = map(talk.say, texts)
    assert plan.reply == reply


@pytest.mark.parametrize(
    "text",
    ["undo", "redo", "make it bigger", "Move it to the left", "how many dogs are there?", "where is the cat?", "more",
     "remove the dog", "Swap the cat and the dog", "paint it again", "no, the other one", "ok"],
)  # fmt: skip
def test_before_the_first_picture_nothing_can_be_changed(text: str):
    plan = PLANNER.plan(text, Context())
    assert plan.edits == ()
    assert plan.reply == "There is no picture yet: tell me what to draw."


@pytest.mark.parametrize(
    ("text", "reply"),
    [("hello", "Hello! Tell me what to draw."), ("Thank you", "You are welcome."), ("What can you do?", "I plan pict")],
)
def test_small_talk_before_the_first_picture_paints_nothing(text: str, reply: str):
    plan = PLANNER.plan(text, Context())
    assert plan.edits == ()
    assert plan.reply.startswith(reply)


@pytest.mark.parametrize(
    "text",
    ["hello, draw a cat please", "a cat", "Make the cat red", "no, a cat", "there is a cat and it is red", "two cats",
     "no dogs, just a cat", "put a cat on the table", "draw a new picture of a cat"],
)  # fmt: skip
def test_a_first_message_that_describes_something_is_a_picture(text: str):
    (compose,) = PLANNER.plan(text, Context()).edits
    assert any("cat" in entity.prompt for entity in compose.layout.entities)
    assert PLANNER.plan(text, Context()).reply.startswith("I planned ")


def test_a_new_picture_that_is_not_described_is_asked_for():
    asked = PLANNER.plan("start over", Context())
    assert asked.question is not None
    said = (Message(role="user", text="start over"), Message(role="assistant", text=asked.question.text))
    (compose,) = PLANNER.plan("a cat", Context(dialogue=said, question=asked.question)).edits
    assert [entity.prompt for entity in compose.layout.entities] == ["a cat"]


@pytest.mark.parametrize("text", ["asdf qwer zxcv", "quokka", "hjkl please"])
def test_a_first_message_of_unknown_words_is_asked_back(text: str):
    asked = PLANNER.plan(text, Context())
    assert asked.edits == ()
    assert asked.question is not None
    said = (Message(role="user", text=text), Message(role="assistant", text=asked.question.text))
    answered = Context(dialogue=said, question=asked.question)
    assert PLANNER.plan("no", answered).edits == ()
    (compose,) = PLANNER.plan("yes", answered).edits
    assert len(compose.layout.entities) == 1


@pytest.mark.parametrize("text", ["a quokka", "two quokkas", "a zeppelin", "zeppelin", "my quokka", "red quokka"])
def test_unknown_things_are_things(text: str):
    (compose,) = PLANNER.plan(text, Context()).edits
    assert compose.layout.entities
