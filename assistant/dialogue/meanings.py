"""What the parts of a message mean, before anybody looked at the picture: references, newcomers, places, amounts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from eligen.assistant.items import Relation
from eligen.assistant.language.lexicon import Noun
from eligen.assistant.plan import Side

SINGULAR = frozenset(("it", "him"))  # kinds of pronouns that stand for one thing


@dataclass(frozen=True)
class Reference:
    """Which things of the picture a phrase means.

    `noun` is None for pronouns and for "one"; `words` are the adjectives, ordinals and sides said of it; `number` is
    how many are meant, None for all of them; `kind` is the sort of pronoun; `where` and `without` narrow it down; so
    many of them are `spared` ("all but one"); `owner` is whose they are ("his hat").
    """

    text: str
    noun: Noun | None = None
    words: tuple[str, ...] = ()
    number: int | None = 1
    kind: str = "noun"
    definite: bool = True
    where: tuple[Spot, ...] = ()
    without: tuple[Reference, ...] = ()
    spared: int = 0
    owner: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Spot:
    """A place in words: a part of the canvas, a relation to things, or the place of a thing as it was (at `first`).

    `across` is the other side: of things, or of the canvas.
    """

    text: str
    region: tuple[Side, ...] = ()
    flush: bool = False
    relation: Relation | None = None
    of: tuple[Reference, ...] = ()
    was: Reference | None = None
    first: bool = False
    across: bool = False


@dataclass(frozen=True)
class Way:
    """A direction, how far in usual steps (or in fractions of the canvas), or towards (away from) some things."""

    text: str
    dx: int = 0
    dy: int = 0
    steps: float = 1.0
    fraction: float | None = None
    edge: bool = False
    towards: tuple[Reference, ...] = ()
    away: bool = False


@dataclass(frozen=True)
class Size:
    """A change of size: times a factor, some usual steps up or down, by a share, or measured against other things."""

    text: str
    factor: float | None = None
    steps: float = 0.0
    share: float | None = None
    than: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Look:
    """Adjectives to give to a thing, or the things whose colour it is to have."""

    text: str
    words: tuple[str, ...] = ()
    like: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Measure:
    """What things are compared by: size, width, height, x, y, age or nearness (to `of`), and which way is more.

    `than` are the things that others are compared with, where these are said.
    """

    text: str
    by: str = "size"
    sign: int = 1
    of: tuple[Reference, ...] = ()
    than: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Newcomer:
    """Things to add: how many, their adjectives, noun and what is said behind it; `noun` is None for "a red one"."""

    text: str
    noun: Noun | None
    words: tuple[str, ...] = ()
    count: int = 1
    numbered: bool = False
    more: bool = False
    name: str = ""
    tail: str = ""


@dataclass(frozen=True)
class Pictured:
    """A reference picture in words: the nth that was sent (the last, if not said), or one of a name.

    `new` is the thing in it, where that is said: "the dog in this photo".
    """

    text: str
    nth: int = -1
    name: str = ""
    new: Newcomer | None = None


@dataclass(frozen=True)
class Name:
    """What a picture is to be called, and the thing in it as a prompt where that is said: "my dog Rex"."""

    text: str
    prompt: str = ""


@dataclass(frozen=True)
class Request:
    """One thing that a message asks for: what, and the values of its parts by name.

    `loose` says that no verb told what: it was read from fragments such as "a cat on the left".
    """

    do: str
    values: tuple[tuple[str, Any], ...] = ()
    text: str = ""
    loose: bool = False

    def get(self, name: str) -> Any:
        """Return a part's value, None where the message did not give it."""
        return dict(self.values).get(name)

    def put(self, name: str, value: Any) -> Request:
        """Return the request with another value of a part."""
        return replace(self, values=tuple({**dict(self.values), name: value}.items()))
