"""The EliGen LoRA trains on drawn scenes and on annotated pictures alike; what it saves is loaded as any LoRA is."""

import json
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from eligen.tools import lora as loras
from eligen.tools.attention import regional_attention
from eligen.tools.eligen import FluxEliGenPipeline
from eligen.tools.errors import UserError
from training import train_eligen_lora
from training.entity_batches import Batch, DrawnScenes, without_entities
from training.entity_dataset import AnnotatedPictures, Row, Sizes, read_rows, write_rows
from training.latents import pack
from training.lora_training import MODULES, RANK, add_lora, flow_loss, load_base, reference, save_lora
from training.scenes import World, tight_box

SIZES = Sizes(64, 24, 8)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten drawn pictures in the published format: shapes as masks in one half, boxes in the other, one not square."""
    folder = tmp_path_factory.mktemp("pictures")
    world, rng = World(), random.Random(3)
    scenes = [world.sample(rng, max_things=3) for _ in range(10)]
    images, shapes = world.draw(scenes, 64, torch.Generator().manual_seed(3))
    rows = []
    for number, (scene, image, cut) in enumerate(zip(scenes, images, shapes, strict=True)):
        picture = Image.fromarray((image.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy())
        picture.resize((96, 64) if number == 9 else (64, 64)).save(folder / f"{number}.png")
        seen = [(thing, shape) for thing, shape in zip(scene.things, cut, strict=True) if shape.any()]
        place = {}
        if number % 2:
            place["eligen_entity_boxes"] = [tight_box(shape) for _, shape in seen]
        else:
            place["eligen_entity_masks"] = [f"{number}-{i}.png" for i in range(len(seen))]
            for name, (_, shape) in zip(place["eligen_entity_masks"], seen, strict=True):
                Image.fromarray(shape.numpy().astype(np.uint8) * 255).save(folder / name)
        nouns = [world.nouns[thing.noun]["noun"] for thing, _ in seen]
        rows.append(Row(image=f"{number}.png", prompt=" and ".join(nouns), eligen_entity_prompts=nouns, **place))
    write_rows(folder / "metadata.json", rows)
    return folder


@pytest.fixture(scope="module")
def annotated(pictures: Path, tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> AnnotatedPictures:
    source = AnnotatedPictures(pictures / "metadata.json", tiny_model_dir, tmp_path_factory.mktemp("cache"), SIZES)
    source.encode(CPU, torch.float32)
    return source


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "no rows"),
        ({}, "not a list"),
        ([{"image": "a.png", "prompt": "a cat"}], "eligen_entity_prompts' is missing"),
        ([{"image": "a.png", "prompt": " ", "eligen_entity_prompts": []}], "empty"),
        ([{"image": "a.png", "prompt": "a cat", "eligen_entity_prompts": ["cat"]}], "as many masks or boxes"),
        (
            [{"image": "a.png", "prompt": "a", "eligen_entity_prompts": ["b"], "eligen_entity_masks": ["c", "d"]}],
            "as many masks or boxes",
        ),
        (
            [{"image": "a.png", "prompt": "a", "eligen_entity_prompts": ["b"], "eligen_entity_boxes": [[0, 0, 2, 1]]}],
            "less than or equal to 1",
        ),
    ],
)
def test_a_malformed_dataset_is_refused(tmp_path: Path, rows: object, complaint: str) -> None:
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps(rows))
    with pytest.raises(UserError, match=complaint):
        read_rows(path)


def test_rows_come_from_json_and_from_json_lines_and_ignore_what_others_added(tmp_path: Path) -> None:
    row = {"image": "a.png", "prompt": "a cat", "eligen_entity_prompts": ["cat"], "eligen_entity_masks": ["m.png"]}
    (tmp_path / "metadata.json").write_text(json.dumps([row | {"seed": 1}]))
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    assert read_rows(tmp_path / "metadata.json") == read_rows(tmp_path / "metadata.jsonl")


@pytest.mark.parametrize(
    ("width", "height", "fitted"),
    [(64, 64, (64, 64)), (640, 640, (64, 64)), (40, 56, (48, 64)), (200, 50, (128, 32)), (900, 3, (896, 16))],
)
def test_pictures_are_reduced_to_whole_tokens_of_nearly_their_aspect(
    width: int, height: int, fitted: tuple[int, int]
) -> None:
    assert SIZES.fitted(width, height) == fitted


def test_what_is_kept_is_what_the_painter_would_use(
    annotated: AnnotatedPictures, pictures: Path, tiny_model_dir: Path
) -> None:
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir)
    row = read_rows(pictures / "metadata.json")[1]
    image = Image.open(pictures / row.image)
    rng, batches = random.Random(0), []
    while not batches or batches[-1].text.sum() != pipe.embed(row.prompt, 24).bfloat16().float().sum():
        batches.append(annotated.batch(1, rng))
        assert len(batches) < 200
    found = batches[-1]
    assert_close(pack(found.latents), pipe.image_latents(image, 64, 64), rtol=0, atol=2e-3)
    assert_close(found.pooled, pipe.embed_pooled(row.prompt), rtol=0, atol=2e-2)
    assert_close(found.entities, pipe.embed_each(row.eligen_entity_prompts, 8), rtol=0, atol=2e-2)
    masks = row.masks(pictures, 64, 64)
    told = pipe.conditioning(
        *pipe.embed_both(row.prompt, None, None, 24), 64, 64, pipe.embed_each(row.eligen_entity_prompts, 8), masks
    )
    assert torch.equal(found.regions.attention_mask, told.regions.attention_mask)
    assert_close(found.states, told.text, rtol=0, atol=2e-2)


def test_every_picture_comes_up_and_batches_hold_one_shape(annotated: AnnotatedPictures) -> None:
    rng = random.Random(1)
    batches = [annotated.batch(2, rng) for _ in range(60)]
    assert len({batch.latents[0].sum().item() for batch in batches}) > 6
    assert (16, 6, 10) in {tuple(batch.latents.shape[1:]) for batch in batches}
    for batch in batches:
        assert len(batch.latents) == len(batch.text) == len(batch.cells) == 2
        assert batch.entities.shape[1] == batch.cells.shape[1] > 0
        assert batch.cells.flatten(2).any(2).all()


def test_nothing_is_encoded_twice_and_changes_are_noticed(
    annotated: AnnotatedPictures, pictures: Path, tiny_model_dir: Path
) -> None:
    kept = {path: path.stat().st_mtime_ns for path in annotated.silent.parent.iterdir()}
    again = AnnotatedPictures(pictures / "metadata.json", tiny_model_dir, annotated.silent.parent, SIZES)
    again.encode(CPU, torch.float32)
    assert {path: path.stat().st_mtime_ns for path in annotated.silent.parent.iterdir()} == kept
    longer = AnnotatedPictures(pictures / "metadata.json", tiny_model_dir, annotated.silent.parent, Sizes(64, 25, 8))
    assert not {longer.silent, *longer.files} & kept.keys()


def test_drawn_scenes_fill_the_same_batches(drawn: Path, tiny_model_dir: Path) -> None:
    source, rng = DrawnScenes(drawn, tiny_model_dir, "cpu"), random.Random(0)
    batch, silent = source.batch(3, rng), source.batch(3, rng, silent=True)
    count = batch.cells.shape[1]
    length = batch.states.shape[1]
    assert silent.states.shape[1] < 8  # pads are merged
    assert batch.bias.exp().sum() == pytest.approx(16 * count + 64)
    assert batch.regions.attention_mask.shape[-1] == length + 16
    assert silent.regions.text_lengths == (silent.states.shape[1],)
    assert silent.bias.exp().sum() == pytest.approx(64)


def test_merged_pads_teach_the_same(drawn: Path, tiny_model_dir: Path) -> None:
    source, model = DrawnScenes(drawn, tiny_model_dir, "cpu"), load_base(tiny_model_dir, "float32")
    latents, _ = source.pick(2, random.Random(0))
    short = source.captioned(latents, ["cat", ""])
    long = without_entities(latents, *source.encoders.text(["cat", ""]))
    assert short.states.shape[1] < long.states.shape[1] == 64
    losses = []
    with regional_attention(model), torch.no_grad():
        for batch in (short, long):
            torch.manual_seed(0)
            losses.append(flow_loss(model, batch, guidance=1.0).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_silent_batches_have_neither_words_nor_entities(annotated: AnnotatedPictures, tiny_model_dir: Path) -> None:
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir)
    silent = annotated.batch(2, random.Random(0), silent=True)
    assert silent.regions is None
    assert_close(silent.states, pipe.embed("", 24).expand(2, -1, -1), rtol=0, atol=2e-2)


def repeated(model: torch.nn.Module, batch: Batch, steps: int = 3) -> list[float]:
    """Return the losses of some optimizer steps on one batch with the same noise."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    with regional_attention(model):
        for _ in range(steps + 1):
            torch.manual_seed(0)
            loss = flow_loss(model, batch, guidance=1.0)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses


