"""Annotate pictures with a multimodal model: python -m training.annotate PICTURES openai:MODEL@http://HOST:PORT/v1.

As in the paper, the model describes each picture anew, then names entities in it, each with a local prompt and a box.
PICTURES becomes a dataset in the published format (metadata.json and masks/). A stopped run goes on where it was.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json
from tqdm import tqdm

from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Box
from eligen.tools.masks import box_mask
from eligen.tools.userinput import printable, read_json_lines, validated
from training.entity_batches import METADATA
from training.entity_dataset import Row, write_rows
from training.vision_models import SPELLINGS, Ask, vision_model

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
ANSWERS = "answers.jsonl"
PATCH = 28  # of Qwen2.5-VL, which answers in pixels of the picture as it sees it: whole patches are not resized again
MOST_PIXELS = 1024 * PATCH**2

CAPTION = (
    "Describe this picture in one paragraph, as a prompt from which it could be painted again: what is there, how it "
    "looks and where it stands, the background, the style. Answer with the description alone."
)
ENTITIES = (
    "The picture was described so: {caption}\n"
    "Choose at random up to {most} things in it that are clearly visible and distinct. For each give a label, a short "
    "prompt that describes this thing alone (its kind, colour, material, clothes, pose), and bbox_2d, the box around "
    'it as [x0, y0, x1, y1] in {unit}. Answer with JSON alone, such as {{"entities": [{{"label": "a red cup", '
    '"bbox_2d": [10, 20, 110, 220]}}]}}'
)
Unit = Literal["thousandths", "pixels"]
UNITS: dict[Unit, str] = {"thousandths": "thousandths of the picture's width and height", "pixels": "pixels"}


class Found(BaseModel):
    """An entity in a model's words; the field names are those that Qwen-VL was trained to answer with."""

    label: str
    bbox_2d: list[float] = Field(min_length=4, max_length=4)


class Answer(BaseModel):
    """The entities of a picture, as a model is asked to answer."""

    entities: list[Found]


class Annotation(BaseModel):
    """What became of a picture: the entities that a model named, their boxes, and what was dropped and why."""

    image: str
    prompt: str = ""
    entities: list[tuple[str, Box]] = []
    dropped: list[str] = []


def annotate(path: Path, ask: Ask, *, most: int, unit: Unit) -> Annotation:
    """Return what a model says of a picture; answers that cannot be used are dropped."""
    caption, entities, dropped = "", [], []
    try:
        image = seen(path)
        caption = printable(ask(image, CAPTION, None))
        if not caption:
            raise ModelOutputError("the description is empty")
        question = ENTITIES.format(caption=caption, most=most, unit=UNITS[unit])
        listed = entity_list(ask(image, question, Answer.model_json_schema()))
        dropped += ["entity: one too many"] * max(0, len(listed) - most)
        for value in listed[:most]:
            try:
                entities.append(entity(value, (1000, 1000) if unit == "thousandths" else image.size))
            except ModelOutputError as error:
                dropped.append(f"entity: {error}")
        if not entities:
            raise ModelOutputError("no entity left")
    except ModelOutputError as error:
        dropped.append(f"picture: {error}")
    return Annotation(image=path.name, prompt=caption, entities=entities, dropped=dropped)


def seen(path: Path) -> Image.Image:
    """Return a picture as the model gets it: RGB, in whole patches; ModelOutputError for what is no picture."""
    from qwen_vl_utils import smart_resize

    try:
        image = open_image(path)
        height, width = smart_resize(image.height, image.width, PATCH, PATCH**2, MOST_PIXELS)
    except (UserError, ValueError):  # the latter for pictures hundreds of times as long as wide
        raise ModelOutputError("the file cannot be used") from None
    return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def entity_list(answer: str) -> list[Any]:
    """Return the entities in an answer, bare or fenced; ModelOutputError when it is no JSON of that form."""
    try:
        value = from_json(re.sub(r"^\s*```(?:json)?|```\s*$", "", answer))
    except ValueError:
        raise ModelOutputError("the answer is not JSON") from None
    listed = value.get("entities") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        raise ModelOutputError("the answer holds no list of entities")
    return listed


