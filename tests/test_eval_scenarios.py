"""Suites: what ships, what files may say, what published benchmarks become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from eligen.assistant.cli import main
from eligen.assistant.evaluation.catalogue import get_suite, shipped
from eligen.assistant.evaluation.scenarios import Suite, read_suite, schema
from eligen.tools.errors import UserError

ROOT = Path(__file__).parents[1]
TALK = {"name": "mine", "scenarios": [{"id": "a", "turns": ["a cat", {"say": "move it", "expect": [{"asks": True}]}]}]}


def written(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def lines(path: Path, *values: Any) -> str:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return str(path)


@pytest.mark.parametrize("name", shipped())
def test_what_ships_is_a_suite_of_the_published_schema(name: str):
    raw = yaml.safe_load(shipped()[name].read_text())
    jsonschema.validate(raw, schema())
    suite = get_suite(name)
    assert suite.name == name
    assert suite.about
    again = json.loads(suite.model_dump_json(exclude_defaults=True))
    jsonschema.validate(again, schema())
    assert Suite.model_validate(again) == suite


def test_the_published_schema_is_the_programs():
    assert json.loads((ROOT / "docs" / "scenario.schema.json").read_text()) == schema()


def test_the_documents_suite_is_a_suite(tmp_path: Path):
    text = (ROOT / "docs" / "evaluation.md").read_text()
    raw = text.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "duck.png").touch()
    suite = read_suite(written(tmp_path / "mine.yaml", raw))
    assert [scenario.id for scenario in suite.scenarios] == ["two-ducks", "a-boat-at-night"]
    assert suite.scenarios[0].turns[2].attach == (str(tmp_path / "photos" / "duck.png"),)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scenarios": []}, "scenarios"),
        ({"nmae": "x"}, "unknown field 'nmae'"),
        ({"scenarios": [{"id": "a"}]}, "turns or a goal"),
        ({"scenarios": [{"id": "../a", "turns": ["x"]}]}, "scenarios.0.id"),
        ({"scenarios": [{"id": "a", "turns": ["x"]}, {"id": "a", "turns": ["x"]}]}, "repeat"),
        ({"scenarios": [{"id": "a", "turns": [""]}]}, "says something"),
        ({"scenarios": [{"id": "a", "turns": [{"say": "x", "attach": ["no.png"]}]}]}, "no file"),
        ({"scenarios": [{"id": "a", "turns": [{"say": "x", "expect": [{}]}]}]}, "exactly one check"),
        ({"scenarios": [{"id": "a", "turns": [{"say": "x", "expect": [{"count": "cat"}]}]}]}, "n, least or most"),
        ({"scenarios": [{"id": "a", "turns": [{"say": "x", "answers": [{"say": "y", "to": "("}]}]}]}, "expression"),
        ({"scenarios": [{"id": "a", "turns": [{"say": "x", "expect": [{"reply": {"matches": "["}}]}]}]}, "expression"),
        ({"schema_version": 2}, "schema_version"),
        ({"size": [100, 128]}, "size"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_suite_is_refused_in_one_line(
    change: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = written(tmp_path / "mine.yaml", TALK | change)
    assert main(["eval", str(path), "--report", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "name suites"),
        (["nosuch"], "no suite 'nosuch'"),
        (["nosuch.yaml"], "no file"),
        (["quick", "--agent", "critic=maybe"], "critic=maybe"),
        (["quick", "--agent", "control=strong"], "control=strong"),
        (["quick", "--agent", "nosuch"], "no plug-in"),
        (["quick", "--agent", "colour=red"], "'colour'"),
        (["quick", "--agent", "json:dumps"], "json:dumps"),
        (["quick", "--agent", "no.such.module:x"], "no.such"),
        (["quick", "--evaluator", "nosuch"], "no plug-in"),
        (["quick", "--evaluator", "quality"], "against"),
        (["quick", "--evaluator", "json:JSONDecoder"], "neither evaluate nor gather"),
        (["quick", "quick"], "same name"),
        (["quick", "--agent", "critic=on", "--agent", "critic=on"], "same label"),
        (["quick", "--engine", "slurm"], "unknown engine"),
        (["quick", "--address", "x"], "--engine ray"),
        (["--compare", "a", "b"], "no file"),
        (["geneval:README.md"], "not JSON"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_in_one_line(
    args: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "README.md", "# no")
    assert main(["eval", *args]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_yaml_that_is_none(tmp_path: Path):
    with pytest.raises(UserError, match="not YAML"):
        read_suite(written(tmp_path / "x.yaml", "a: [b"))


def test_a_limit_is_a_fixed_sample():
    some = get_suite("planning", limit=5)
    assert len(some.scenarios) == 5
    assert some == get_suite("planning", limit=5)
    assert set(some.scenarios) < set(get_suite("planning").scenarios)


def expected(suite: Suite) -> list[list[dict[str, Any]]]:
    """What a suite's first turns expect, as it would be written."""
    turns = [scenario.turns[0] for scenario in suite.scenarios]
    return [[one.model_dump(mode="json", exclude_defaults=True) for one in turn.expect] for turn in turns]