def test_the_loss_falls_on_a_repeated_batch(annotated: AnnotatedPictures, tiny_model_dir: Path) -> None:
    model = load_base(tiny_model_dir, "float32")
    add_lora(model, None)
    losses = repeated(model, annotated.batch(2, random.Random(0)))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.98 * losses[0]


def test_checkpointing_changes_no_gradient(annotated: AnnotatedPictures, tiny_model_dir: Path) -> None:
    batch, gradients = annotated.batch(2, random.Random(0)), []
    for checkpointing in (False, True):
        model = load_base(tiny_model_dir, "float32")
        torch.manual_seed(0)
        trained = add_lora(model, None)
        if checkpointing:
            model.enable_gradient_checkpointing()
        with regional_attention(model):
            flow_loss(model, batch, guidance=1.0).backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in trained]))
    assert gradients[0].any()
    assert_close(gradients[0], gradients[1])


def test_the_reference_trains_on_a_thousand_shifted_levels_under_a_bell() -> None:
    torch.manual_seed(0)
    levels, weights = reference(20_000, CPU)
    assert levels.median().item() == pytest.approx(0.75, abs=0.01)  # the middle of a schedule shifted by 3
    assert weights.mean().item() == pytest.approx(1, abs=0.02)
    assert levels[weights.argmax()].item() == pytest.approx(0.5, abs=0.01)
    assert weights.min().item() == pytest.approx(0, abs=1e-3)


