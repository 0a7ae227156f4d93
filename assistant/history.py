"""Versions of a session and the walk over them: undo, redo, go to, branches. Pure values; nothing is ever lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from eligen.assistant.plan import Edits, LayoutEdit, Redo, Undo
from eligen.tools.errors import ToolError
from eligen.tools.layout import Layout, Value
from eligen.tools.requests import Request

Picture = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Requests = tuple[Request, ...]
START = 0


class Version(Value):
    """A layout and its picture (by content hash), and how they came from the `parent` version.

    `mask` is where the picture was repainted (255 = on), None where it was painted as a whole or not at all.
    """

    id: Annotated[int, Field(ge=1)]
    parent: Annotated[int, Field(ge=0)] = START
    layout: Layout
    picture: Picture | None = None
    mask: Picture | None = None
    edits: Edits = ()
    requests: Requests = ()
    seed: int = 0
    reply: str = ""

    @model_validator(mode="after")
    def _parent_is_older(self) -> Self:
        if self.parent >= self.id:
            raise ValueError(f"version {self.id} cannot come from version {self.parent}")
        return self


class History(Value):
    """A tree of versions numbered 1, 2, ... as they were made.

    `head` is the current version, START before the first; `tip` is the end of the branch that redo walks along.
    """

    versions: tuple[Version, ...] = ()
    head: int = START
    tip: int = START

    @model_validator(mode="after")
    def _head_on_branch(self) -> Self:
        if [version.id for version in self.versions] != list(range(1, len(self.versions) + 1)):
            raise ValueError("versions are numbered from 1 without gaps")
        if not START <= self.tip <= len(self.versions) or self.head not in (START, *self._path(self.tip)):
            raise ValueError(f"version {self.head} is not on the branch of version {self.tip}")
        return self

    @property
    def current(self) -> Version | None:
        """The current version; None before the first."""
        return self.versions[self.head - 1] if self.head else None

    @property
    def next_id(self) -> int:
        """The number that the next version must have."""
        return len(self.versions) + 1

    @property
    def line(self) -> tuple[Version, ...]:
        """The versions from the first to the current one."""
        return tuple(self.versions[number - 1] for number in self._path(self.head))

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The layouts from the first version's to the current one's."""
        return tuple(version.layout for version in self.line)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the pictures that were painted as a whole, from the first to the current one's."""
        return tuple(one.requests[0].seed for one in self.line if one.requests and one.mask is None)

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all entities that any version has or had."""
        return frozenset(entity.id for version in self.versions for entity in version.layout.entities)

    @property
    def undoable(self) -> int:
        """How many steps can be undone."""
        return len(self._path(self.head))

    @property
    def redoable(self) -> int:
        """How many steps can be redone."""
        return len(self._path(self.tip)) - self.undoable

    @property
    def branches(self) -> tuple[int, ...]:
        """The last version of every branch."""
        parents = {version.parent for version in self.versions}
        return tuple(version.id for version in self.versions if version.id not in parents)

    def add(self, version: Version) -> History:
        """Return the history with a new version of the current one as its head; ValueError when it is not that."""
        if version.parent != self.head:
            raise ValueError(f"version {version.id} comes from {version.parent}, the current one is {self.head}")
        return History(versions=(*self.versions, version), head=version.id, tip=version.id)

    def undo(self, steps: int = 1) -> History:
        """Return the history `steps` versions back, at most to before the first; ToolError when there are none."""
        if not self.undoable or steps < 1:
            raise ToolError("there is nothing to undo")
        path = (START, *self._path(self.head))
        return self._at(path[max(len(path) - 1 - steps, 0)])

    def redo(self, steps: int = 1) -> History:
        """Return the history `steps` undone versions forward, at most to the tip; ToolError when nothing was undone."""
        if not self.redoable or steps < 1:
            raise ToolError("there is nothing to redo")
        return self._at(self._path(self.tip)[min(self.undoable + steps, self.undoable + self.redoable) - 1])

    def goto(self, version: int) -> History:
        """Return the history at any version, START being before the first; ToolError when there is none."""
        if not START <= version <= len(self.versions):
            raise ToolError(f"there is no version {version}: there are {len(self.versions)}")
        if version in (START, *self._path(self.tip)):
            return self._at(version)
        tip = max(leaf for leaf in self.branches if version in self._path(leaf))
        return self.model_copy(update={"head": version, "tip": tip})

    def follow(self, edits: Sequence[LayoutEdit | Undo | Redo]) -> tuple[History, tuple[LayoutEdit, ...]]:
        """Return the history after a plan's undos and redos, and the edits to be applied to the version it is at then.

        ToolError when there is nothing to undo or redo.
        """
        history, others = self, []
        for edit in edits:
            if isinstance(edit, Undo):
                history = history.undo(edit.steps)
            elif isinstance(edit, Redo):
                history = history.redo(edit.steps)
            else:
                others.append(edit)
        return history, tuple(others)

    def _at(self, head: int) -> History:
        return self.model_copy(update={"head": head})

    def _path(self, version: int) -> tuple[int, ...]:
        """Return the numbers from the first version to this one."""
        path: list[int] = []
        while version:
            path.append(version)
            version = self.versions[version - 1].parent
        return tuple(reversed(path))
