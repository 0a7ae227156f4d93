"""A picture carries the request it was painted from, in itself and in the JSON beside it."""

import json
from pathlib import Path

import pytest
from PIL import Image

from eligen.tools.errors import UserError
from eligen.tools.layout import Box, Entity, StyleImage
from eligen.tools.metadata import write_picture
from eligen.tools.requestfiles import PNG_KEY, read_request, read_requests
from eligen.tools.requests import GenerateRequest, Lora

CAT = Entity(id="cat-1", prompt="a cat", box=Box(x0=0.1, y0=1 / 3, x1=0.7, y1=0.9))
REQUEST = GenerateRequest(
    id="picture",
    prompt="ein Kätzchen 🐈 on a meadow",
    width=128,
    height=64,
    seed=2**63 - 1,
    entities=(CAT,),
    steps=3,
    guidance=0.1,
    loras=(Lora(name="style", weight=1 / 3),),
    versions={"eligen": "0.1.0", "torch": "2.15.0"},
)


@pytest.fixture
def picture() -> Image.Image:
    return Image.linear_gradient("L").resize((128, 64)).convert("RGB")


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    Image.new("L", (8, 8), 255).save(folder / "shape.png")
    return folder / "shape.png"


def write_lines(path: Path, *lines: object) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def line(**change: object) -> dict[str, object]:
    return {"id": "a", "prompt": "a cat", "width": 128, "height": 128, "seed": 1, **change}


@pytest.mark.parametrize("suffix", [".png", ".json"])
def test_a_request_comes_back_exactly(picture: Image.Image, tmp_path: Path, suffix: str):
    write_picture(picture, REQUEST, tmp_path / "out.png")
    assert read_request((tmp_path / "out.png").with_suffix(suffix)) == REQUEST


def test_style_images_are_copied_beside_the_picture(picture: Image.Image, mask: Path, tmp_path: Path):
    styles = (StyleImage(image=str(mask), scale=0.7), StyleImage(image=str(mask), entity="cat-1"))
    write_picture(picture, REQUEST.model_copy(update={"style_images": styles}), tmp_path / "out.png")
    content = mask.read_bytes()
    mask.unlink()
    for name in ("out.png", "out.json"):
        back = read_request(tmp_path / name).style_images
        assert [(Path(style.image).name, style.scale, style.entity) for style in back] == [
            ("out@style-1.png", 0.7, None),
            ("out@style-2.png", 1.0, "cat-1"),
        ]
        assert all(Path(style.image).read_bytes() == content for style in back)


@pytest.mark.parametrize(
    ("style", "says"),
    [
        ({"image": "shape.png", "entity": "dog-1"}, "for entity 'dog-1', which there is not"),
        ({"image": "missing.png"}, "no image at"),
        ({"image": "shape.png", "scale": 3}, "style_images"),
        ({"scale": 1}, "style_images"),
    ],
)
def test_odd_style_images_are_refused(mask: Path, style: dict[str, object], says: str):
    lines = write_lines(mask.parent / "in.jsonl", line(style_images=[style]))
    with pytest.raises(UserError, match=says):
        read_requests(lines)


