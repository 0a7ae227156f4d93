"""The values everything speaks in: Box, Entity and Layout, frozen and JSON-round-tripping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_serializer, model_validator

SCHEMA_VERSION = 1

Fraction = Annotated[float, Field(strict=True, ge=0.0, le=1.0, allow_inf_nan=False)]


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("a prompt is empty")
    return text


Prompt = Annotated[str, AfterValidator(_not_blank)]


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Box(Value):
    """A half-open rectangle in fractions of the canvas, origin top-left; JSON form [x0, y0, x1, y1].

    Raises pydantic.ValidationError when a coordinate leaves 0..1 or the box is empty.
    """

    x0: Fraction
    y0: Fraction
    x1: Fraction
    y1: Fraction

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            if len(value) != 4:
                raise ValueError(f"a box has 4 numbers, not {len(value)}")
            return dict(zip(("x0", "y0", "x1", "y1"), value, strict=True))
        return value

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise ValueError(f"box {self.as_tuple()} is empty: x1 must exceed x0 and y1 must exceed y0")
        return self

    @model_serializer
    def as_list(self) -> list[float]:
        """Return [x0, y0, x1, y1]."""
        return [self.x0, self.y0, self.x1, self.y1]

    def as_tuple(self) -> tuple[float, float, float, float]:
        """Return (x0, y0, x1, y1)."""
        return self.x0, self.y0, self.x1, self.y1

    @classmethod
    def around(cls, cx: float, cy: float, width: float, height: float) -> Box:
        """Return the box of that centre and size, slid (and if need be cut) to lie on the canvas."""
        width, height = min(width, 1.0), min(height, 1.0)
        x0 = min(max(cx - width / 2, 0.0), 1.0 - width)
        y0 = min(max(cy - height / 2, 0.0), 1.0 - height)
        return cls(x0=x0, y0=y0, x1=min(x0 + width, 1.0), y1=min(y0 + height, 1.0))

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def intersection(self, other: Box) -> float:
        """Return the shared area."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(width, 0.0) * max(height, 0.0)

    def iou(self, other: Box) -> float:
        """Return intersection over union."""
        shared = self.intersection(other)
        return shared / (self.area + other.area - shared)

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the box in whole pixels of a width x height canvas, at least one pixel large."""
        x0, y0 = min(round(self.x0 * width), width - 1), min(round(self.y0 * height), height - 1)
        return x0, y0, max(round(self.x1 * width), x0 + 1), max(round(self.y1 * height), y0 + 1)


class Entity(Value):
    """One thing in the picture: a stable id, its own prompt and its place.

    `mask` is a PNG of the true shape (255 = on) and `reference` a picture of the entity; both are paths
    in a request file and content hashes inside a session.
    """

    id: str = ""
    prompt: Prompt
    box: Box
    mask: str | None = None
    reference: str | None = None


class StyleImage(Value):
    """A picture whose style the whole picture takes over, or one entity alone; `scale` is how much of it.

    `image` is a path in a request file and a content hash inside a session.
    """

    image: str
    scale: float = Field(default=1.0, ge=0, le=2, allow_inf_nan=False)
    entity: str | None = None


def _unique_ids(entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
    ids = [entity.id for entity in entities if entity.id]
    if len(ids) != len(set(ids)):
        raise ValueError(f"entity ids repeat: {', '.join(sorted({i for i in ids if ids.count(i) > 1}))}")
    return entities


Entities = Annotated[tuple[Entity, ...], AfterValidator(_unique_ids)]
StyleImages = Annotated[tuple[StyleImage, ...], Field(max_length=8)]


class Layout(Value):
    """What a picture should show: the global prompt, entities from back to front, background, style."""

    schema_version: int = Field(default=SCHEMA_VERSION, strict=True, ge=1, le=SCHEMA_VERSION)
    prompt: str
    entities: Entities = ()
    background: str = ""
    style: str = ""
    style_images: StyleImages = ()

    def entity(self, entity_id: str) -> Entity:
        """Return the entity of that id; KeyError when there is none."""
        for entity in self.entities:
            if entity.id == entity_id:
                return entity
        raise KeyError(entity_id)

    def without_files(self) -> Layout:
        """Return the layout without masks and reference pictures, for where their files are not to be opened."""
        bare = tuple(entity.model_copy(update={"mask": None, "reference": None}) for entity in self.entities)
        return self.model_copy(update={"entities": bare, "style_images": ()})


def fresh_id(noun: str, taken: Iterable[str]) -> str:
    """Return the first free id such as `dog-1` for a noun."""
    used, stem, n = set(taken), "-".join(noun.lower().split()) or "thing", 1
    while f"{stem}-{n}" in used:
        n += 1
    return f"{stem}-{n}"
