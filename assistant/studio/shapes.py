"""The true shapes of what versions show, found in the background while pages wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eligen.assistant.cutouts import Finder
from eligen.tools.errors import EligenError
from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Entity

if TYPE_CHECKING:
    import numpy as np

MOST = 8  # versions whose shapes are kept
REST = 30.0  # seconds before what failed is tried again: every page that is drawn asks


@dataclass(frozen=True, eq=False)
class Found:
    """A shape that was picked on the picture, for the gesture of that number; `id` is the thing it is for."""

    n: int
    id: str | None
    mask: np.ndarray


class Shapes:
    """Shapes by version; `changed` is called whenever some were found, or could not be, as `failures` tell."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.picked: Found | None = None
        self.failures: list[str] = []
        self._changed = changed
        self._guard = threading.Lock()
        self._known: dict[int, dict[str, np.ndarray] | None] = {}
        self._rests: dict[int, float] = {}

    def of(self, version: int, picture: Path, entities: Sequence[Entity], finder: Finder) -> dict[str, np.ndarray]:
        """Return the shapes of a version's things by their ids; none while they are being found."""
        with self._guard:
            if version not in self._known and time.monotonic() >= self._rests.get(version, 0.0):
                self._known[version] = None
                for old in list(self._known)[:-MOST]:
                    del self._known[old]
                threading.Thread(target=self._look, args=(version, picture, entities, finder), daemon=True).start()
            return self._known.get(version) or {}

    def pick(self, n: int, entity_id: str | None, picture: Path, at: tuple[float, float], finder: Finder) -> None:
        """Find the shape at a point, for the gesture of that number."""

        def look() -> None:
            with self._told():
                if found := finder.at_point(open_image(picture), *at):
                    self.picked = Found(n, entity_id, found[0])

        threading.Thread(target=look, daemon=True).start()

    def _look(self, version: int, picture: Path, entities: Sequence[Entity], finder: Finder) -> None:
        with self._told():
            try:
                found = finder.shapes(open_image(picture), entities)
            except EligenError:
                with self._guard:
                    self._known.pop(version, None)
                    self._rests[version] = time.monotonic() + REST
                raise
            with self._guard:
                self._known[version] = found

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Note why shapes could not be found, and have pages drawn again."""
        try:
            yield
        except EligenError as error:
            self.failures.append(str(error))
        self._changed()
