"""A process that holds a session's conversation until it is killed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from PIL import Image
from scripted import Eye, Planner, Sketcher

from eligen.assistant.session import Session

PHOTO = ""  # a message that only brings a picture
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
    PHOTO,
    "undo",
    "remove the cat",
)


def opened(pause: float = 0.0) -> Session:
    """Open the session `s`, whose painter pauses at every step."""
    painter = Sketcher(hook=lambda request: time.sleep(pause))
    return Session.open("s", planner=Planner(), painter=painter, eye=Eye(), critic=False, size=(64, 64), seed=7)


def converse(home: Path, log: Path, pause: float = 0.0) -> None:
    """Go on with the session `s` to the end of the talk; say in files that it begins and which turns are finished."""
    os.environ["ELIGEN_HOME"] = str(home)
    log.with_suffix(".begun").touch()
    photo = home.with_suffix(".png")
    Image.new("RGB", (90, 90), "orange").save(photo)
    with opened(pause) as session, log.open("a") as file:
        while len(session.turns) < len(TALK):
            text = TALK[len(session.turns)]
            turn = session.resume() or session.send(text, [photo] if text == PHOTO else [])
            print(turn.model_dump_json(), file=file, flush=True)