def test_the_pixels_are_untouched(picture: Image.Image, tmp_path: Path):
    write_picture(picture, REQUEST, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as written:
        assert written.tobytes() == picture.tobytes()
        assert written.format == "PNG"


def test_the_json_is_one_object_with_the_render_fields_on_top(picture: Image.Image, tmp_path: Path):
    write_picture(picture, REQUEST, tmp_path / "out.png")
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written["entities"] == [{"id": "cat-1", "prompt": "a cat", "box": [0.1, 1 / 3, 0.7, 0.9]}]
    assert {"id", "prompt", "width", "height", "seed", "control", "steps", "guidance", "loras", "versions"} < set(
        written
    )


@pytest.mark.parametrize("suffix", [".png", ".json"])
def test_masks_travel_with_the_picture(picture: Image.Image, mask: Path, tmp_path: Path, suffix: str):
    request = REQUEST.model_copy(update={"entities": (CAT, CAT.model_copy(update={"id": "", "mask": str(mask)}))})
    (tmp_path / "out").mkdir()
    write_picture(picture, request, tmp_path / "out" / "x.png")
    content = mask.read_bytes()
    mask.unlink()
    (tmp_path / "out").rename(tmp_path / "moved")
    read = read_request((tmp_path / "moved" / "x.png").with_suffix(suffix))
    assert read.entities[0] == CAT
    assert read.entities[1].mask == str(tmp_path / "moved" / "x@mask-2.png")
    assert Path(read.entities[1].mask).read_bytes() == content


def test_a_picture_can_be_written_over_itself(picture: Image.Image, mask: Path, tmp_path: Path):
    request = REQUEST.model_copy(update={"entities": (CAT.model_copy(update={"mask": str(mask)}),)})
    write_picture(picture, request, tmp_path / "x.png")
    first = (tmp_path / "x.png").read_bytes()
    write_picture(picture, read_request(tmp_path / "x.png"), tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes() == first


def test_an_unwritable_place_is_said_in_one_line(picture: Image.Image, tmp_path: Path):
    with pytest.raises(UserError, match="cannot write"):
        write_picture(picture, REQUEST, tmp_path / "missing" / "x.png")


def test_lines_are_read_with_masks_relative_to_the_file(mask: Path, tmp_path: Path):
    entity = {"prompt": "a cat", "box": [0, 0, 1, 1], "mask": "elsewhere/shape.png"}
    requests, notices = read_requests(write_lines(tmp_path / "in.jsonl", line(entities=[entity]), line(id="b")))
    assert [request.id for request in requests] == ["a", "b"]
    assert requests[0].entities[0].mask == str(mask)
    assert notices == []


def test_control_characters_are_removed_and_said(tmp_path: Path):
    entity = {"prompt": "a\x07 cat", "box": [0, 0, 1, 1]}
    requests, notices = read_requests(write_lines(tmp_path / "in.jsonl", line(), line(id="b", entities=[entity])))
    assert requests[1].entities[0].prompt == "a cat"
    assert notices == ["in.jsonl, line 2: control characters removed"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (line(id="b", bbox=[]), "in.jsonl, line 2: unknown field 'bbox'"),
        (line(), "in.jsonl, line 2: id 'a' is that of an earlier line too"),
        ({"prompt": "a cat", "width": 128, "height": 128, "seed": 1}, "in.jsonl, line 2: field 'id' is missing"),
        (line(id="b", prompt="\x00\x01"), "in.jsonl, line 2: prompt: a prompt is empty"),
        ([1, 2], "in.jsonl, line 2: the line is not a JSON object"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, bad: object, message: str):
    with pytest.raises(UserError) as caught:
        read_requests(write_lines(tmp_path / "in.jsonl", line(), bad))
    assert str(caught.value) == message


def test_masks_that_are_no_images_are_named(tmp_path: Path):
    (tmp_path / "mask.png").write_bytes(b"\x89PNG")
    for name in ("mask.png", "missing.png", "", "x" * 300 + ".png"):
        entity = {"prompt": "a cat", "box": [0, 0, 1, 1], "mask": name}
        with pytest.raises(UserError, match=r"^in\.jsonl, line 1: "):
            read_requests(write_lines(tmp_path / "in.jsonl", line(entities=[entity])))


def test_files_that_hold_no_request(picture: Image.Image, tmp_path: Path):
    picture.save(tmp_path / "plain.png")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "notes.txt").write_text("{}")
    (tmp_path / "short.png").write_bytes((tmp_path / "plain.png").read_bytes()[:60])
    for name in ("plain.png", "empty.jsonl", "list.json", "notes.txt", "short.png", "missing.json", "missing.png"):
        with pytest.raises(UserError, match=name.partition(".")[0]):
            read_requests(tmp_path / name)


def test_the_key_is_the_only_text_in_the_png(picture: Image.Image, tmp_path: Path):
    write_picture(picture, REQUEST, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as written:
        assert list(written.info) == [PNG_KEY]
