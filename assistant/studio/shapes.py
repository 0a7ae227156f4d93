"""The true shapes of what versions show, found in the background while pages wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eligen.assistant.cutouts import Finder
from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Entity

if TYPE_CHECKING:
    import numpy as np

MOST = 8  # versions whose shapes are kept


@dataclass(frozen=True, eq=False)
class Found:
    """A shape that was picked on the picture, for the gesture of that number; `id` is the thing it is for."""

    n: int
    id: str | None
    mask: np.ndarray


class Shapes:
    """Shapes by version; `changed` is called whenever some were found."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.picked: Found | None = None
        self._changed = changed
        self._guard = threading.Lock()
        self._known: dict[int, dict[str, np.ndarray] | None] = {}

    def of(self, version: int, picture: Path, entities: Sequence[Entity], finder: Finder) -> dict[str, np.ndarray]:
        """Return the shapes of a version's things by their ids; none while they are being found."""
        with self._guard:
            if version not in self._known:
                self._known[version] = None
                for old in list(self._known)[:-MOST]:
                    del self._known[old]
                threading.Thread(target=self._look, args=(version, picture, entities, finder), daemon=True).start()
            return self._known[version] or {}

    def pick(self, n: int, entity_id: str | None, picture: Path, at: tuple[float, float], finder: Finder) -> None:
        """Find the shape at a point, for the gesture of that number."""

        def look() -> None:
            if found := finder.at_point(open_image(picture), *at):
                self.picked = Found(n, entity_id, found[0])
            self._changed()

        threading.Thread(target=look, daemon=True).start()

    def _look(self, version: int, picture: Path, entities: Sequence[Entity], finder: Finder) -> None:
        found = finder.shapes(open_image(picture), entities)
        with self._guard:
            self._known[version] = found
        self._changed()
