"""A process that holds a session is killed at random moments: nothing that was finished is lost."""

from __future__ import annotations

import json
import multiprocessing
import random
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from crash_child import TALK, converse, opened

from eligen.assistant.pictures import mentioned
from eligen.assistant.session import Session
from eligen.assistant.turns import Turn

KILLS = 10
LONGEST = 0.15  # seconds of a turn before a kill
ROWS = ("session.sqlite", "checkpoints.sqlite")
FILES = {"lock", "pictures", *(f"{name}{suffix}" for name in ROWS for suffix in ("", "-wal", "-shm"))}
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["crash_child"])


def logged(log: Path) -> list[Turn]:
    """Return the turns that were reported as finished, but for a line cut short."""
    return [Turn.model_validate_json(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]


def wanted(session: Session) -> set[str]:
    """Return the files that the session's versions, turns and checkpoints need."""
    versions = session.history.versions
    found = {name for v in versions for name in (v.picture, v.mask, *(getattr(r, "image", None) for r in v.requests))}
    under_way = mentioned(json.dumps([session._thread.under_way, session._thread.writes], default=str))
    return (found - {None}).union(under_way, *(turn.attachments for turn in session.turns))


def busy(child: BaseProcess, log: Path, turns: int) -> bool:
    """Return whether a child lives that has yet to begin, or to report so many turns in all."""
    reported = log.with_suffix(".begun").exists() and log.read_text().count("\n") >= turns
    return child.is_alive() and not reported


@pytest.mark.parametrize("seed", [random.randrange(10**6)])
def test_kill_nine_at_random_moments_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int):
    chance = random.Random(seed)  # the seed is in the test's name
    log, home = tmp_path / "log", tmp_path / "home"
    monkeypatch.setenv("ELIGEN_HOME", str(home))
    log.touch()
    for _ in range(KILLS):
        child = PROCESSES.Process(target=converse, args=(home, log, chance.choice((0, 0.02))))
        log.with_suffix(".begun").unlink(missing_ok=True)
        turns = len(logged(log)) + chance.choice((0, 1, 2))
        child.start()
        while busy(child, log, turns):
            child.join(0.01)
        child.join(chance.uniform(0, LONGEST))
        child.kill()
        child.join()
        with opened() as session:
            finished = logged(log)
            assert list(session.turns[: len(finished)]) == finished
            assert len(session.turns) - len(finished) in (0, 1)  # killed between its end and its report
            log.write_text("".join(f"{turn.model_dump_json()}\n" for turn in session.turns))
            assert {path.name for path in session.folder.iterdir()} <= FILES
            assert {path.name for path in (session.folder / "pictures").iterdir()} == {
                f"{name}.png" for name in wanted(session)
            }
    converse(home, log)
    converse(tmp_path / "straight", tmp_path / "other")
    with opened() as session:
        assert [turn.user for turn in session.turns] == list(TALK)
        assert logged(log) == list(session.turns) == logged(tmp_path / "other")
        killed = session.history
    monkeypatch.setenv("ELIGEN_HOME", str(tmp_path / "straight"))
    with opened() as session:
        assert session.history == killed
