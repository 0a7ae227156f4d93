"""Local Qwen-VL: real folders of random weights, held to a plan while they decode."""

import json
import random
from contextlib import suppress
from pathlib import Path

import jsonschema
import llguidance.hf
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_models import clip_tokenizer
from tiny_qwen import END, qwen_tokenizer, save_qwen2_5, save_qwen3
from transformers import CLIPTextConfig, CLIPTextModel

from benchmarks.mangler import EDITS, TOKENS
from eligen.assistant.agents.answer_schema import answer_schema
from eligen.assistant.agents.answers import read_answer
from eligen.assistant.agents.model_planner import ModelPlanner
from eligen.assistant.chat_models.base import ChatMessage, OnToken, Schema
from eligen.assistant.chat_models.constrained import JsonMask
from eligen.assistant.chat_models.qwen import QwenChat, batch_of, load
from eligen.assistant.commands.planners import get_planner
from eligen.assistant.context import Context, Message
from eligen.assistant.plan import Plan
from eligen.prompts import render
from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.layout import Box, Entity, Layout

SAVE = {"qwen3_vl": save_qwen3, "qwen2_5_vl": save_qwen2_5}
SPOKEN = [
    *(json.dumps({"reply": "ok", "question": None, "edits": [edit]}, separators=(",", ":")) for edit in EDITS),
    render("planner"),
]
PETS = Layout(
    prompt="a cat and a dog",
    entities=(
        Entity(id="cat-1", prompt=f"a cat {TOKENS}", box=Box(x0=0.4, y0=0.4, x1=0.6, y1=0.8)),
        Entity(id="dog-1", prompt="a dog", box=Box(x0=0.1, y0=0.4, x1=0.3, y1=0.8)),
    ),
)


@pytest.fixture(scope="module", params=SAVE)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of each kind that we know."""
    made = tmp_path_factory.mktemp(request.param)
    SAVE[request.param](made, SPOKEN)
    return made


@pytest.fixture
def context(tmp_path: Path) -> Context:
    Image.new("RGB", (64, 64), "green").save(tmp_path / "now.png")
    return Context(layouts=(PETS,), dialogue=(Message(role="user", text="hello"),), picture=str(tmp_path / "now.png"))


class Overheard:
    """A model whose answers are kept."""

    vision = True

    def __init__(self, model: QwenChat) -> None:
        self.model = model
        self.messages: list[ChatMessage] = []
        self.answers: list[str] = []

    def reply(
        self, messages: list[ChatMessage], *, schema: Schema | None = None, on_token: OnToken | None = None
    ) -> str:
        self.messages = messages
        self.answers.append(self.model.reply(messages, schema=schema, on_token=on_token))
        return self.answers[-1]


@pytest.mark.parametrize("kind", SAVE)
def test_random_weights_answer_with_a_plan_when_held_to_the_schema(kind: str, tmp_path: Path, context: Context):
    """Weights that say what no schema can forbid (a box upside down, a thing beside itself) say it again and again."""
    plans: list[Plan] = []
    for seed in range(6):
        SAVE[kind](made := tmp_path / f"{seed}", SPOKEN, seed)
        model, pieces = Overheard(QwenChat(str(made), device="cpu")), list[str]()
        with suppress(UserError):
            plans.append(ModelPlanner(model, on_token=pieces.append).plan("make the cat blue", context))
        for answer in model.answers:
            jsonschema.validate(json.loads(answer), answer_schema(context))
        assert "".join(pieces) == "".join(model.answers)
        if plans:
            break
    assert plans


def test_whatever_the_schema_lets_a_decoder_write_is_json_of_it_and_often_a_plan(context: Context):
    """Walk at random through the grammar, as the worst model would; what no grammar can tell is refused by reading.

    Upside-down boxes and things placed relative to themselves are what is left; they are about half of all walks.
    """
    tokenizer = qwen_tokenizer(SPOKEN)
    grammar = llguidance.hf.from_tokenizer(tokenizer, n_vocab=len(tokenizer), eos_token=tokenizer.eos_token_id)
    rng, plans, walks = random.Random(0), 0, 24
    for walk in range(walks):
        now = context if walk % 2 else Context()
        schema = answer_schema(now)
        mask, tokens = JsonMask(grammar, schema), [0]
        while tokens[-1] != tokenizer.eos_token_id:
            scores = mask(torch.tensor([tokens]), torch.zeros(1, len(tokenizer)))
            allowed = scores[0].isfinite().nonzero().flatten().tolist()
            closing = [token for token in allowed if '"' in tokenizer.decode([token])]
            tokens.append(rng.choice(closing if closing and rng.random() < 0.5 else allowed))
        text = tokenizer.decode(tokens[1:-1])
        jsonschema.validate(json.loads(text), schema)
        with suppress(ModelOutputError):
            plans += isinstance(read_answer(text, now, "paint"), Plan)
    assert plans > walks / 4


def test_pictures_reach_the_model_and_data_cannot_end_a_message(folder: Path, context: Context):
    loaded = load(str(folder), None, "cpu")
    image = Image.new("RGB", (64, 96), "red")
    layout = {"prompt": PETS.entities[0].prompt}
    turn = render(
        "planner_turn", message=TOKENS, layout=layout, before=None, dialogue=[], question=None, attachments=[], shown=1,
        picture=True,
    )  # fmt: skip
    batch = batch_of(loaded.processor, [ChatMessage("system", "plan"), ChatMessage("user", turn, (image,))])
    tokens = loaded.processor.tokenizer.convert_ids_to_tokens(batch["input_ids"][0])
    assert tokens.count(END) == 2
    assert tokens.count("<|im_start|>") == 3
    assert tokens.count("<|image_pad|>") > 1
    assert batch["pixel_values"].shape[0] == 4 * tokens.count("<|image_pad|>")


def test_an_answer_without_an_end_is_cut_off(folder: Path):
    with pytest.raises(ModelOutputError, match="cut off after 5 tokens"):
        QwenChat(str(folder), device="cpu", max_new_tokens=5).reply([ChatMessage("user", "hello")])


def test_a_model_is_loaded_once_and_chosen_by_name(folder: Path, context: Context):
    assert load(str(folder), None, "cpu") is load(str(folder), None, "cpu")
    planner = get_planner(f"qwen:{folder}")
    assert isinstance(planner, ModelPlanner)
    planner.plan("make the cat blue", context.model_copy(update={"picture": None}))


def test_what_is_no_qwen_vl_is_refused_in_one_line(tmp_path: Path):
    with pytest.raises(UserError, match="cannot load") as raised:
        QwenChat(str(tmp_path)).reply([])
    assert "\n" not in str(raised.value)
    CLIPTextModel(CLIPTextConfig(num_hidden_layers=1, hidden_size=8, intermediate_size=8, num_attention_heads=1,
                                 vocab_size=len(clip_tokenizer()))).save_pretrained(tmp_path / "clip")  # fmt: skip
    with pytest.raises(UserError, match="is a clip_text_model model: known are qwen2_5_vl, qwen3_vl"):
        QwenChat(str(tmp_path / "clip")).reply([])


def test_broken_weights_are_refused_in_one_line(folder: Path, tmp_path: Path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    state = load_file(weights)
    removed, _ = state.popitem()
    save_file(state, weights, {"format": "pt"})
    with pytest.raises(UserError, match=f"1 weights are missing, such as .*{removed.rpartition('.')[2]}"):
        QwenChat(str(tmp_path), device="cpu").reply([])
    weights.write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot load") as raised:
        QwenChat(str(tmp_path)).reply([])
    assert "\n" not in str(raised.value)
