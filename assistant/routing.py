"""From the difference between two layouts to the tools that paint it, as requests that hold everything. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from eligen.assistant import regions
from eligen.assistant.plan import Compose, LayoutEdit, Regenerate, Transfer
from eligen.tools.errors import ToolError
from eligen.tools.layout import Layout, Value
from eligen.tools.requests import Control, GenerateRequest, InpaintRequest, Lora, Side

Tool = Literal["generate", "inpaint", "style", "transfer"]
FEATHER = 0.03  # of the shorter side; regions are grown by as much, so that what is named is repainted in full


class Settings(Value):
    """What requests need besides a layout; `seed` is that of the picture as a whole, None is the profile's default."""

    seed: int = Field(strict=True, ge=0, lt=2**63)
    width: Side
    height: Side
    profile: str | None = None
    control: Control = "eligen"
    steps: int | None = None
    guidance: float | None = None
    loras: tuple[Lora, ...] = ()


class Step(Value):
    """One tool to run, and what it is to paint."""

    tool: Tool
    request: InpaintRequest | GenerateRequest


def steps(
    old: Layout | None, new: Layout, edits: Sequence[LayoutEdit], *, picture: str | None, settings: Settings
) -> tuple[Step, ...]:
    """Return what must be painted when edits have made `new` of `old`, whose picture is `picture` (None: no picture).

    Nothing when nothing changed; the same arguments, the same requests. Raises ToolError for what no tool can do.
    """
    _check(edits)
    again = [edit for edit in edits if isinstance(edit, Regenerate)]
    if again:
        names = [name for edit in again for name in edit.ids]
        settings = settings.model_copy(update={"seed": derived(settings.seed, picture or "", *names)})
    if old is None or picture is None or any(isinstance(edit, Compose) or edit == Regenerate() for edit in edits):
        return (Step(tool="generate", request=_whole(new, settings)),)
    if _style(new) != _style(old):
        return (Step(tool="style", request=_whole(new, settings)),)
    fields = regions.repainted(old, new, edits, margin=FEATHER)
    if fields is None:
        return ()
    feather = max(round(FEATHER * min(settings.width, settings.height)), 1)
    request = InpaintRequest(**_fields(new, settings, fields | {"image": picture, "feather": feather}))
    return (Step(tool="inpaint", request=request),)


def derived(seed: int, *parts: str) -> int:
    """Return another seed that follows from a seed and texts."""
    return int.from_bytes(hashlib.sha256("\n".join((str(seed), *parts)).encode()).digest()[:4])


def _check(edits: Iterable[LayoutEdit]) -> None:
    for edit in edits:
        if isinstance(edit, Transfer):
            raise ToolError(f"{edit.id} cannot be made to look like a reference picture yet")


def _whole(layout: Layout, settings: Settings) -> GenerateRequest:
    return GenerateRequest(**_fields(layout, settings))


def _style(layout: Layout) -> tuple[Any, ...]:
    """Return the style of the picture as a whole."""
    return layout.style, *(style for style in layout.style_images if style.entity is None)


def _fields(layout: Layout, settings: Settings, others: Mapping[str, Any] | None = None) -> dict[str, Any]:
    shown = {name: value for name, value in layout if name != "schema_version"} | dict(settings) | dict(others or {})
    present = {entity.id for entity in shown["entities"]}
    styles = tuple(style for style in layout.style_images if style.entity is None or style.entity in present)
    return shown | {"style_images": styles}
