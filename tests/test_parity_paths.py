"""The golden cases with entities, by each way to compute regional attention, at the same tolerances."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from parity import Case, cases

from eligen.tools import regions

COSTLY = "den_cfg3"  # FlexAttention is traced anew for every run on a CPU: one denoising stands for all


def held() -> Iterator[Any]:
    """Yield each way with each case that has entities; FlexAttention with the forward passes and one denoising."""
    for case in cases():
        config = json.loads((case / "case.json").read_text())
        for way in ("dense", "split", "flex") if config["num_entities"] else ():
            if way != "flex" or config["kind"] == "forward" or case.name == COSTLY:
                yield pytest.param(case, way, id=f"{case.name}-{way}")


@pytest.mark.parametrize(("path", "way"), list(held()))
def test_each_way_holds_the_tolerances(path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(regions.VARIABLE, way)
    case = Case(path)
    told = case.conditioning().regions
    assert told is not None
    assert told.path == way
    torch._dynamo.reset()  # it gives up on a function that it has traced for many shapes
    case.check_all()
