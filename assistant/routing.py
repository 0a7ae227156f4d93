"""From the difference between two layouts to the tools that paint it, as requests that hold everything. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from eligen.assistant import regions
from eligen.assistant.plan import Compose, LayoutEdit, Regenerate
from eligen.tools.layout import Layout, Value
from eligen.tools.presets import PresetName
from eligen.tools.requests import Control, GenerateRequest, InpaintRequest, Lora, Request, Side, TransferRequest

Tool = Literal["generate", "inpaint", "style", "transfer"]
EARLIER = "earlier"  # stands for the picture of the step before
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
    preset: PresetName = "exact"
    loras: tuple[Lora, ...] = ()


class Step(Value):
    """One tool to run, and what it is to paint; after the first step of a turn that is what the step before painted."""

    tool: Tool
    request: Request


def steps(
    old: Layout | None, new: Layout, edits: Sequence[LayoutEdit], *, picture: str | None, settings: Settings
) -> tuple[Step, ...]:
    """Return what must be painted when edits have made `new` of `old`, whose picture is `picture` (None: no picture).

    Nothing when nothing changed; the same arguments, the same requests.
    """
    again = [edit for edit in edits if isinstance(edit, Regenerate)]
    if again:
        names = [name for edit in again for name in edit.ids]
        settings = settings.model_copy(update={"seed": derived(settings.seed, picture or "", *names)})
    if old is None or picture is None or any(isinstance(edit, Compose) or edit == Regenerate() for edit in edits):
        return _whole("generate", new, settings)
    if _style(new) != _style(old):
        return _whole("style", new, settings)
    change = regions.repainted(old, new, edits, margin=FEATHER)
    todo: tuple[Step, ...] = ()
    if change.inpaint is not None:
        edge = {"image": picture, "feather": _feather(settings)}
        todo = (Step(tool="inpaint", request=InpaintRequest(**_fields(new, settings, change.inpaint | edge))),)
    return (*todo, *_transfers(new, settings, picture, change.transfer))


def derived(seed: int, *parts: str) -> int:
    """Return another seed that follows from a seed and texts."""
    return int.from_bytes(hashlib.sha256("\n".join((str(seed), *parts)).encode()).digest()[:4])


def _whole(tool: Tool, layout: Layout, settings: Settings) -> tuple[Step, ...]:
    """Return the steps that paint a whole picture: by words, and then what has a reference."""
    entities = {"entities": regions.plain(layout.entities)}
    referring = [entity for entity in layout.entities if entity.reference is not None]
    fields = regions.transfer(layout, referring, margin=FEATHER)
    request = GenerateRequest(**_fields(layout, settings, entities))
    return (Step(tool=tool, request=request), *_transfers(layout, settings, EARLIER, fields))


def _transfers(layout: Layout, settings: Settings, picture: str, fields: Mapping[str, Any] | None) -> tuple[Step, ...]:
    if fields is None:
        return ()
    edge = {"image": picture, "grow": _feather(settings), "feather": _feather(settings), "style_images": ()}
    return (Step(tool="transfer", request=TransferRequest(**_fields(layout, settings, fields) | edge)),)


def _feather(settings: Settings) -> int:
    return max(round(FEATHER * min(settings.width, settings.height)), 1)


def _style(layout: Layout) -> tuple[Any, ...]:
    """Return the style of the picture as a whole."""
    return layout.style, *(style for style in layout.style_images if style.entity is None)


def _fields(layout: Layout, settings: Settings, others: Mapping[str, Any] | None = None) -> dict[str, Any]:
    shown = {name: value for name, value in layout if name != "schema_version"} | dict(settings) | dict(others or {})
    present = {entity.id for entity in shown["entities"]}
    styles = tuple(style for style in layout.style_images if style.entity is None or style.entity in present)
    return shown | {"style_images": styles}
