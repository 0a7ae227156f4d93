"""Long sessions on the mini models: whatever is edited, the rest of the picture stays, and little is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.sessions import hold
from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.session import Session
from eligen.tools.generation import Painter
from eligen.tools.measures import seam
from eligen.tools.profiles import get_profile

STEPS = 3  # what is kept, and what it costs, does not depend on how well is painted


def test_twenty_edits_leave_alone_what_they_do_not_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path))
    course = hold(Painter(profile=get_profile("mini")), None, turns=20, steps=STEPS, seed=0)
    assert len(course.seconds) == 21
    assert len(course.differences) >= 15
    assert set(course.differences) == {0}
    assert max(course.bytes[1:]) <= 20_000


def test_edits_leave_no_steeper_edges_than_there_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """At the steps that people paint with, on average over removing, moving and recolouring."""
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path))
    painter, before, after = Painter(profile=get_profile("mini")), list[float](), list[float]()
    for seed in range(2):
        with Session.open(f"s{seed}", planner=RulesPlanner(), painter=painter, seed=seed) as session:
            session.send("a red apple to the left of a blue car on a meadow")
            for text in ("remove the apple", "move the car a bit to the left", "make the car green"):
                old = Image.open(there(session.picture))
                mask = session.mask_of(session.send(text).version)
                edge = np.asarray(Image.open(there(mask))) > 0
                before.append(seam(old, edge))
                after.append(seam(Image.open(there(session.picture)), edge))
    assert np.mean(after) < 1.25 * np.mean(before), (before, after)


def there(path: Path | None) -> Path:
    assert path is not None
    return path
