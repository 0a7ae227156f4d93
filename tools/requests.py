"""Requests: plain data that holds everything which affects a picture, seed included."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from eligen.tools.layout import Box, Entities, Layout, Prompt, StyleImages, Value
from eligen.tools.presets import PresetName

Control = Literal["none", "untrained", "eligen"]
Schedule = Literal["eligen", "flux"]
PanelOrigin = Literal["canvas", "picture"]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")]
IN_CONTEXT = "in_context_lora"
Side = Annotated[int, Field(strict=True, ge=64, le=2048, multiple_of=16)]


class Lora(Value):
    """A LoRA by name or file, with its weight; `sha256` pins the file it was."""

    name: str
    weight: float = Field(default=1.0, ge=-10, le=10)
    sha256: str | None = None


class GenerateRequest(Value):
    """One picture to paint. Its JSON form is a line of `eligen render`; None means the profile's default."""

    id: RequestId = "picture"
    prompt: Prompt
    width: Side
    height: Side
    seed: int = Field(strict=True, ge=0, lt=2**63)
    entities: Entities = ()
    background: str = ""
    style: str = ""
    style_images: StyleImages = ()
    profile: str | None = None
    control: Control = "eligen"
    preset: PresetName = "exact"
    steps: int | None = Field(default=None, ge=1, le=200)
    guidance: float | None = Field(default=None, ge=0, le=50)
    true_cfg: float | None = Field(default=None, ge=0, le=50)
    negative_prompt: str | None = None
    eligen_on_negative: bool = False
    schedule: Schedule | None = None
    loras: tuple[Lora, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        """Return what the request asks to see."""
        return Layout(**{name: getattr(self, name) for name in Layout.model_fields if name != "schema_version"})

    @model_validator(mode="after")
    def _style_images_of_entities(self) -> Self:
        ids = {entity.id for entity in self.entities if entity.id}
        for style in self.style_images:
            if style.entity is not None and style.entity not in ids:
                raise ValueError(f"a style image is for entity {style.entity!r}, which there is not")
        return self


class Carry(Value):
    """A thing cut out of the picture at `source` and laid at `target`, to be painted over lightly."""

    source: Box
    target: Box


class RepaintRequest(GenerateRequest):
    """A picture to paint anew in part, the rest bit for bit as it was.

    What is repainted grows by `grow` pixels, and its edge fades inwards over `feather` pixels.
    """

    image: str
    grow: int = Field(default=0, ge=0, le=256)
    feather: int = Field(default=8, ge=0, le=256)


class InpaintRequest(RepaintRequest):
    """A picture to repaint by words.

    What is repainted: the PNG `mask` (255 = repaint); else the boxes of `region`; else all but the things in the
    boxes of `keep`; else the union of the entities' masks. `carried` things keep their look.
    """

    mask: str | None = None
    region: tuple[Box, ...] = ()
    keep: tuple[Box, ...] = ()
    carried: tuple[Carry, ...] = ()
    strength: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _something_to_paint(self) -> Self:
        if self.mask is None and not (self.entities or self.region or self.keep):
            raise ValueError("an inpaint needs a mask, a region, things to keep or at least one entity")
        return self


class TransferRequest(RepaintRequest):
    """A picture whose entities are painted anew, each to look like its reference picture, one after the other.

    Repainted are the entities' masks, of them only what lies in the boxes of `region` where there are any, and never
    the things in the boxes of `keep`. Each is painted in the right half of a canvas whose left half shows the
    reference; `template` says so, with {entity} and {scene} for what is where. A half shows as much of the picture as
    `context` times the mask's size, on the area of a square of side `panel`. `in_context` is the LoRA that learned to
    read such canvases, by default the profile's own; of weight 0 it is none. Positions count from the `origin`: the
    canvas's corner, or that of the picture's half, which then lies where a base expects a picture.
    """

    region: tuple[Box, ...] = ()
    keep: tuple[Box, ...] = ()
    template: Prompt | None = None
    origin: PanelOrigin | None = None
    context: float = Field(default=2.0, ge=1, le=16)
    panel: Side | None = None
    in_context: Lora = Lora(name=IN_CONTEXT)

    @model_validator(mode="after")
    def _every_entity_has_a_reference(self) -> Self:
        if not self.entities or any(entity.reference is None for entity in self.entities):
            raise ValueError("a transfer needs entities, each with a reference picture")
        return self


Request = TransferRequest | InpaintRequest | GenerateRequest
