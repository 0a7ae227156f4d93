"""Long sessions on the mini models: whatever is edited, the rest of the picture stays, and little is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.sessions import hold
from eligen.tools.generation import Painter
from eligen.tools.profiles import get_profile

STEPS = 3  # what is kept, and what it costs, does not depend on how well is painted


def test_twenty_edits_leave_alone_what_they_do_not_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path))
    course = hold(Painter(profile=get_profile("mini")), None, turns=20, steps=STEPS, seed=0)
    assert len(course.seconds) == 21
    assert len(course.differences) >= 15
    assert set(course.differences) == {0}
    assert max(course.bytes[1:]) <= 20_000
