"""Training everything by one command: shares of the time, going on after a kill, and what comes back."""

import argparse
import json
import re
import sys
import tarfile
from pathlib import Path

import pytest

from training import run_all
from training.run_all import PART, STAGES, Progress, Stage, command, pack, plan, run, to_do

ROOT = Path(__file__).parents[1]
SCRIPT = """
import json, sys
from pathlib import Path
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if Path("{flag}").exists():
    sys.exit(3)
made = Path(args["--model"]) / "{name}"
made.write_text(made.read_text() + "+" if made.exists() else "new")
"""


def options(work: Path, **given: object) -> argparse.Namespace:
    args = run_all.options().parse_args(["--work", str(work), "--device", "cpu"])
    return argparse.Namespace(**{**vars(args), "nouns": 454, **given})


@pytest.fixture
def work(tmp_path: Path) -> Path:
    for folder in ("mini", "runs"):
        (tmp_path / "work" / folder).mkdir(parents=True)
    (tmp_path / "work" / "progress.json").write_text("{}")
    return tmp_path / "work"


def scripts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Stage, ...]:
    """Return two stages whose scripts write a file each, in a package of the name that the stages' own have."""
    package = folder / "training"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("one", "two"):
        (package / f"train_{name}.py").write_text(SCRIPT.format(name=name, flag=folder / f"{name}.fails"))
    monkeypatch.chdir(folder)  # `python -m` looks there first
    return tuple(Stage(name, f"train_{name}", 0.5, f"mini/{name}", 64) for name in ("one", "two"))


def test_the_shares_use_all_the_time_and_none_takes_more_than_a_sixth() -> None:
    assert sum(stage.share for stage in STAGES) == pytest.approx(1)
    assert max(stage.share for stage in STAGES) <= 1 / 6
    assert len({stage.name for stage in STAGES}) == len(STAGES)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_script_has_the_options_it_is_given(stage: Stage, tmp_path: Path) -> None:
    line = command(stage, 2.0, options(tmp_path, device="cuda", scale=1.0, side=256), fresh=True)
    assert line[:3] == [sys.executable, "-m", f"training.{stage.module}"]
    known = "".join(
        (ROOT / "training" / name).read_text(encoding="utf-8")
        for name in (f"{stage.module}.py", "common.py", *(["lora_training.py"] if "lora" in stage.makes else []))
    )
    for word in line[3:]:
        if word.startswith("--"):
            assert re.search(rf'\(\s*"{word}"', known), word
    assert not any("{" in word for word in line)
    assert str(stage.batch) == line[line.index("--batch") + 1]


def test_batches_and_scenes_shrink_on_a_small_machine(tmp_path: Path) -> None:
    scenes = next(stage for stage in STAGES if stage.module == "latents")
    line = command(scenes, 1.0, options(tmp_path, scale=1 / 64, scenes=64_000), fresh=False)
    assert line[line.index("--count") + 1] == "1000"
    assert line[line.index("--batch") + 1] == "4"
    assert "--compile" not in line


def test_what_starting_up_took_is_taken_from_the_rest(work: Path) -> None:
    stages, progress, seen = STAGES[:3], Progress(work), []
    for stage, minutes in to_do(stages, progress, 60):
        seen.append((stage.name, minutes))
        progress.seconds += (minutes + 1) * 60
    assert [name for name, _ in seen] == [stage.name for stage in stages]
    assert seen[0][1] == pytest.approx(60 * stages[0].share / sum(stage.share for stage in stages))
    assert sum(minutes for _, minutes in seen) == pytest.approx(60 - 2, abs=0.5)
    progress.seconds = 1e6
    assert all(0 < minutes < 0.1 for _, minutes in to_do(stages, progress, 60))


def test_a_stage_that_fails_is_begun_again_and_those_before_are_not(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages, flag = scripts(tmp_path, monkeypatch), tmp_path / "two.fails"
    flag.touch()
    args = options(work, minutes=0.1, out=tmp_path / "out")
    (work / "mini" / "two").write_text("shipped")
    with pytest.raises(run_all.subprocess.CalledProcessError):
        run(stages, args)
    assert json.loads((work / "progress.json").read_text())["done"] == ["one"]
    flag.unlink()
    assert run(stages, args)
    assert (work / "mini" / "one").read_text() == "new"
    assert (work / "mini" / "two").read_text() == "shipped+"
    assert run(stages, args)
    assert (work / "mini" / "one").read_text() == "new"
    (work / "mini" / "one").unlink()  # as on another machine, when it did not travel
    assert run(stages, args)
    assert (work / "mini" / "one").read_text() == "new"


def test_fresh_begins_anew_once(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = scripts(tmp_path, monkeypatch)
    again = Stage("one again", one.module, 0.5, one.makes, 64)
    (work / "mini" / "one").write_text("shipped")
    assert run((one, again), options(work, minutes=0.1, fresh=True))
    assert (work / "mini" / "one").read_text() == "new+"


def test_no_stage_outlasts_its_call(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = scripts(tmp_path, monkeypatch)
    args = options(work, minutes=10.0, within=6.0)
    assert not run(stages, args)
    assert json.loads((work / "progress.json").read_text())["done"] == ["one"]


def test_a_plan_runs_nothing(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan(STAGES, options(work, minutes=50.0))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(STAGES)
    minutes = [float(re.findall(r"--minutes (\S+)", line)[0]) for line in lines]
    assert sum(minutes) == pytest.approx(50, abs=0.1)
    fresh = {line.partition(":")[0] for line in lines if "--fresh" in line}
    assert {"base", "vae"} <= fresh
    assert "base again" not in fresh
    assert (work / "progress.json").read_text() == "{}"


def test_what_comes_back_is_whole_and_in_small_parts(work: Path, tmp_path: Path) -> None:
    (work / "mini" / "weights").write_bytes(bytes(range(256)) * (PART // 128))
    (work / "data").mkdir()
    (work / "data" / "latents").write_bytes(b"large")
    pack(work, tmp_path / "out")
    parts = sorted((tmp_path / "out").iterdir())
    assert [part.name for part in parts] == ["work.tar.0", "work.tar.1", "work.tar.2"]
    assert max(part.stat().st_size for part in parts) == PART
    (tmp_path / "whole.tar").write_bytes(b"".join(part.read_bytes() for part in parts))
    with tarfile.open(tmp_path / "whole.tar") as tar:
        tar.extractall(tmp_path / "back", filter="data")
    assert (tmp_path / "back" / "mini" / "weights").read_bytes() == (work / "mini" / "weights").read_bytes()
    assert not (tmp_path / "back" / "data").exists()
