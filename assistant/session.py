"""A conversation about one picture: messages in, turns out, every version kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from eligen.assistant import messages
from eligen.assistant.agents.critic import RETRIES, Eye
from eligen.assistant.agents.painter import Paints
from eligen.assistant.agents.planner import continued
from eligen.assistant.archive import export_session
from eligen.assistant.checkpoints import checkpointer
from eligen.assistant.context import Planner
from eligen.assistant.graph import build_graph
from eligen.assistant.history import History, Version
from eligen.assistant.opening import fresh_name, settled
from eligen.assistant.plan import Question
from eligen.assistant.routing import Settings
from eligen.assistant.state import Progress
from eligen.assistant.store import Store, session_folder, writing
from eligen.assistant.thread import Thread
from eligen.assistant.turns import Turn
from eligen.tools.errors import EligenError, UserError
from eligen.tools.layout import Layout
from eligen.tools.presets import PresetName
from eligen.tools.profiles import DEFAULT_PROFILE
from eligen.tools.requests import Lora


class Session:
    """An open session; `Session.open` makes one. Every finished turn is on the disk when it is returned.

    What is in `locked` no message may change; it holds the ids of entities, for as long as the session is open.
    """

    def __init__(self, store: Store, settings: Settings, thread: Thread, stack: ExitStack) -> None:
        self.locked: frozenset[str] = frozenset()
        self._store, self._settings, self._thread, self._stack = store, settings, thread, stack

    @classmethod
    def open(
        cls,
        name: str | None = None,
        *,
        planner: Planner,
        painter: Paints,
        eye: Eye | None = None,
        profile: str = DEFAULT_PROFILE,
        size: tuple[int, int] | None = None,
        seed: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        preset: PresetName | None = None,
        loras: tuple[Lora, ...] | None = None,
        critic: bool = True,
        retries: int = RETRIES,
        approve: bool = False,
        checkpoints: str | None = None,
    ) -> Self:
        """Open a session, a new one where there is none of that name; None makes up a name.

        `size` is (width, height) in pixels, by default the profile's; a session keeps its size, and its seed, steps,
        guidance, preset and LoRAs unless others are given; a picture that is attached to be changed has its own size.
        With an `eye`, attached pictures are understood and, with `critic`, painted ones judged; what failed is painted
        again, at most `retries` times. With `approve` every plan that paints is put to the user first. `checkpoints` is
        a Postgres URL, by default ELIGEN_CHECKPOINTS, else SQLite in the session's folder.
        Raises UserError when the session is open elsewhere, damaged, or of another size.
        """
        with ExitStack() as stack:
            store = stack.enter_context(Store(session_folder(name or fresh_name())))
            given = {"seed": seed, "steps": steps, "guidance": guidance, "preset": preset, "loras": loras}
            settings = settled(store, size=size, profile=profile, **given)
            saver = stack.enter_context(checkpointer(store.folder, checkpoints))
            rules: Any = {"critic": critic, "retries": retries, "approve": approve}
            graph = build_graph(planner=planner, painter=painter, eye=eye, store=store, settings=settings, **rules)
            thread = Thread(graph.compile(checkpointer=saver), saver, store.fact("thread") or "")
            session = cls(store, settings, thread, stack)
            session._tidy()
            session._stack = stack.pop_all()
            return session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the session's files; what was finished stays."""
        self._stack.close()

    @property
    def name(self) -> str:
        """The session's name."""
        return self.folder.name

    @property
    def folder(self) -> Path:
        """The folder it lies in."""
        return self._store.folder

    @property
    def settings(self) -> Settings:
        """What the next picture is painted with; size and seed are the current picture's."""
        return continued(self._settings, self.history, self._store.pictures)

    @property
    def history(self) -> History:
        """All versions, and which one is current."""
        return self._store.history

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All finished turns; one that asks is finished too."""
        return self._store.turns

    @property
    def layout(self) -> Layout | None:
        """The current version's layout."""
        return self.history.current.layout if self.history.current else None

    @property
    def picture(self) -> Path | None:
        """The file of the current version's picture."""
        return self.picture_of(self.history.head)

    @property
    def question(self) -> Question | None:
        """The question that the next message answers."""
        return self.turns[-1].question if self.turns else None

    @property
    def unfinished(self) -> str | None:
        """The message of a turn that was cut off, by a killed process for one; `resume` finishes it."""
        message = self._thread.answered or self._thread.under_way
        return str(message["text"]) if message and not self._thread.waits else None

    def picture_of(self, version: int) -> Path | None:
        """Return the file of a version's picture, None where it has none."""
        return self._file(self.history.versions[version - 1].picture if version else None)

    def mask_of(self, version: int) -> Path | None:
        """Return the file of where a version was repainted, None where it was painted as a whole or not at all."""
        return self._file(self.history.versions[version - 1].mask if version else None)

    def send(self, text: str, attachments: Sequence[Path] = ()) -> Turn:
        """Answer a message, with image files if need be, and return the turn; UserError when it cannot be used."""
        *_, turn = self.stream(text, attachments)
        assert isinstance(turn, Turn)
        return turn

    def answer(self, text: str, attachments: Sequence[Path] = ()) -> Turn:
        """Answer the open question and return the turn; UserError when none is open."""
        if self.question is None:
            raise UserError("there is no open question")
        return self.send(text, attachments)

    def stream(self, text: str, attachments: Sequence[Path] = ()) -> Iterator[Progress | Turn]:
        """Answer a message as `send` does, yielding progress and at the end the turn.

        A turn that was cut off before is given up, as is this one when the iterator is closed.
        """
        said = messages.checked(text, attachments)
        if self.unfinished is not None:
            self._forget()
        pictures = messages.kept(self._store.pictures, attachments)
        yield from self._run({"text": said, "attachments": pictures, "locked": sorted(self.locked)})

    def vary(self, version: int, seed: int) -> Iterator[Progress | Turn]:
        """Paint a version once more with another seed, as another version of its parent; yield as `stream` does.

        What varies a variation varies what that varied. A question that is open is dropped. UserError when the version
        was not painted.
        """
        versions = self.history.versions
        if not 1 <= version <= len(versions) or not versions[version - 1].requests:
            raise UserError(f"version {version} was not painted, so it cannot be painted again")
        self._forget()
        root = next((turn.varied for turn in self.turns if turn.painted and turn.version == version), 0) or version
        told = {"text": f"Again, with seed {seed}", "varied": root, "seed": seed}
        yield from self._run(told | {"locked": sorted(self.locked)})

    def resume(self) -> Turn | None:
        """Finish the turn that was cut off and return it, None when there is none."""
        if self.unfinished is None:
            return None
        *_, turn = self.stream_rest()
        assert isinstance(turn, Turn)
        return turn

    def stream_rest(self) -> Iterator[Progress | Turn]:
        """Finish the turn that was cut off, yielding as `stream` does; UserError when there is none."""
        if self.unfinished is None:
            raise UserError("no turn was cut off")
        yield from self._run(None)

    def undo(self, steps: int = 1) -> Version | None:
        """Go back so many versions; return the one that is current then. ToolError when there is nothing to undo."""
        return self._moved(self.history.undo(steps))

    def redo(self, steps: int = 1) -> Version | None:
        """Go forward so many undone versions; return the current one. ToolError when there is nothing to redo."""
        return self._moved(self.history.redo(steps))

    def goto(self, version: int) -> Version | None:
        """Go to any version, 0 being before the first; return it. ToolError when there is none of that number."""
        return self._moved(self.history.goto(version))

    def export(self, path: Path) -> None:
        """Write the session into a .zip; UserError when it cannot be written."""
        export_session(self._store, path)

    def _file(self, picture: str | None) -> Path | None:
        return self._store.pictures.path(picture) if picture else None

    def _moved(self, history: History) -> Version | None:
        self._store.record(history)
        return history.current

    def _run(self, message: dict[str, Any] | None) -> Iterator[Progress | Turn]:
        """Run the graph to the end of a turn, or to its question; a turn that cannot be done leaves no trace."""
        try:
            with writing(self.folder):
                yield from self._thread.run(message)
        except (EligenError, GeneratorExit):
            self._forget()
            raise
        yield self.turns[-1]

    def _tidy(self) -> None:
        """Delete what a killed process left: the checkpoints of a turn that was finished, and pictures nobody wants."""
        state = self._thread.under_way
        finished = 0 < state.get("turn", 0) <= len(self.turns) and not self._thread.waits
        if finished or not state:
            self._forget()
        else:
            self._store.sweep(json.dumps([state, self._thread.writes], default=str))

    def _forget(self) -> None:
        """Give up the turn that is under way."""
        with writing(self.folder):
            self._thread.forget()
        self._store.sweep()
