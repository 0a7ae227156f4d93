"""The commands from end to end, on a model of random weights and mini's form."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from eligen.assistant.cli import main
from eligen.tools.presets import PRESETS
from eligen.tools.profiles import PROFILES
from eligen.tools.requestfiles import read_request

SENTENCE = "a red cat to the left of a blue dog"
CAT: dict[str, Any] = {"prompt": "a red cat", "box": [0.0, 0.25, 0.5, 0.75]}
DOG: dict[str, Any] = {"prompt": "a blue dog", "box": [0.5, 0.25, 1.0, 0.75]}
LINE: dict[str, Any] = {"id": "a", "prompt": SENTENCE, "width": 64, "height": 64, "seed": 1, "entities": [CAT, DOG]}
FAST = ("--size", "64x64", "--steps", "2")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def eligen(tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs a command on the tiny model and returns its (stdout, stderr) lines."""

    def run(*args: str) -> tuple[list[str], list[str]]:
        assert main([*args, "--model-dir", str(tiny_model_dir)]) == 0
        shown = capsys.readouterr()
        return shown.out.splitlines(), shown.err.splitlines()

    return run


def pixels(path: str | Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def write_lines(*lines: dict[str, Any]) -> None:
    Path("in.jsonl").write_text("\n".join(map(json.dumps, lines)))


def test_design_writes_the_picture_its_layout_and_its_json(eligen):
    out, err = eligen("design", SENTENCE, "--out", "x.png", "--seed", "7", *FAST)
    assert sorted(path.name for path in Path().iterdir()) == ["x.json", "x.layout.png", "x.png"]
    request = read_request(Path("x.json"))
    assert (request.id, request.seed, request.width, request.steps, request.profile) == ("x", 7, 64, 2, "mini")
    assert [entity.prompt for entity in request.entities] == ["a red cat", "a blue dog"]
    assert [line for line in out if "a red cat" in line or "a blue dog" in line]
    assert out[-1] == "x.png  (seed 7)"
    assert err == []


@pytest.mark.parametrize("source", ["x.png", "x.json"])
@pytest.mark.parametrize("moved", [False, True])
def test_render_paints_the_same_picture_again_bit_for_bit(eligen, source: str, moved: bool):
    Image.linear_gradient("L").resize((50, 30)).save("shape.png")
    Path("layout.json").write_text(json.dumps({"entities": [CAT | {"mask": "shape.png"}, DOG]}))
    eligen("design", SENTENCE, "--out", "x.png", "--layout", "layout.json", *FAST)
    Path("shape.png").unlink()
    if moved:
        Path("there").mkdir()
        for path in list(Path().glob("x*")):
            path.rename("there" / path)
    eligen("render", "--input", f"there/{source}" if moved else source, "--out", "again")
    assert pixels("again/x.png") == pixels("there/x.png" if moved else "x.png")
    once = json.loads(Path("there/x.json" if moved else "x.json").read_text())
    assert json.loads(Path("again/x.json").read_text()) == once


def test_a_design_without_seed_prints_one_that_paints_it_again(eligen):
    out, _ = eligen("design", SENTENCE, "--out", "x.png", *FAST)
    seed = out[-1].removeprefix("x.png  (seed ").removesuffix(")")
    eligen("design", SENTENCE, "--out", "y.png", "--seed", seed, *FAST)
    assert pixels("x.png") == pixels("y.png")


def test_several_pictures_have_following_seeds(eligen):
    eligen("design", SENTENCE, "--out", "x.png", "--n", "3", "--seed", "5", *FAST)
    assert [read_request(Path(f"x-{k}.png")).seed for k in (1, 2, 3)] == [5, 6, 7]
    assert len({pixels(f"x-{k}.png") for k in (1, 2, 3)}) == 3
    assert not Path("x.png").exists()
    assert Path("x-3.layout.png").exists()


@pytest.mark.parametrize("form", ["layout", "request"])
def test_a_given_layout_is_not_planned_anew(eligen, form: str):
    value = {"prompt": "something else", "entities": [DOG]} if form == "layout" else LINE | {"entities": [DOG]}
    Path("layout.json").write_text(json.dumps(value))
    eligen("design", SENTENCE, "--out", "x.png", "--layout", "layout.json", *FAST)
    request = read_request(Path("x.png"))
    assert request.prompt == SENTENCE
    assert [entity.prompt for entity in request.entities] == ["a blue dog"]


def test_a_preset_is_kept_in_the_request_and_painted_again(eligen):
    for preset in ("exact", "fast"):
        eligen("design", SENTENCE, "--out", f"{preset}.png", "--seed", "7", "--preset", preset, *FAST)
        assert read_request(Path(f"{preset}.json")).preset == preset
    assert pixels("exact.png") != pixels("fast.png")
    eligen("render", "--input", "fast.png", "--out", "again")
    assert pixels("again/fast.png") == pixels("fast.png")


def test_an_unknown_preset_is_refused(tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert "preset" in refused(capsys, "--model-dir", str(tiny_model_dir), "--preset", "faster")


def test_render_paints_every_line(eligen):
    write_lines(LINE | {"steps": 2}, LINE | {"id": "b.2", "width": 96, "height": 64, "steps": 2, "entities": []})
    out, err = eligen("render", "--input", "in.jsonl", "--out", "new/out")
    assert out == ["new/out/a.png", "new/out/b.2.png"]
    assert err == []
    with Image.open("new/out/b.2.png") as picture:
        assert picture.size == (96, 64)


def test_control_changes_the_picture(eligen):
    write_lines(LINE | {"steps": 2})
    for control in ("none", "untrained", "eligen"):
        eligen("render", "--input", "in.jsonl", "--out", control, "--control", control)
    eligen("render", "--input", "in.jsonl", "--out", "default")
    assert len({pixels(f"{control}/a.png") for control in ("none", "untrained", "eligen")}) == 3
    assert pixels("default/a.png") == pixels("eligen/a.png")
    eligen("render", "--input", "none/a.json", "--out", "again")
    assert pixels("again/a.png") == pixels("none/a.png")


def mask(mode: str, size: tuple[int, int], box: tuple[int, int, int, int] | None) -> Image.Image:
    image = Image.new("L", size)
    if box:
        image.paste(255, box)
    return image.convert(mode)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (mask("L", (64, 64), (0, 0, 32, 64)), None),
        (mask("L", (50, 30), (0, 0, 25, 30)), "50x30"),
        (mask("RGB", (64, 64), (0, 0, 32, 64)), "mode RGB"),
        (mask("RGBA", (64, 64), (0, 0, 32, 64)), "mode RGBA"),
        (mask("P", (64, 64), (0, 0, 32, 64)), "mode P"),
        (mask("L", (64, 64), None), "is empty"),
        (mask("L", (64, 64), (1, 1, 3, 3)), "too small"),
    ],
)
def test_odd_masks_are_accepted_with_one_line(eligen, image: Image.Image, said: str | None):
    image.save("mask.png")
    write_lines(LINE | {"steps": 1, "entities": [CAT | {"mask": "mask.png"}]})
    _, err = eligen("render", "--input", "in.jsonl", "--out", "out")
    assert len(err) == (said is not None)
    assert said is None or said in err[0]


