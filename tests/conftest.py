"""Fixtures shared by the tests; torch is imported only by those that need a model."""

import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the mini profile's form with random weights: the real classes, a LoRA, a vocabulary, a manifest."""
    from tiny_models import save_mini

    folder = tmp_path_factory.mktemp("tiny")
    save_mini(folder)
    return folder


@pytest.fixture(scope="session")
def drawn(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawn scenes as training.latents makes it."""
    from training import latents

    folder = tmp_path_factory.mktemp("drawn")
    options = ["--count", "8", "--batch", "8", "--size", "64", "--model", str(tiny_model_dir), "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["latents", str(folder), *options])
        latents.main()
    return folder
