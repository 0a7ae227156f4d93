"""COCO's annotations as layouts to paint: the EliGen paper's protocol of spatial accuracy."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from eligen.assistant.evaluation.scenarios import Suite
from eligen.assistant.language.saying import listed
from eligen.tools.errors import UserError
from eligen.tools.nounphrases import article
from eligen.tools.userinput import parse_json, read_text, validated

FEWEST, MOST = 2, 6
SMALLEST = 0.02  # of the picture's area: what is smaller is in no layout
CAPTIONS = ("instances_", "captions_")


class Picture(BaseModel):
    """An entry of `images`."""

    id: int
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class Annotation(BaseModel):
    """An entry of `annotations`: a box [x, y, width, height] in pixels; a crowd is no thing."""

    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class Category(BaseModel):
    """An entry of `categories`."""

    id: int
    name: str


class Instances(BaseModel):
    """An instances_*.json, as far as it is needed."""

    images: list[Picture]
    annotations: list[Annotation]
    categories: list[Category]


def coco(path: Path) -> Suite:
    """Return the layouts of an instances_*.json, for pictures of 2 to 6 things that all take 2 % of it or more.

    Global prompts are the first captions where the captions_*.json lies beside it, else the names of the things.
    """
    known = validated(Instances, parse_json(read_text(path), path.name), path.name)
    names = {category.id: category.name for category in known.categories}
    captions = _captions(path)
    things: dict[int, list[Annotation]] = defaultdict(list)
    for annotation in known.annotations:
        things[annotation.image_id].append(annotation)
    scenarios = []
    for picture in known.images:
        entities = [_entity(one, picture, names, number) for number, one in enumerate(things[picture.id], start=1)]
        if FEWEST <= len(entities) <= MOST and all(entity is not None for entity in entities):
            prompt = captions.get(picture.id) or listed([entity["prompt"] for entity in entities if entity])
            layout = {"prompt": prompt, "entities": entities}
            scenarios.append({"id": f"coco-{picture.id}", "turns": [{"layout": layout}]})
    if not scenarios:
        raise UserError(f"{path.name}: no picture of {FEWEST} to {MOST} things that are large enough")
    return validated(Suite, {"name": "coco", "scenarios": scenarios}, path.name)


def _entity(one: Annotation, picture: Picture, names: dict[int, str], number: int) -> dict[str, Any] | None:
    """Return an annotation as an entity, None where it is a crowd, too small or of no known category."""
    x, y, width, height = one.bbox
    name = names.get(one.category_id)
    if one.iscrowd or name is None or width * height < SMALLEST * picture.width * picture.height:
        return None
    x1, y1 = min((x + width) / picture.width, 1.0), min((y + height) / picture.height, 1.0)
    box = [max(x / picture.width, 0.0), max(y / picture.height, 0.0), x1, y1]
    return {"id": f"{name.replace(' ', '-')}-{number}", "prompt": f"{article(name)} {name}", "box": box}


def _captions(path: Path) -> dict[int, str]:
    """Return the first caption of each picture, {} where there are none beside the instances."""
    beside = path.with_name(path.name.replace(*CAPTIONS))
    if beside == path or not beside.is_file():
        return {}
    found: dict[int, str] = {}
    for one in parse_json(read_text(beside), beside.name).get("annotations", ()):
        found.setdefault(one["image_id"], one["caption"].strip())
    return found