def test_geneval(tmp_path: Path):
    dog, cat = {"class": "dog", "count": 1}, {"class": "cat", "count": 1, "color": "red"}
    source = lines(
        tmp_path / "evaluation_metadata.jsonl",
        {"tag": "counting", "include": [{"class": "cup", "count": 3}], "exclude": [{"class": "cup", "count": 4}],
         "prompt": "a photo of three cups"},
        {"tag": "color_attr", "include": [cat], "prompt": "a photo of a red cat"},
        {"tag": "position", "include": [dog, {"class": "cow", "count": 1, "position": ["left of", 0]}],
         "prompt": "a photo of a cow left of a dog"},
    )  # fmt: skip
    suite = get_suite(f"geneval:{source}")
    assert [scenario.tags for scenario in suite.scenarios] == [("counting",), ("color_attr",), ("position",)]
    assert not suite.paint
    of = {"noun": "cup"}
    dogs, cows = {"noun": "dog"}, {"noun": "cow"}
    assert expected(suite) == [
        [{"count": {"of": of, "least": 3}}, {"count": {"of": of, "most": 3}}],
        [{"attribute": {"of": {"noun": "cat"}, "looks": "red"}}],
        [
            {"count": {"of": dogs, "least": 1}},
            {"count": {"of": cows, "least": 1}},
            {"relation": {"a": cows, "is": "left of", "b": dogs, "rule": "geneval"}},
        ],
    ]


def test_lmd(tmp_path: Path):
    prompts = [
        "A realistic photo of a scene without backpacks",
        "A realistic photo of a scene with two cats",
        "A realistic photo of a scene with three cats and one dog",
        "A realistic photo of a scene with a red car and a blue chair",
        "A realistic photo of a scene with a bowl on the top and a laptop on the bottom",
    ]
    cats, looks = {"noun": "cat"}, (("red", "car"), ("blue", "chair"))
    bowl = {"relation": {"a": {"noun": "bowl"}, "is": "above", "b": {"noun": "laptop"}, "rule": "lmd"}}
    wanted = [
        [{"absent": {"of": {"noun": "backpack"}}}],
        [{"count": {"of": cats, "n": 2}}],
        [{"count": {"of": cats, "n": 3}}, {"count": {"of": {"noun": "dog"}, "n": 1}}],
        [{"attribute": {"of": {"noun": noun}, "looks": look, "first": True}} for look, noun in looks],
        [bowl],
    ]  # fmt: skip
    cached = written(tmp_path / "cache.json", {prompt: ["[]"] for prompt in prompts})
    assert expected(get_suite(f"lmd:{cached}")) == wanted
    assert expected(get_suite(f"lmd:{written(tmp_path / 'prompts.txt', chr(10).join(prompts))}")) == wanted
    (split,) = get_suite(f"lmd:{written(tmp_path / 'split.txt', prompts[0] + chr(0x2028) + prompts[0])}").scenarios
    assert chr(0x2028) in split.turns[0].say
    with pytest.raises(UserError, match="no prompt of LMD"):
        get_suite(f"lmd:{written(tmp_path / 'other.txt', 'a cat')}")


def test_nsr1k(tmp_path: Path):
    box = [0.1, 0.1, 0.2, 0.2]
    value = [
        {"id": 1, "prompt": "a car under a cat", "relation": "bottom", "obj1": ["car", box], "obj2": ["cat", box]},
        {"id": 2, "prompt": "two clocks", "num_object": [["clock", 2]], "sub-type": "single-category"},
        {"id": 3, "prompt": "more", "num_object": [["clock", 3], ["cat", 1]], "sub-type": "comparison"},
    ]
    suite = get_suite(f"nsr1k:{written(tmp_path / 'spatial.val.json', value)}")
    car, cat, clock = {"noun": "car"}, {"noun": "cat"}, {"noun": "clock"}
    assert expected(suite) == [
        [{"relation": {"a": car, "is": "below", "b": cat, "rule": "nsr"}}],
        [{"count": {"of": clock, "n": 2}}],
        [{"count": {"of": clock, "n": 3}}, {"compare": {"a": clock, "is": "more", "b": cat}}],
    ]
    with pytest.raises(UserError, match="not a list"):
        get_suite(f"nsr1k:{written(tmp_path / 'x.json', {})}")


def test_coco(tmp_path: Path):
    image = {"id": 7, "width": 200, "height": 100, "file_name": "7.jpg"}
    things = [
        {"image_id": 7, "category_id": 1, "bbox": [0, 0, 100, 50], "iscrowd": 0, "area": 1.0},
        {"image_id": 7, "category_id": 2, "bbox": [150, 50, 60, 50], "iscrowd": 0, "area": 1.0},
        {"image_id": 8, "category_id": 1, "bbox": [0, 0, 2, 2], "iscrowd": 0, "area": 1.0},
        {"image_id": 8, "category_id": 1, "bbox": [0, 0, 50, 50], "iscrowd": 0, "area": 1.0},
    ]
    names = [{"id": 1, "name": "dog"}, {"id": 2, "name": "orange"}]
    value = {"images": [image, image | {"id": 8}], "annotations": things, "categories": names}
    path = written(tmp_path / "instances_val.json", value)
    (scenario,) = get_suite(f"coco:{path}").scenarios
    layout = scenario.turns[0].layout
    assert layout is not None
    assert layout.prompt == "a dog and an orange"
    assert [entity.box.as_list() for entity in layout.entities] == [[0, 0, 0.5, 0.5], [0.75, 0.5, 1, 1]]
    written(tmp_path / "captions_val.json", {"annotations": [{"image_id": 7, "caption": "A dog. "}]})
    assert get_suite(f"coco:{path}").scenarios[0].turns[0].text == "A dog."
    with pytest.raises(UserError, match="large enough"):
        get_suite(f"coco:{written(tmp_path / 'instances_none.json', value | {'images': [image | {'id': 8}]})}")
