"""The planner that asks a language model: what is asked, what is accepted, and what happens to everything else."""

import json
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

from benchmarks.mangled import CONTEXTS, outcome, watched
from benchmarks.mangler import KINDS, mangled
from eligen.assistant.agents.answer_schema import answer_schema
from eligen.assistant.agents.answers import read_answer
from eligen.assistant.agents.model_planner import BLIND, ModelPlanner
from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.chat_models.base import ChatMessage, OnToken, Schema
from eligen.assistant.context import Context, Message
from eligen.assistant.edits import apply
from eligen.assistant.plan import Add, Compose, Describe, Option, Plan, Question, Remove, Style, Transfer, Undo
from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.layout import Entity, Layout, StyleImage

CAT = Entity(id="cat-1", prompt="a cat", box=(0.4, 0.4, 0.6, 0.8), mask="0" * 64)
DOG = Entity(id="dog-1", prompt="a dog", box=(0.1, 0.4, 0.3, 0.8))
PETS = Layout(prompt="a cat and a dog", entities=(CAT, DOG), background="a meadow")
PLAIN = Context(layouts=(PETS,))
CONTEXT = Context(layouts=(PETS,), attachments=("/home/ann/photo.png",))
BLUE = {"op": "describe", "id": "cat-1", "prompt": "a blue cat"}
PLANNED = Plan(reply="Done.", edits=(Describe(id="cat-1", prompt="a blue cat"),))


def answer(*edits: object, reply: str = "Done.", question: object = None) -> str:
    """Return a model's answer as JSON."""
    return json.dumps({"reply": reply, "question": question, "edits": edits})


class Scripted:
    """A model that says its lines, raising those that are errors, and remembers what it was asked."""

    def __init__(self, *lines: str | Exception, vision: bool = True) -> None:
        self.lines = list(lines)
        self.vision = vision
        self.asked: list[tuple[list[ChatMessage], Schema | None]] = []

    def reply(
        self, messages: Sequence[ChatMessage], *, schema: Schema | None = None, on_token: OnToken | None = None
    ) -> str:
        self.asked.append((list(messages), schema))
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        if on_token:
            on_token(line)
        return line


class Rules:
    """A fallback that remembers whether it was needed."""

    asked = 0

    def plan(self, text: str, context: Context) -> Plan:
        self.asked += 1
        return Plan(reply="by rules", notices=("one",))