def entity(value: Any, size: tuple[int, int]) -> tuple[str, Box]:
    """Return an entity's prompt and box, whose coordinates run to `size`; ModelOutputError when either is unusable."""
    try:
        found = Found.model_validate(value)
    except ValidationError:
        raise ModelOutputError("label or box is missing") from None
    if not (label := printable(found.label)):
        raise ModelOutputError("the label is empty")
    try:
        box = Box.model_validate([edge / size[axis % 2] for axis, edge in enumerate(found.bbox_2d)])
    except ValidationError:
        raise ModelOutputError("the box is empty or leaves the picture") from None
    return label, box


def annotate_all(folder: Path, ask: Ask, *, most: int, unit: Unit, parallel: int = 1) -> list[Annotation]:
    """Return the annotations of all pictures in a folder, read from its answers.jsonl where that holds them."""
    log = folder / ANSWERS
    known = [validated(Annotation, value, where) for where, value in read_json_lines(log)] if log.is_file() else []
    done = {annotation.image for annotation in known}
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.name not in done]
    with ThreadPoolExecutor(parallel) as executor, log.open("a", encoding="utf-8") as file:
        made = executor.map(lambda path: annotate(path, ask, most=most, unit=unit), paths)
        for annotation in tqdm(made, total=len(paths), unit="picture", disable=None):
            file.write(annotation.model_dump_json() + "\n")
            file.flush()
            known.append(annotation)
    return known


def write_dataset(folder: Path, annotations: Iterable[Annotation]) -> None:
    """Write masks/ and metadata.json of the pictures that have entities."""
    (folder / "masks").mkdir(exist_ok=True)
    rows = []
    for annotation in annotations:
        if not annotation.entities:
            continue
        width, height = open_image(folder / annotation.image).size
        prompts, boxes = zip(*annotation.entities, strict=True)
        masks = [f"masks/{annotation.image}-{number}.png" for number in range(1, len(boxes) + 1)]
        for name, box in zip(masks, boxes, strict=True):
            box_mask(box, height, width).save(folder / name)
        rows.append(
            Row(
                image=annotation.image,
                prompt=annotation.prompt,
                eligen_entity_prompts=prompts,
                eligen_entity_masks=tuple(masks),
                eligen_entity_boxes=boxes,
            )
        )
    write_rows(folder / METADATA[0], rows)


def summary(annotations: Sequence[Annotation]) -> str:
    """Return how much was annotated and what was dropped, the commonest reason first."""
    usable = [annotation for annotation in annotations if annotation.entities]
    entities = sum(len(annotation.entities) for annotation in usable)
    lines = [f"annotated {len(usable)} of {len(annotations)} pictures with {entities} entities"]
    reasons = Counter(reason for annotation in annotations for reason in annotation.dropped)
    return "\n".join([*lines, *(f"dropped {count} x {reason}" for reason, count in reasons.most_common())])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of pictures; the dataset is written into it")
    parser.add_argument("model", help=SPELLINGS)
    parser.add_argument("--most", type=int, default=6, help="entities of a picture at most")
    parser.add_argument(
        "--unit", choices=UNITS, default="thousandths", help="of the model's boxes: Qwen2.5-VL answers in pixels"
    )
    parser.add_argument("--parallel", type=int, default=1, help="questions to a server at a time")
    args = parser.parse_args(arguments)
    try:
        ask = vision_model(args.model)
        annotations = annotate_all(args.pictures, ask, most=args.most, unit=args.unit, parallel=args.parallel)
        write_dataset(args.pictures, annotations)
    except (UserError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    print(summary(annotations))


if __name__ == "__main__":
    main()