def trained_modules(transformer: torch.nn.Module) -> set[str]:
    return {name for name, _ in transformer.named_modules() if re.fullmatch(MODULES, name)}


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # of norms in float32 under autocast
@pytest.mark.parametrize("kind", ["annotated", "drawn"])
def test_training_ends_in_a_lora_that_matches_every_module(
    kind: str, pictures: Path, drawn: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "lora.safetensors"
    options = ["--steps", "3", "--batch", "4", "--warmup", "1", "--lora", file, "--runs", tmp_path, "--device", "cpu"]
    options += ["--model", tiny_model_dir, "--fresh"]
    if kind == "annotated":
        options += ["--data", pictures, "--cache", tmp_path, "--size", "64", "--text-length", "24"]
        options += ["--accumulate", "2", "--times", "reference", "--checkpointing", "--dtype", "bfloat16"]
    else:
        options += ["--data", drawn]
    train_eligen_lora.main([*map(str, options)])
    pipe = FluxEliGenPipeline.from_pretrained(tiny_model_dir)
    adapted = loras.adapt(*loras.read(file), pipe.transformer)
    assert adapted.keys() == trained_modules(pipe.transformer)
    assert {part.rank for part in adapted.values()} == {RANK}
    assert all(part.up.any() for part in adapted.values())
    pipe.load_lora_weights(file)
    assert pipe.get_list_adapters() == {"transformer": ["default_0"]}


def test_training_goes_on_from_a_file(tiny_model_dir: Path, tmp_path: Path) -> None:
    first, second = (load_base(tiny_model_dir, "float32") for _ in range(2))
    for parameter in add_lora(first, None):
        torch.nn.init.normal_(parameter)
    save_lora(first, tmp_path / "lora.safetensors")
    for ours, theirs in zip(add_lora(second, tmp_path / "lora.safetensors"), trainable(first), strict=True):
        assert_close(ours, theirs.bfloat16().float())


def trainable(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def test_a_lora_of_another_rank_is_refused(tiny_model_dir: Path) -> None:
    with pytest.raises(UserError, match="rank 4, not 32"):
        add_lora(load_base(tiny_model_dir, "float32"), tiny_model_dir / "eligen_lora.safetensors")


def test_the_documented_commands_are_understood() -> None:
    text = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8").replace("\\\n", "")
    commands = re.findall(r"-m training\.train_eligen_lora (.*)", text)
    assert len(commands) == 3
    for command in commands:
        train_eligen_lora.options().parse_args(shlex.split(command))


def test_a_batch_must_divide_among_processes(pictures: Path, tiny_model_dir: Path) -> None:
    with pytest.raises(SystemExit, match="a batch of 3 does not divide"):
        train_eligen_lora.main(["--data", str(pictures), "--device", "cpu", "--batch", "3", "--accumulate", "2"])


def test_two_processes_train_one_lora(pictures: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    options = ["--data", pictures, "--cache", tmp_path / "cache", "--size", "64", "--model", tiny_model_dir]
    options += ["--device", "cpu", "--batch", "2", "--steps", "2", "--lora", tmp_path / "lora.safetensors"]
    command = [*launcher, "-m", "training.train_eligen_lora", "--fresh", "--runs", tmp_path, *options]
    subprocess.run([*map(str, command)], check=True, capture_output=True, cwd=Path(__file__).parents[1])
    assert len(list((tmp_path / "cache").iterdir())) == 11
    tensors, _ = loras.read(tmp_path / "lora.safetensors")
    assert any(weight.any() for name, weight in tensors.items() if "lora_B" in name)