@pytest.mark.parametrize(
    "said",
    [
        answer(BLUE),
        f"Here you are:\n```json\n{answer(BLUE)}\n```\nAnything {{else}}?",
        f"<think>remove it? {answer({'op': 'remove', 'ids': ['cat-1']})}</think>\n\n{answer(BLUE)}",
        f"At first {answer({'op': 'remove', 'ids': ['cat-1']})}, but no: {answer(BLUE)}",
        answer(BLUE).replace("Done.", "Do\nne\x00.").replace("Do\nne", "Done"),
        PLANNED.model_dump_json(),
        json.dumps({"edits": [BLUE], "reply": "Done."}),
    ],
    ids=["plain", "fenced", "reasoned", "changed its mind", "control characters", "all fields", "other order"],
)
def test_an_answer_is_found_in_what_models_write_around_it(said: str):
    assert read_answer(said, CONTEXT, "make the cat blue") == PLANNED


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("I cannot do that.", "no JSON object"),
        (answer(BLUE)[:-3], "not whole, valid JSON"),
        (answer({"op": "remove", "ids": ["cat-1"]}, BLUE)[:-30], "not whole, valid JSON"),
        (answer({"op": "exec", "code": "1"}), "edits.0: Input tag 'exec'"),
        (answer(BLUE | {"mask": "x.png"}), "edits.0.describe.mask: Extra inputs"),
        (answer(BLUE | {"prompt": 7}), "edits.0.describe.prompt: Input should be a valid string"),
        (answer(BLUE | {"id": "cow-1"}), "there is no 'cow-1' in the picture: there is cat-1, dog-1"),
        (answer(BLUE | {"prompt": "very " * 300}), "a text of 1500 characters is too long"),
        (answer({"op": "move", "ids": ["cat-1"], "place": {"box": [0.5, 0, 0.2, 1]}}), "is empty: x1 must exceed x0"),
        (answer({"op": "resize", "ids": ["cat-1"], "factor": float("nan")}), "finite number"),
        (answer({"op": "swap", "first": "cat-1", "second": "cat-1"}), "cannot change places with itself"),
        (answer({"op": "style", "prompt": "", "reference": "/etc/passwd"}), "is no attachment: there is attachment-1"),
        (answer({"op": "transfer", "id": "cat-1", "reference": "attachment-2"}), "'attachment-2' is no attachment"),
        (answer({"op": "style", "ids": ["cow-1"], "reference": "attachment-1"}), "there is no 'cow-1'"),
        (answer({"op": "style", "ids": ["cat-1"], "prompt": "ink"}), "words for one go into its prompt"),
        (
            answer({"op": "shape", "id": "cat-1", "box": [0, 0, 1, 1], "mask": "/etc/passwd"}),
            "shapes are drawn by hand",
        ),
        (answer({"op": "undo", "steps": 1}, {"op": "redo", "steps": 1}, BLUE), "redo stands alone"),
        (answer(*[BLUE] * 25), "edits: Tuple should have at most 24 items"),
        (answer(*[{"op": "add", "prompt": "a cow", "count": 12}] * 2), "26 things are too many"),
        (answer(question={"text": "?", "options": [{"label": "a", "edits": [BLUE | {"id": "x"}]}]}), "no 'x'"),
        ('{"reply": "x", "names": [{"name": "x", "reference": "/etc/passwd"}]}', "names: pictures are named by"),
        ('{"reply": ' + "[" * 50_000, "nested too deeply"),
        ('{"reply": "x", "edits": 1' + "0" * 5000 + "}", "not whole, valid JSON"),
    ],
    ids=lambda value: value[:25],
)
def test_an_answer_that_cannot_be_used_is_refused_with_the_reason(said: str, reason: str):
    with pytest.raises(ModelOutputError, match=reason.replace("(", r"\(").replace("?", r"\?")) as raised:
        read_answer(said, CONTEXT, "make the cat blue")
    assert len(str(raised.value)) < 800
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("layout", [{"entities": [{"mask": "/etc/passwd"}]}, {"entities": [{"id": "../x"}]}], ids=str)
def test_a_composition_brings_no_files_and_no_odd_ids(layout: dict):
    entity = {"prompt": "a cat", "box": [0, 0, 1, 1]} | layout["entities"][0]
    with pytest.raises(ModelOutputError, match=r"is no (attachment|id)"):
        read_answer(answer({"op": "compose", "layout": {"prompt": "a cat", "entities": [entity]}}), Context(), "a cat")


def test_attachments_are_known_by_names_that_tell_nothing_about_the_machine():
    said = answer(
        {"op": "transfer", "id": "cat-1", "reference": "attachment-1"}, {"op": "style", "reference": "attachment-1"}
    )
    transfer, style = read_answer(said, CONTEXT, "like my cat").edits
    assert transfer == Transfer(id="cat-1", reference="/home/ann/photo.png")
    assert style == Style(reference="/home/ann/photo.png")
    assert "ann" not in json.dumps(answer_schema(CONTEXT))


def test_adding_starts_the_first_picture_with_the_users_words():
    table = {"op": "add", "prompt": "a table", "place": {"region": ["center"]}}
    lamp = {"op": "add", "prompt": "a lamp", "place": {"relation": "on", "of": ["table-1"]}}
    plan = read_answer(answer(table, lamp), Context(), "a lamp on a table")
    assert plan.edits[0] == Compose(layout=Layout(prompt="a lamp on a table"))
    assert isinstance(plan.edits[1], Add)
    layout = apply(None, plan.edits)
    assert [entity.id for entity in layout.entities] == ["table-1", "lamp-1"]
    assert layout.entity("lamp-1").box.y1 < layout.entity("table-1").box.y1


def test_edits_after_an_undo_are_held_to_the_layout_it_leads_to():
    cow = Entity(id="cow-1", prompt="a cow", box=(0.0, 0.0, 0.2, 0.2))
    context = Context(layouts=(PETS.model_copy(update={"entities": (cow,)}), PETS))
    assert len(read_answer(answer({"op": "undo"}, {"op": "remove", "ids": ["cow-1"]}), context, "no").edits) == 2
    with pytest.raises(ModelOutputError, match="no 'cat-1'"):
        read_answer(answer({"op": "undo"}, BLUE), context, "no")
    with pytest.raises(ModelOutputError, match="nothing to undo"):
        read_answer(answer({"op": "undo"}), Context(), "undo")


