"""What evaluators are given and what they answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from pydantic import Field

from eligen.assistant.evaluation.played import Played
from eligen.assistant.evaluation.scenarios import Scenario
from eligen.tools.layout import Value
from eligen.tools.profiles import Profile

if TYPE_CHECKING:
    from PIL import Image

    from eligen.assistant.evaluation.witness import Seen, Witness


class Score(Value):
    """A measure of a case, or of one of its turns. No `value` means that it could not be measured: `why` says so.

    A case whose `decides` scores are all 1 is right. `why` is also what is wrong.
    """

    measure: str
    value: float | None = None
    turn: int | None = Field(default=None, ge=1)
    better: Literal["higher", "lower"] = "higher"
    share: bool = True
    decides: bool = False
    why: str = ""


@dataclass(frozen=True, eq=False)
class Course:
    """A played scenario with its pictures, by their hashes as PNG files' contents."""

    scenario: Scenario
    played: Played
    profile: Profile
    files: Mapping[str, bytes]
    _seen: dict[int, list[Seen]] = field(default_factory=dict)

    def picture(self, turn: int) -> Image.Image | None:
        """Return the picture after a turn counted from 1, None where there is none."""
        return self.image(self.played.turns[turn - 1].picture) if turn else None

    def mask(self, turn: int) -> Image.Image | None:
        """Return where a turn repainted the picture, None where all of it or nothing."""
        return self.image(self.played.turns[turn - 1].mask)

    def image(self, name: str | None) -> Image.Image | None:
        """Return the picture of a hash, one that a layout refers to for instance; None where there is none."""
        from PIL import Image

        if name is None or name not in self.files:
            return None
        with Image.open(BytesIO(self.files[name])) as image:
            return image.copy()

    @property
    def painted(self) -> list[int]:
        """The numbers of the turns that painted something that was kept as a picture."""
        turns = enumerate(self.played.turns, start=1)
        return [number for number, turn in turns if turn.painted and turn.picture]

    def seen(self, turn: int) -> list[Seen]:
        """Return what the witness sees of each entity after a turn, looked at once; [] where there is no picture."""
        image, layout = self.picture(turn), self.played.turns[turn - 1].layout
        if turn not in self._seen:
            self._seen[turn] = self.witness.seen(image, layout.entities) if image and layout else []
        return self._seen[turn]

    @property
    def witness(self) -> Witness:
        """The models of the agent's profile that look at pictures, loaded once a process."""
        return witness_of(self.profile)


@runtime_checkable
class Evaluator(Protocol):
    """Anything that measures a case; it is made once a process."""

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return scores; one without a value where something is missing to measure it with."""
        ...


@runtime_checkable
class Gatherer(Protocol):
    """Anything that measures all cases of an agent in a suite together."""

    def gather(self, courses: Sequence[Course]) -> Iterable[Score]:
        """Return scores of the whole."""
        ...


@cache
def witness_of(profile: Profile) -> Witness:
    """Return what a profile's pictures are looked at with."""
    from eligen.assistant.evaluation.witness import Witness

    return Witness(profile)
