"""Train everything, in order: python -m training.run_all --work DIR --minutes 50 --side 256 --nouns all --out OUT.

DIR/mini begins as a copy of the shipped weights. Each stage is one of the scripts here, in a process of its own, with a
share of the minutes that are left. The same command again goes on after the last stage that ended; `--within` begins
no stage that would outlast the call. After each stage OUT holds DIR without its data, as a tar in parts.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from training.common import MODEL_DIR
from training.scenes import World

PART = 16 * 2**20
PARTS = 8
LEAST = 0.05  # minutes
CPU_SCALE = 1 / 16  # of a large GPU's batches


@dataclass(frozen=True)
class Stage:
    """A script with its share of the time, its batch on a large GPU, its other options, and what it makes in DIR."""

    name: str
    module: str
    share: float
    makes: str
    batch: int
    options: str = ""


DRAWN = "{work}/data --size {side} --nouns {nouns} --most 8 --count {scenes} --upright"
PAINTED = "--data {work}/data {compile}"
# No share is above a sixth, so that machines lent for ten minutes at a time will do: the base goes on three times.
BASES = (("base", 0.15, 1e-3), ("base again", 0.15, 8e-4), ("base once more", 0.13, 7e-4), ("base at last", 0.12, 5e-4))
STAGES = (
    Stage("vae", "train_vae", 0.09, "mini/vae", 64, "--size {side} --side {crop}"),
    Stage("clip", "train_clip", 0.07, "mini/clip", 512, "--nouns {nouns}"),
    Stage("t5", "train_t5", 0.05, "mini/text_encoder_2", 256),
    Stage("scenes", "latents", 0.07, "data", 256, DRAWN),
    *(  # each with the EliGen LoRA
        Stage(name, "train_base", share, "mini/transformer", 384, f"{PAINTED} --lr {rate} --seed {seed}")
        for seed, (name, share, rate) in enumerate(BASES)
    ),
    Stage("sam", "train_sam", 0.08, "mini/sam", 64, "--size {side}"),
    Stage("ip_adapter", "train_ip_adapter", 0.05, "mini/ip_adapter.safetensors", 128, "--data {work}/data"),
    Stage("in_context", "train_in_context", 0.04, "mini/in_context_lora.safetensors", 64, "--data {work}/data"),
)


class Progress:
    """Which products were begun, which stages have ended, and the seconds spent; kept in DIR/progress.json."""

    def __init__(self, work: Path) -> None:
        self.file, self.work = work / "progress.json", work
        stored = json.loads(self.file.read_text(encoding="utf-8")) if self.file.is_file() else {}
        self.begun: list[str] = stored.get("begun", [])
        self.done: list[str] = stored.get("done", [])
        self.seconds: float = stored.get("seconds", 0.0)

    def is_done(self, stage: Stage) -> bool:
        """Return whether a stage has ended and what it made is still there."""
        return stage.name in self.done and (self.work / stage.makes).exists()

    def save(self) -> None:
        values = {"begun": self.begun, "done": self.done, "seconds": round(self.seconds, 1)}
        self.file.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def to_do(stages: Sequence[Stage], progress: Progress, minutes: float) -> Iterator[tuple[Stage, float]]:
    """Yield the stages that have not ended, each with its part of the minutes that are left when its turn comes."""
    rest = [stage for stage in stages if not progress.is_done(stage)]
    for number, stage in enumerate(rest):
        left = minutes - progress.seconds / 60
        yield stage, max(left * stage.share / sum(other.share for other in rest[number:]), LEAST)


def command(stage: Stage, minutes: float, args: argparse.Namespace, *, fresh: bool) -> list[str]:
    """Return the command line of a stage."""
    options = stage.options.format(
        side=args.side,
        crop=args.side // 2,
        nouns=args.nouns,
        work=args.work,
        scenes=max(round(args.scenes * args.scale), 64),
        compile="--compile" if args.device == "cuda" else "",
    )
    batch = max(round(stage.batch * args.scale), 2)
    shared = ["--model", args.work / "mini", "--runs", args.work / "runs", "--device", args.device, "--batch", batch]
    shared += ["--minutes", round(minutes, 3), *(["--fresh"] if fresh else [])]
    return [sys.executable, "-m", f"training.{stage.module}", *options.split(), *map(str, shared)]


def run(stages: Sequence[Stage], args: argparse.Namespace) -> bool:
    """Run what is left to do; return whether all of it is done. CalledProcessError when a stage fails."""
    begin, progress = time.monotonic(), Progress(args.work)
    for stage, minutes in to_do(stages, progress, args.minutes):
        if args.within and (time.monotonic() - begin) / 60 + minutes > args.within:
            print(f"{stage.name} would outlast this call: run the same command again", flush=True)
            return False
        product = args.work / stage.makes
        if stage.makes not in progress.begun:
            progress.begun.append(stage.makes)
            if args.fresh:
                remove(product)
        line, start = command(stage, minutes, args, fresh=not product.exists()), time.monotonic()
        print(f"== {stage.name}, {minutes:.1f} minutes: {' '.join(line[1:])}", flush=True)
        try:
            subprocess.run(line, check=True)
            progress.done.append(stage.name)
        finally:
            progress.seconds += time.monotonic() - start
            progress.save()
        if args.out:
            pack(args.work, args.out)
    return True


def plan(stages: Sequence[Stage], args: argparse.Namespace) -> None:
    """Print what `run` would do, and do nothing."""
    progress = Progress(args.work)
    for stage, minutes in to_do(stages, progress, args.minutes):
        missing = stage.makes not in progress.begun and (args.fresh or not (args.work / stage.makes).exists())
        progress.begun.append(stage.makes)
        progress.seconds += minutes * 60
        print(f"{stage.name}: {' '.join(command(stage, minutes, args, fresh=missing)[1:])}")


def remove(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def pack(work: Path, out: Path) -> None:
    """Write DIR without its data as parts OUT/work.tar.0, .1, ... of at most 16 MiB; `cat OUT/work.tar.* | tar x`."""
    out.mkdir(parents=True, exist_ok=True)
    whole = out / "work.tar"
    with tarfile.open(whole, "w") as tar:
        for name in ("mini", "runs", "progress.json"):
            tar.add(work / name, name)
    if whole.stat().st_size > PART * PARTS:
        raise ValueError(f"{work} does not fit into {PARTS} parts of {PART} bytes")
    with whole.open("rb") as file:
        for number in range(PARTS):
            part, piece = out / f"work.tar.{number}", file.read(PART)
            part.write_bytes(piece) if piece else part.unlink(missing_ok=True)
    whole.unlink()


def options() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    device = "cuda" if torch.cuda.is_available() else "cpu"
    add("--work", type=Path, required=True, metavar="DIR", help="folder for weights, logs, data and progress")
    add("--minutes", type=float, default=50.0, help="for all stages together, over all calls")
    add("--within", type=float, metavar="MINUTES", help="length of this call; by default as long as it takes")
    add("--side", type=int, default=256, help="of the pictures, in pixels")
    add("--nouns", default="all", help="only the first so many of the vocabulary")
    add("--scenes", type=int, default=100_000, help="drawn for the base and the LoRAs, times --scale")
    add("--scale", type=float, default=1.0 if device == "cuda" else CPU_SCALE, help="of all batches; 1 is a large GPU")
    add("--device", default=device)
    add("--fresh", action="store_true", help="start from random weights instead of the shipped ones")
    add("--out", type=Path, help="folder for the tar, for machines that hand back a few small files only")
    add("--plan", action="store_true", help="only print the stages' commands")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    args = options().parse_args(arguments)
    args.nouns = len(World().nouns) if args.nouns == "all" else int(args.nouns)
    args.work.mkdir(parents=True, exist_ok=True)
    if not (args.work / "mini").is_dir():
        shutil.copytree(MODEL_DIR, args.work / "mini")
    (args.work / "runs").mkdir(exist_ok=True)
    if args.plan:
        plan(STAGES, args)
        return
    try:
        if not run(STAGES, args):
            return
        assemble = ["--model", args.work / "mini", "--nouns", args.nouns, "--side", args.side]
        subprocess.run([sys.executable, "-m", "training.assemble", *map(str, assemble)], check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"error: {error.cmd[2]} ended with {error.returncode}; the same command goes on") from None
    if args.out:
        pack(args.work, args.out)


if __name__ == "__main__":
    main()