def test_a_question_wins_over_edits_beside_it():
    said = answer(BLUE, question={"text": "Which?", "options": [{"label": "the cat", "edits": [BLUE]}]})
    plan = read_answer(said, CONTEXT, "make it blue")
    assert plan.edits == ()
    assert plan.question == Question(text="Which?", options=(Option(label="the cat", edits=PLANNED.edits),))


def test_the_schema_admits_what_the_context_allows_and_nothing_else():
    def admits(context: Context, *edits: object) -> bool:
        return jsonschema.Draft202012Validator(answer_schema(context)).is_valid(json.loads(answer(*edits)))

    remove, transfer = (
        {"op": "remove", "ids": ["cat-1"]},
        {"op": "transfer", "id": "cat-1", "reference": "attachment-1"},
    )
    assert admits(CONTEXT, BLUE, remove, transfer, {"op": "undo", "steps": 1})
    assert not admits(CONTEXT, BLUE | {"id": "cow-1"})
    assert not admits(CONTEXT, BLUE | {"more": 1})
    assert not admits(CONTEXT, {"op": "undo", "steps": 2})
    assert not admits(CONTEXT, {"op": "redo", "steps": 1})
    assert not admits(CONTEXT.model_copy(update={"attachments": ()}), transfer)
    assert not admits(Context(), remove)
    assert not admits(Context(), {"op": "undo", "steps": 1})


def test_a_model_is_told_the_layout_the_dialogue_and_the_question_and_asked_for_the_schema():
    context = CONTEXT.model_copy(
        update={
            "layouts": (PETS.model_copy(update={"entities": (CAT,)}), PETS),
            "dialogue": tuple(Message(role="user", text=f"message {number}") for number in range(20)),
            "question": Question(text="Which one?", options=(Option(label="the cat"),)),
            "attachments": (),
        }
    )
    model = Scripted(answer(BLUE))
    assert ModelPlanner(model).plan("the  cat\n", context) == PLANNED
    ((messages, schema),) = model.asked
    assert [message.role for message in messages] == ["system", "user"]
    turn = messages[1].text
    assert '{"number": 2, "id": "dog-1", "prompt": "a dog", "box": [0.1, 0.4, 0.3, 0.8]}' in turn
    assert '"message 19"' in turn
    assert '"message 7"' not in turn
    assert '"options": [{"label": "the cat"}]' in turn
    assert turn.count("cat-1") == 2
    assert turn.endswith('message: "the  cat"')
    assert schema == answer_schema(context)


def test_a_model_sees_the_picture_with_its_boxes_and_the_attachments(tmp_path: Path):
    Image.new("RGB", (64, 64), "white").save(tmp_path / "now.png")
    Image.new("L", (2000, 100), "black").save(tmp_path / "photo.png")
    context = Context(layouts=(PETS,), picture=str(tmp_path / "now.png"), attachments=(str(tmp_path / "photo.png"),))
    model = Scripted(answer(BLUE))
    ModelPlanner(model).plan("make the cat blue", context)
    picture, photo = model.asked[0][0][1].images
    assert picture.width == 512
    assert len(picture.getcolors(2**20)) > 2
    assert photo.size == (768, 38)


def test_a_model_sees_a_picture_whose_references_lie_elsewhere(tmp_path: Path):
    """In a session reference pictures are hashes; what the model is shown are numbered boxes."""
    Image.new("RGB", (64, 64), "white").save(tmp_path / "now.png")
    alike = tuple(entity.model_copy(update={"reference": "0" * 64}) for entity in PETS.entities)
    styled = PETS.model_copy(update={"entities": alike, "style_images": (StyleImage(image="1" * 64),)})
    model = Scripted(answer(BLUE))
    ModelPlanner(model).plan("make the cat blue", Context(layouts=(styled,), picture=str(tmp_path / "now.png")))
    assert model.asked[0][0][1].images[0].width == 512