def test_a_prompt_of_5000_words_is_cut_and_said(eligen):
    _, err = eligen("design", "a red cat on the grass " + "and the tree " * 1665, "--out", "x.png", *FAST)
    assert [line for line in err if "cut" in line]


def test_control_characters_are_removed_and_said(eligen):
    _, err = eligen("design", "a red\x07 cat\n", "--out", "x.png", *FAST)
    assert err == ["note: control characters removed from the prompt"]
    assert read_request(Path("x.json")).entities[0].prompt == "a red cat"


def test_an_unknown_noun_is_said_and_kept_in_the_layout(eligen):
    _, err = eligen("design", "a red kitten", "--out", "x.png", *FAST)
    assert len(err) == 1
    assert "kitten" in err[0]
    assert "cat" in err[0]
    assert read_request(Path("x.json")).entities[0].prompt == "a red kitten"


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Run a design that must fail without a picture; return its last line on stderr."""
    assert main(["design", SENTENCE, "--out", "x.png", *FAST, *args]) == 2
    assert list(Path().glob("*.png")) == []
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    return shown.splitlines()[-1]


@pytest.mark.parametrize("file", ["vae/diffusion_pytorch_model.safetensors", "eligen_lora.safetensors"])
def test_corrupted_weights_are_refused(tiny_model_dir: Path, capsys: pytest.CaptureFixture[str], file: str):
    shutil.copytree(tiny_model_dir, "copy")
    content = bytearray(Path("copy", file).read_bytes())
    content[-1] ^= 1
    Path("copy", file).write_bytes(content)
    assert "weights corrupted" in refused(capsys, "--model-dir", "copy")


@pytest.mark.parametrize("part", ["vae", "eligen_lora.safetensors", "manifest.json", "vocabulary.json"])
def test_missing_weights_are_refused(tiny_model_dir: Path, capsys: pytest.CaptureFixture[str], part: str):
    shutil.copytree(tiny_model_dir, "copy")
    path = Path("copy", part)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "missing" in refused(capsys, "--model-dir", "copy")


def test_a_lora_of_another_model_is_refused(tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]):
    from safetensors.torch import save_file
    from torch import zeros

    save_file({"lora_unet_mid_block.lora_up.weight": zeros(4, 4)}, "other.safetensors")
    said = refused(capsys, "--model-dir", str(tiny_model_dir), "--lora-file", "other.safetensors")
    assert "lora_unet_mid_block" in said


def test_hardware_that_is_not_there_is_said(tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert "--offload" in refused(capsys, "--model-dir", str(tiny_model_dir), "--offload", "half")


LIGHT = "import sys; from eligen.assistant.cli import main; code = main(); "
PROBE = LIGHT + "import resource; used = resource.getrusage(resource.RUSAGE_SELF); "
PROBE += "heavy = {'torch', 'langgraph', 'diffusers', 'transformers'} & set(sys.modules); "
PROBE += "print(code, sorted(heavy), used.ru_utime + used.ru_stime, file=sys.stderr)"


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["design", "--help"],
        ["models", "--help"],
        ["plan", SENTENCE],
        ["plan", SENTENCE, "--explain"],
        ["plan", "--input", "in.jsonl", "--output", "out.jsonl"],
    ],
)
def test_help_and_plan_are_light_and_quick(args: list[str]):
    Path("in.jsonl").write_text('{"id": "a", "turns": ["a red cat"]}\n')
    run = subprocess.run([sys.executable, "-c", PROBE, *args], capture_output=True, text=True, check=True)
    code, heavy, seconds = run.stderr.splitlines()[-1].split()
    assert (code, heavy) == ("0", "[]")
    assert float(seconds) < 2  # of processor time, on a machine that may be busy; half a second when it is not


def test_plan_prints_a_layout_that_design_takes(eligen, capsys: pytest.CaptureFixture[str]):
    assert main(["plan", SENTENCE]) == 0
    Path("layout.json").write_text(capsys.readouterr().out)
    eligen("design", SENTENCE, "--out", "x.png", "--seed", "1", "--layout", "layout.json", *FAST)
    eligen("design", SENTENCE, "--out", "y.png", "--seed", "1", *FAST)
    assert pixels("x.png") == pixels("y.png")


def test_plan_explains_how_a_sentence_was_read(capsys: pytest.CaptureFixture[str]):
    assert main(["plan", SENTENCE, "--explain"]) == 0
    shown = capsys.readouterr().out
    assert "cat" in shown
    assert "dog" in shown
    assert "left" in shown


def test_plan_fills_a_file(capsys: pytest.CaptureFixture[str]):
    Path("in.jsonl").write_text('{"id": "a", "turns": ["two cats"]}\n{"id": "b", "turns": ["a dog"]}\n')
    assert main(["plan", "--input", "in.jsonl", "--output", "out.jsonl"]) == 0
    answers = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [answer["id"] for answer in answers] == ["a", "b"]
    assert [len(answer["turns"][0]["entities"]) for answer in answers] == [2, 1]


def test_models_shows_every_profile(capsys: pytest.CaptureFixture[str]):
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert "mini: " in shown
    assert "flux-dev: " in shown
    assert "Non-Commercial" in shown


def test_models_check_says_what_fits(capsys: pytest.CaptureFixture[str]):
    assert main(["models", "check"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{profile}, {preset}" in shown for profile in PROFILES for preset in PRESETS)
    assert "fits: 0.1 GB of main memory at most" in shown or "GPU memory" in shown


def test_models_vocabulary_lists_trained_nouns_as_json(capsys: pytest.CaptureFixture[str]):
    assert main(["models", "vocabulary", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert all(set(entry) == {"noun", "codepoints", "synonyms"} for entry in listed)
    assert all(len(entry["codepoints"]) == 1 and chr(int(entry["codepoints"][0], 16)) for entry in listed)
    assert len({entry["noun"] for entry in listed}) == len(listed) >= 50
    assert main(["models", "vocabulary"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(listed)


def test_an_interrupt_ends_quietly(tiny_model_dir: Path):
    # who runs the tests in the background has interrupts ignored, and children inherit that
    attentive = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    run = [sys.executable, "-c", f"{attentive}; from eligen.assistant.cli import main; sys.exit(main())"]
    design = ["design", SENTENCE, "--out", "x.png", "--model-dir", str(tiny_model_dir), "--steps", "200"]
    with subprocess.Popen(
        [*run, *design, "--size", "1024x1024"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    assert list(Path().iterdir()) == []


def test_no_words_at_all_show_the_help(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 0
    assert "design" in capsys.readouterr().out
