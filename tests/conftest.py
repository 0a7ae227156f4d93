"""Fixtures shared by the tests; torch is imported only by those that need a model."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the mini profile's form with random weights: the real classes, a LoRA, a vocabulary, a manifest."""
    from tiny_models import save_mini

    folder = tmp_path_factory.mktemp("tiny")
    save_mini(folder)
    return folder