def test_a_model_without_vision_plans_from_the_layout_and_says_so_once(tmp_path: Path):
    Image.new("RGB", (64, 64), "white").save(tmp_path / "now.png")
    context = Context(layouts=(PETS,), picture=str(tmp_path / "now.png"))

    class Blinded(Scripted):
        def reply(self, *arguments: object, **options: object) -> str:
            self.vision = False
            return super().reply(*arguments, **options)

    model = Blinded(answer(BLUE), answer(BLUE))
    planner = ModelPlanner(model)
    assert planner.plan("make the cat blue", context).notices == (BLIND,)
    assert planner.plan("make the cat blue", context).notices == ()
    assert [len(messages[1].images) for messages, _ in model.asked] == [1, 0]


def test_a_wrong_answer_goes_back_with_its_reason():
    model, rules = Scripted("<|im_end|>Sure!", answer(BLUE | {"id": "cow-1"}), answer(BLUE)), Rules()
    assert ModelPlanner(model, rules).plan("make the cat blue", PLAIN) == PLANNED
    assert rules.asked == 0
    first, second, third = (messages for messages, _ in model.asked)
    assert second[:2] == third[:2] == first
    assert second[2] == ChatMessage("assistant", "< |im_end|>Sure!")
    assert "no JSON object" in second[3].text
    assert len(third) == 4
    assert "there is no 'cow-1'" in third[3].text


def test_after_three_wrong_answers_the_rules_plan_and_a_notice_says_so():
    model = Scripted(ModelOutputError("the answer was cut off"), "no", "no\n never", answer(BLUE))
    plan = ModelPlanner(model, Rules()).plan("make the cat blue", PLAIN)
    assert (plan.reply, plan.notices[0], len(plan.notices)) == ("by rules", "one", 2)
    assert plan.notices[1].startswith("the language model gave no usable plan (there is no JSON object")
    assert plan.notices[1].endswith("planned by rules instead")
    assert len(model.asked) == 3


def test_the_real_rules_planner_is_such_a_fallback():
    plan = ModelPlanner(Scripted("no", "no", "no"), fallback=RulesPlanner()).plan("a red cat", Context())
    assert [entity.prompt for entity in apply(None, plan.edits).entities] == ["a red cat"]


def test_without_a_fallback_the_message_is_refused():
    with pytest.raises(UserError, match="no usable plan: there is no JSON object"):
        ModelPlanner(Scripted("no", "no", "no")).plan("make the cat blue", PLAIN)


def test_a_model_that_cannot_be_asked_is_the_users_business_whatever_the_fallback():
    rules = Rules()
    with pytest.raises(UserError, match="down"):
        ModelPlanner(Scripted(UserError("the server is down")), rules).plan("make the cat blue", PLAIN)
    with pytest.raises(UserError, match="empty"):
        ModelPlanner(Scripted(), rules).plan(" \n\x00", PLAIN)
    assert rules.asked == 0


def test_an_option_that_is_chosen_word_by_word_needs_no_model():
    question = Question(text="Which?", options=(Option(label="The cat", edits=(Remove(ids=("cat-1",)),)),))
    context = PLAIN.model_copy(update={"question": question})
    assert ModelPlanner(Scripted()).plan("the cat", context).edits == (Remove(ids=("cat-1",)),)
    model = Scripted(answer({"op": "undo", "steps": 1}))
    assert ModelPlanner(model).plan("forget it", context).edits == (Undo(),)


def test_pieces_are_passed_on_as_they_come():
    pieces: list[str] = []
    ModelPlanner(Scripted(answer(BLUE)), on_token=pieces.append).plan("make the cat blue", PLAIN)
    assert pieces == [answer(BLUE)]


@pytest.mark.parametrize("context", CONTEXTS, ids=["no picture", "a picture", "a history"])
def test_mangled_replies_never_crash_act_or_corrupt_a_layout(context: Context):
    replies = list(mangled(5 * len(KINDS), seed=7, first_picture=not context.layouts))
    assert {kind for kind, _ in replies} == set(KINDS)
    outcomes = {outcome(reply, context) for _, reply in replies}
    assert outcomes >= {"planned", "rules"}


def test_what_watches_the_mangled_replies_is_awake(tmp_path: Path):
    class Careless:
        def plan(self, text: str, context: Context) -> Plan:
            (tmp_path / "owned").touch()
            return PLANNED

    with watched() as seen:
        Careless().plan("", PLAIN)
    assert len(seen) == 1
