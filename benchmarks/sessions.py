"""What does a session cost? python -m benchmarks.sessions [--sessions N] [--turns N] [--profile P] [--steps N]

Scripted sessions through all that a conversation goes through: the graph's nodes, the painter, rows on the disk. For
every session: how long a turn takes and how much of it is not painting, the most that a turn adds on the disk beside
its pictures, the largest difference of a pixel outside the turns' masks (must be 0), how visible the edges of what was
repainted are (1 is as before), how long it takes to open the session again, and how many entities an independent eye
recognises after the first turn and after the last.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from statistics import mean
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.edits import Script, nouns_of, recognised
from benchmarks.eye import STEPS, Eye, trained
from eligen.assistant.context import Context
from eligen.assistant.plan import Plan
from eligen.assistant.routing import steps as steps_of
from eligen.assistant.session import Session
from eligen.tools.generation import OnStep, Painted, Painter
from eligen.tools.measures import difference_outside, seam
from eligen.tools.profiles import DEFAULT_PROFILE, PROFILES, get_profile
from eligen.tools.requests import GenerateRequest
from eligen.tools.userfolder import HOME_VARIABLE
from training.scenes import World


class ScriptedPlanner:
    """Plans what a script says, whatever the message."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def plan(self, text: str, context: Context) -> Plan:
        """Return the plan of the next edit."""
        layout = context.layout
        edit = self.script.opening() if layout is None else self.script.edit(layout, len(context.layouts) - 1)
        return Plan(reply=f"{edit.op}.", edits=(edit,))


class Timed:
    """A painter that adds up how long it paints."""

    def __init__(self, painter: Painter) -> None:
        self.painter, self.seconds = painter, 0.0

    def paint(self, request: GenerateRequest, *, on_step: OnStep | None = None) -> Painted:
        """Paint as the painter does."""
        start = perf_counter()
        painted = self.painter.paint(request, on_step=on_step)
        self.seconds += perf_counter() - start
        return painted


@dataclass
class Course:
    """What was measured of one session, a number a turn; of entities, what an eye recognises.

    At `first`, at `last`, and where the last layout is painted `anew`, at once.
    """

    seconds: list[float] = field(default_factory=list)
    painting: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    differences: list[int] = field(default_factory=list)
    seams: list[float] = field(default_factory=list)
    first: list[bool] = field(default_factory=list)
    last: list[bool] = field(default_factory=list)
    anew: list[bool] = field(default_factory=list)
    reopening: float = 0.0

    def __str__(self) -> str:
        rest = mean(whole - painted for whole, painted in zip(self.seconds, self.painting, strict=True))
        return (
            f"{len(self.seconds):<6} {mean(self.seconds):<14.2f} {rest:<12.3f} {max(self.bytes[1:]):<17} "
            f"{max(self.differences):<8} {mean(self.seams):<5.2f} {self.reopening:<10.3f} "
            f"{sum(self.first)} of {len(self.first)}, {sum(self.last)} of {len(self.last)}, {sum(self.anew)} anew"
        )


def hold(painter: Painter, eye: Eye | None, *, turns: int, steps: int | None, seed: int) -> Course:
    """Hold a session of so many turns and return what was measured; without an eye nothing is recognised."""
    course, timed, nouns = Course(), Timed(painter), list(painter.vocabulary.nouns) if painter.vocabulary else []
    settings: dict[str, Any] = {
        "planner": ScriptedPlanner(Script(nouns_of(painter), seed)),
        "painter": timed,
        "profile": painter.profile.name,
        "seed": seed,
        "steps": steps,
    }
    with Session.open(f"bench-{seed}", **settings) as session:
        for number in range(turns + 1):
            _turn(session, timed, course)
            if eye and number in (0, turns) and session.picture and session.layout:
                seen = recognised(eye, nouns, Image.open(session.picture), session.layout)
                course.first, course.last = (seen, seen) if number == 0 else (course.first, seen)
        if eye and session.layout:
            (step, *_) = steps_of(None, session.layout, (), picture=None, settings=session.settings)
            course.anew = recognised(eye, nouns, painter.paint(step.request).image, session.layout)
    start = perf_counter()
    Session.open(f"bench-{seed}", **settings).close()
    course.reopening = perf_counter() - start
    return course


def _turn(session: Session, timed: Timed, course: Course) -> None:
    """Send a message and measure what it does."""
    before, size, painting, start = session.picture, size_of(session), timed.seconds, perf_counter()
    turn = session.send("go on")
    course.seconds.append(perf_counter() - start)
    course.painting.append(timed.seconds - painting)
    course.bytes.append(size_of(session) - size)
    mask = session.mask_of(turn.version) if turn.painted else None
    if before and session.picture and mask:
        repainted = np.asarray(Image.open(mask)) > 0
        old, new = Image.open(before), Image.open(session.picture)
        course.differences.append(difference_outside(old, new, repainted))
        was, now = seam(old, repainted), seam(new, repainted)
        if was and now:
            course.seams.append(now / was)


def size_of(session: Session) -> int:
    """Return the bytes of a session's files but its pictures."""
    return sum(path.stat().st_size for path in session.folder.iterdir() if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default=DEFAULT_PROFILE, choices=PROFILES)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--eye-steps", type=int, default=STEPS, help="how long the eye was or is trained")
    options = parser.parse_args()
    painter = Painter(profile=get_profile(options.profile))
    assert painter.vocabulary is not None, "sessions are scripted in a vocabulary's nouns"
    eye = trained(World(), len(painter.vocabulary.nouns), painter.profile.width, options.eye_steps)
    print("session  turns  seconds a turn  not painting  most bytes a turn  outside  seam  reopening  recognised")
    courses: list[Course] = []
    with TemporaryDirectory() as folder:
        os.environ[HOME_VARIABLE] = folder
        for seed in range(options.sessions):
            courses.append(hold(painter, eye, turns=options.turns, steps=options.steps, seed=seed))
            print(f"{seed:<8} {courses[-1]}", flush=True)
    first, last, anew = ([ok for c in courses for ok in getattr(c, name)] for name in ("first", "last", "anew"))
    print(
        f"recognised at first {100 * mean(first):.0f} %, at last {100 * mean(last):.0f} %, "
        f"in the last layouts painted at once {100 * mean(anew):.0f} %"
    )


if __name__ == "__main__":
    main()
