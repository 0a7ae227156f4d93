"""The IP-Adapter trains on scenes whose words are silent about their style; what it saves is read by the painter."""

import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel

from eligen.tools.ip_adapter import load_ip_adapter
from training import styles, train_ip_adapter
from training.lora_training import load_base
from training.scenes import World
from training.train_ip_adapter import References, StyledScenes, new_adapter, tell_apart

TOWER = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def model(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all that training reads, with a CLIP pair of random weights."""
    folder = tmp_path_factory.mktemp("model")
    for path in tiny_model_dir.iterdir():
        (folder / path.name).symlink_to(path)
    torch.manual_seed(0)
    text, vision = {**TOWER, "vocab_size": 60, "max_position_embeddings": 16}, {**TOWER, "image_size": 32}
    CLIPModel(CLIPConfig(text_config=text, vision_config={**vision, "patch_size": 8})).save_pretrained(folder / "clip")
    return folder


def clusters(each: int = 20) -> References:
    """Embeddings in as many heaps as there are styles, far from 0 and of unequal spread."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(len(styles.NAMES)).repeat(each)
    middles = torch.randn(len(styles.NAMES), 12, generator=generator)
    embeds = middles[labels] + 0.1 * torch.randn(len(labels), 12, generator=generator)
    return References(embeds * torch.logspace(-2, 2, 12) + 50, labels)


def test_styles_are_those_of_the_scenes(drawn: Path, model: Path) -> None:
    scenes = StyledScenes(drawn, model, World())
    batch, wanted = scenes.batch(5, random.Random(0))
    assert len(wanted) == len(batch.latents) == 5
    assert batch.cells.shape[1] >= 1
    for (things, style), places in scenes.places.items():
        for shard, row in places:
            stored = scenes.pool.rows[shard][row]
            assert (len(stored["things"]), stored["style"]) == (things, styles.NAMES[style])


def test_references_are_of_the_wanted_styles() -> None:
    references, wanted = clusters(), [3, 0, 3, 9]
    picked = references.pick(wanted, random.Random(0))
    for one, style in zip(picked, wanted, strict=True):
        assert any(torch.equal(one, other) for other in references.embeds[references.labels == style])


def test_a_new_adapter_changes_nothing_and_learns_to_tell_styles_apart(model: Path) -> None:
    torch.manual_seed(2)
    references = clusters()
    adapter = new_adapter(load_base(model, "float32"), references)
    keys, values = adapter(references.embeds[:2, None])[0]
    assert not values.any()
    assert keys.isfinite().all()
    hidden = adapter.image_proj.proj[0](references.embeds)
    assert hidden.std(0).max() < 10 * hidden.std(0).min(), "no number of an embedding drowns the others"
    assert tell_apart(adapter.image_proj, references, steps=60) > 0.95


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # of norms in float32 under autocast
def test_what_is_trained_is_what_the_painter_reads(drawn: Path, model: Path, tmp_path: Path) -> None:
    path, runs = tmp_path / "ip_adapter.safetensors", tmp_path / "runs"
    command = ["--model", str(model), "--data", str(drawn), "--runs", str(runs), "--adapter", str(path)]
    command += ["--references", "1", "--lessons", "2", "--batch", "2", "--device", "cpu"]
    train_ip_adapter.main([*command, "--steps", "2"])
    base = load_base(model, "float32")
    adapter = load_ip_adapter(path, base)
    assert any(value.any() for _, value in adapter(torch.ones(1, 1, adapter.image_proj.proj[0].in_features)))
    first, kept = load_file(path), list(runs.glob("references-*"))
    train_ip_adapter.main([*command, "--steps", "1"])
    assert list(runs.glob("references-*")) == kept
    goes_on = load_file(path)
    assert all((goes_on[name] - weight).abs().max() < 0.02 for name, weight in first.items())
    assert path.stat().st_size < 1_400_000
