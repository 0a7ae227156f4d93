"""A process that holds a session's conversation until it is killed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from scripted import Planner, Sketcher

from eligen.assistant.session import Session

TALK = (
    "a red cat and a blue dog",
    "make the cat green",
    "remove it",
    "the dog",
    "undo",
    "no, the dog",
    "add a tree",
    "thanks",
    "undo",
    "make the dog pink",
    "remove it",
    "add a tree",
    "redo",
    "remove the cat",
)


def converse(home: Path, log: Path, pause: float = 0.0) -> None:
    """Go on with the session `s` to the end of the talk; say in files that it begins and which turns are finished."""
    os.environ["ELIGEN_HOME"] = str(home)
    log.with_suffix(".begun").touch()
    painter = Sketcher(hook=lambda request: time.sleep(pause))
    with Session.open("s", planner=Planner(), painter=painter, size=(64, 64), seed=7) as session, log.open("a") as file:
        while len(session.turns) < len(TALK):
            turn = session.resume() or session.send(TALK[len(session.turns)])
            print(turn.model_dump_json(), file=file, flush=True)
