"""A desk: what pages show of one session, and what their visitors may do with it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eligen.assistant.context import Context
from eligen.assistant.history import History
from eligen.assistant.plan import Edit, Plan
from eligen.assistant.session import Session
from eligen.assistant.studio.choices import Choices
from eligen.assistant.studio.engine import Engine
from eligen.assistant.studio.gestures import Drawn, Gesture, edits_of, mask_of, planned, told, tried
from eligen.assistant.studio.running import Work
from eligen.assistant.studio.shapes import Shapes
from eligen.assistant.studio.worker import Halted, Worker
from eligen.assistant.turns import Turn
from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Layout

if TYPE_CHECKING:
    import numpy as np


class Desk(Worker):
    """One session and what is done in it by hand: `drafts` are not painted yet, `hidden` boxes not shown.

    `seen` is the number of the last gesture that was obeyed.
    """

    def __init__(self, name: str, engines: Callable[[str], Engine], choices: Choices) -> None:
        super().__init__(name, engines, choices)
        self.drafts: list[Gesture] = []
        self.hidden: set[str] = set()
        self.seen = 0
        self.found = Shapes(self.changed)
        self._files: tempfile.TemporaryDirectory[str] | None = None

    # -- what there is

    @property
    def history(self) -> History:
        """All versions."""
        with self.held() as session:
            return session.history if session else History()

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All finished turns."""
        with self.held() as session:
            return session.turns if session else ()

    @property
    def layout(self) -> Layout | None:
        """The layout as it will be when everything done by hand is painted."""
        running, current = self.running, self.history.current
        if running and running.layout:
            layout, gestures = running.layout, list[Gesture]()
        elif current:
            layout, gestures = current.layout, list(running.work.gestures if running else ())
        else:
            return None
        gestures += [*(one for work in self.waiting for one in work.gestures), *self.drafts]
        return tried(layout, gestures, taken=self.history.ids)

    @property
    def size(self) -> tuple[int, int]:
        """The (width, height) in pixels of the current picture, or of the first one to come."""
        with self.held() as session:
            if session is not None:
                return session.settings.width, session.settings.height
        return self.choices.size or (self.engine.profile.width, self.engine.profile.height)

    @property
    def picture(self) -> Path | None:
        """The file of the current picture."""
        return self.picture_of(self.history.head)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self.running is None

    def picture_of(self, version: int) -> Path | None:
        """Return the file of a version's picture."""
        with self.held() as session:
            return session.picture_of(version) if session else None

    def attached(self, turn: Turn) -> list[Path]:
        """Return the files of the pictures that came with a message."""
        with self.held() as session:
            return [session.folder / "pictures" / f"{name}.png" for name in turn.attachments] if session else []

    def shapes(self) -> dict[str, np.ndarray]:
        """Return the true shapes of the current picture's things by their ids; none while they are being found."""
        current, picture = self.history.current, self.picture
        if current is None or picture is None or not self.engine.ready:
            return {}
        return self.found.of(current.id, picture, current.layout.entities, self.engine.finder)

    # -- what is to be done

    def send(self, text: str, attachments: Sequence[Path] = ()) -> None:
        """Have a message answered, after what is under way."""
        self.submit(Work(text=text, attachments=tuple(attachments), candidates=self.choices.candidates))

    def edit(self, said: str, edits: Callable[[Context], Sequence[Edit]], attachments: Sequence[Path] = ()) -> None:
        """Have edits made, which may name the attached files by the context's."""

        def ready(context: Context) -> Plan:
            return Plan(reply="Done.", edits=tuple(edits(context)))

        self.submit(Work(text=said, attachments=tuple(attachments), ready=ready, candidates=self.choices.candidates))

    def gesture(self, gesture: Gesture) -> None:
        """Do what was done on the canvas, each gesture once; it is painted at once or, if so chosen, by `paint`.

        UserError or ToolError when it cannot be done.
        """
        if gesture.n <= self.seen:
            return
        self.seen = gesture.n
        layout, picture = self.layout, self.picture
        if gesture.do in ("undo", "redo"):
            self._walk(Session.undo if gesture.do == "undo" else Session.redo)
        elif gesture.do == "point":
            if gesture.at and picture:
                self.found.pick(gesture.n, gesture.id, picture, gesture.at, self.engine.finder)
        elif layout is not None:
            mask = mask_of(gesture)
            edits_of(gesture, layout, drawn=Drawn("", mask[1]) if mask else None)
            self.drafts.append(gesture)
            self.changed()
            if self.choices.at_once:
                self.paint()

    def paint(self) -> None:
        """Paint what was done by hand."""
        drafts, current = tuple(self.drafts), self.history.current
        self.drafts.clear()
        if drafts and current is not None:
            said = ". ".join(told(gesture, current.layout) for gesture in drafts)
            files = tuple(file for gesture in drafts if (file := self._drawn(gesture)))
            self.submit(Work(text=said, attachments=files, ready=partial(planned, drafts), gestures=drafts))

    def discard(self) -> None:
        """Forget what was done by hand and not painted."""
        self.drafts.clear()
        self.changed()

    def again(self, halted: Halted) -> None:
        """Send what was halted again."""
        self.halted.remove(halted)
        self.submit(halted.work)

    def forget(self, halted: Halted) -> None:
        """Let what was halted go."""
        self.halted.remove(halted)
        self.changed()

    def repaint(self, seed: int) -> None:
        """Paint the current version again with another seed, beside it."""
        if head := self.history.head:
            self.submit(Work(text=f"Again, with seed {seed}", repaint=(head, seed)))

    def goto(self, version: int) -> None:
        """Go to a version."""
        self._walk(lambda session: session.goto(version))

    def choose(self, **changed: Any) -> None:
        """Work with other choices from the next turn on; ValidationError when one cannot be."""
        with self.guard:
            self.choices = Choices.model_validate(dict(self.choices) | changed)
            self.changed()
        if "profile" in changed:
            self.engine.start()

    def lock(self, entity_id: str) -> None:
        """Keep a thing from being changed, or let it be changed again."""
        self.locked ^= {entity_id}
        self.changed()

    def hide(self, entity_id: str) -> None:
        """Hide a thing's box on the canvas, or show it again."""
        self.hidden ^= {entity_id}
        self.changed()

    def keep(self, name: str, content: bytes) -> Path:
        """Return a file with this content that lasts as long as the desk; UserError when it is no picture."""
        file = self._file(Path(name).suffix[:8])
        file.write_bytes(content)
        open_image(file)
        return file

    def close(self) -> None:
        """Let go of the session and of the files that are in no session."""
        super().close()
        if self._files is not None:
            self._files.cleanup()

    def _walk(self, walk: Callable[[Session], object]) -> None:
        """Go to another version, unless a turn is under way."""
        with self.held() as session:
            if session is not None and self.idle:
                walk(session)
                self.drafts.clear()
                self.changed()

    def _drawn(self, gesture: Gesture) -> Path | None:
        """Return a file of the shape that a gesture drew."""
        if (drawn := mask_of(gesture)) is None:
            return None
        file = self._file(".png")
        drawn[0].save(file)
        return file

    def _file(self, suffix: str) -> Path:
        with self.guard:
            if self._files is None:
                self._files = tempfile.TemporaryDirectory(prefix="eligen-")
        return Path(self._files.name) / f"{secrets.token_hex(8)}{suffix}"
