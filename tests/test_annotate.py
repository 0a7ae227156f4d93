"""Annotation asks a real server on the loopback interface, which answers with scripted text."""

import base64
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from chat_server import ChatServer, chat_server, error, said
from PIL import Image
from tiny_qwen import save_qwen2_5, save_qwen3

from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.layout import Box
from training import annotate, vision_models
from training.entity_dataset import read_rows
from training.scenes import World, tight_box

MODEL = "scripted-vl"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as made:
        yield made


def spelled(server: ChatServer) -> str:
    """Return the server's model as the command line spells it."""
    return f"openai:{MODEL}@{server.url}"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[tuple[str, Box]]]]:
    """Ten drawn pictures of 128 x 128, and the nouns and tight boxes of what each shows."""
    folder = tmp_path_factory.mktemp("scenes")
    world, rng = World(), random.Random(5)
    drawn = [world.sample(rng, max_things=3) for _ in range(10)]
    images, shapes = world.draw(drawn, 128, torch.Generator().manual_seed(5))
    for number, image in enumerate(images):
        Image.fromarray((image.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()).save(folder / f"{number}.png")
    truth = [
        [
            (world.nouns[thing.noun]["noun"], Box.model_validate(tight_box(shape)))
            for thing, shape in zip(scene.things, cut, strict=True)
            if shape.any()
        ]
        for scene, cut in zip(drawn, shapes, strict=True)
    ]
    return folder, truth


def told(entities: list[tuple[str, Box]], scale: tuple[int, int] = (1000, 1000)) -> str:
    """Return the answer of a model that sees perfectly."""
    found = [
        {"label": label, "bbox_2d": [round(edge * scale[axis % 2]) for axis, edge in enumerate(box.as_tuple())]}
        for label, box in entities
    ]
    return json.dumps({"entities": found})


def data_url_size(request: dict[str, Any]) -> tuple[int, int]:
    """Return the size of the picture that a request shows."""
    url = request["messages"][0]["content"][0]["image_url"]["url"]
    return Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,")))).size


def test_ten_pictures_become_a_dataset(
    server: ChatServer, scenes: tuple[Path, list[list[tuple[str, Box]]]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, truth = scenes
    outside = json.dumps({"entities": [{"label": "cat", "bbox_2d": [900, 0, 1100, 50]}]})
    mixed = json.loads(told(truth[4]))
    mixed["entities"] += [
        {"label": "cat"},
        {"label": " ", "bbox_2d": [0, 0, 9, 9]},
        {"label": "a", "bbox_2d": [5, 5, 5, 9]},
    ]
    spoiled = {
        1: [said("a house"), said("I see a house.")],
        2: [said("a dog"), said(outside)],
        3: [said("a very long", reason="length")],
        4: [said("two things"), said(json.dumps(mixed))],
        5: [error(400, "no pictures of cats")],
        6: [said("a boat"), said(f"```json\n{told(truth[6])}\n```")],
        7: [said("a kite"), said('{"boxes": []}')],
    }
    for number, entities in enumerate(truth):
        server.answers += spoiled.get(number, [said(f"a picture of {len(entities)} things"), said(told(entities))])
    annotate.main([str(folder), spelled(server), "--most", "8"])
    assert server.answers == []
    rows = {row.image: row for row in read_rows(folder / "metadata.json")}
    assert sorted(rows) == [f"{number}.png" for number in (0, 4, 6, 8, 9)]
    for name, row in rows.items():
        expected = truth[int(Path(name).stem)]
        assert row.eligen_entity_prompts == tuple(noun for noun, _ in expected)
        for box, (_, true) in zip(row.eligen_entity_boxes, expected, strict=True):
            assert box.as_tuple() == pytest.approx(true.as_tuple(), abs=1e-3)
        masks = row.masks(folder, 0, 0)
        assert [mask.getbbox() for mask in masks] == [box.pixels(128, 128) for box in row.eligen_entity_boxes]
    assert rows["0.png"].prompt == f"a picture of {len(truth[0])} things"
    printed = capsys.readouterr().out
    kept = sum(len(row.eligen_entity_prompts) for row in rows.values())
    assert printed.splitlines()[0] == f"annotated 5 of 10 pictures with {kept} entities"
    for reason in (
        "2 x entity: the box is empty or leaves the picture",
        "1 x entity: label or box is missing",
        "1 x entity: the label is empty",
        "1 x picture: the answer is not JSON",
        "1 x picture: no entity left",
        "1 x picture: the answer is empty or cut off",
        "1 x picture: the answer holds no list of entities",
        "1 x picture: refused by the server: Error code: 400",
    ):
        assert f"dropped {reason}" in printed
    requests = len(server.bodies)
    annotate.main([str(folder), spelled(server)])
    assert len(server.bodies) == requests
    assert capsys.readouterr().out == printed


def test_a_server_is_asked_with_picture_question_and_schema(server: ChatServer, tmp_path: Path) -> None:
    Image.new("RGBA", (70, 140), "red").save(tmp_path / "a.png")
    server.answers += [said("a red wall"), said(told([("wall", Box.model_validate([0.5, 0.0, 1.0, 0.25]))], (56, 140)))]
    found = annotate.annotate(tmp_path / "a.png", vision_models.vision_model(spelled(server)), most=3, unit="pixels")
    assert found.entities == [("wall", Box.model_validate([0.5, 0.0, 1.0, 0.25]))]
    caption, entities = server.bodies
    assert [data_url_size(request) for request in server.bodies] == [(56, 140)] * 2
    assert {caption["model"], entities["model"]} == {MODEL}
    assert "response_format" not in caption
    question = entities["messages"][0]["content"][1]["text"]
    assert "a red wall" in question
    assert "in pixels" in question
    assert entities["response_format"]["json_schema"]["schema"] == annotate.Answer.model_json_schema()


def test_only_so_many_entities_are_taken(server: ChatServer, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    server.answers += [said("dots"), said(told([("dot", Box.model_validate([0.1, 0.1, 0.2, 0.2]))] * 5))]
    found = annotate.annotate(
        tmp_path / "a.png", vision_models.vision_model(spelled(server)), most=3, unit="thousandths"
    )
    assert len(found.entities) == 3
    assert found.dropped == ["entity: one too many"] * 2


def test_a_stopped_run_goes_on_and_several_questions_go_out_at_once(server: ChatServer, tmp_path: Path) -> None:
    for number in range(4):
        Image.new("RGB", (32, 32), (60 * number, 0, 0)).save(tmp_path / f"{number}.jpg")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    known = annotate.Annotation(
        image="0.jpg", prompt="black", entities=[("black", Box.model_validate([0, 0, 1.0, 1.0]))]
    )
    (tmp_path / "answers.jsonl").write_text(known.model_dump_json() + "\n")
    both = told([("red", Box.model_validate([0.0, 0.0, 1.0, 1.0]))])
    server.answers += [said(both)] * 6  # a caption may be any text, so answers need no order
    ask = vision_models.vision_model(spelled(server))
    found = annotate.annotate_all(tmp_path, ask, most=3, unit="thousandths", parallel=3)
    assert [(one.image, len(one.entities)) for one in found] == [
        *((f"{number}.jpg", 1) for number in range(4)),
        ("broken.png", 0),
    ]
    assert found[-1].dropped == ["picture: the file cannot be used"]
    assert len(server.bodies) == 6


def test_a_server_that_cannot_be_reached_ends_the_run(tmp_path: Path, server: ChatServer) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    server.answers += [error(401, "no entry")]
    with pytest.raises(SystemExit, match="no entry"):
        annotate.main([str(tmp_path), spelled(server)])
    assert not (tmp_path / "metadata.json").exists()


def test_the_key_stays_on_this_machine_or_travels_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    addresses = ("http://127.0.0.1:8000/v1", "https://example.org/v1", "http://example.org/v1")
    assert [vision_models.Endpoint("m", url).key for url in addresses] == ["secret", "secret", "none"]


@pytest.mark.parametrize("name", ["", "gpt-4", "qwen:/nowhere", "openai:model", "openai:@http://127.0.0.1/v1"])
def test_a_model_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="write openai:MODEL@URL"):
        vision_models.vision_model(name)


@pytest.mark.parametrize("answer", ["", "[", "{}", '{"entities": 3}', "null", "```json\n{}\n```", "3"])
def test_an_answer_without_a_list_is_unusable(answer: str) -> None:
    with pytest.raises(ModelOutputError):
        annotate.entity_list(answer)


@pytest.mark.parametrize(
    "answer", ['[{"a": 1}]', '{"entities": [{"a": 1}]}', '```json\n[{"a": 1}]\n```', '```\n[{"a": 1}]```']
)
def test_lists_come_bare_wrapped_and_fenced(answer: str) -> None:
    assert annotate.entity_list(answer) == [{"a": 1}]


@pytest.mark.parametrize(("save", "unit"), [(save_qwen3, "thousandths"), (save_qwen2_5, "pixels")])
def test_a_local_qwen_is_asked(tmp_path: Path, save: Callable[..., None], unit: annotate.Unit) -> None:
    """Its weights are random: it babbles on, or stops at once where every token is an end."""
    save(tmp_path / "qwen", [annotate.CAPTION, annotate.ENTITIES])
    Image.new("RGB", (60, 80), "red").save(tmp_path / "a.png")
    ask = vision_models.LocalQwen(tmp_path / "qwen", max_new_tokens=12)
    found = annotate.annotate(tmp_path / "a.png", ask, most=3, unit=unit)
    assert found.dropped == ["picture: the answer is empty or cut off"]
    model, processor = ask.parts
    model.generation_config.eos_token_id = list(range(len(processor.tokenizer)))
    word = ask(annotate.seen(tmp_path / "a.png"), annotate.CAPTION, None)
    assert processor.tokenizer(word).input_ids != []
