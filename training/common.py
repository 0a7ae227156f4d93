"""What every training script shares: the clock that drives the learning rate, the moving average, saving, logging."""

import argparse
import json
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

MODEL_DIR = Path(__file__).parent.parent / "tools" / "weights" / "mini"


def arguments(description: str, **defaults: object) -> argparse.ArgumentParser:
    """Return a parser with the options all scripts have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--minutes", type=float, default=30.0, help="length of the run; the learning rate follows the clock"
    )
    parser.add_argument("--batch", type=int, default=defaults.get("batch", 16))
    parser.add_argument("--lr", type=float, default=defaults.get("lr", 1e-3))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--model", type=Path, default=MODEL_DIR, help="model folder to read from and write to")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where logs and sample sheets go")
    parser.add_argument("--fresh", action="store_true", help="start from random weights instead of the shipped ones")
    return parser


class Clock:
    """Iterate steps until the minutes, or so many steps, are over; `share` runs from 0 to 1."""

    def __init__(self, minutes: float, steps: int | None = None) -> None:
        self.begin, self.seconds, self.steps, self.step = time.monotonic(), minutes * 60, steps, 0

    @property
    def share(self) -> float:
        if self.steps is not None:
            return min(1.0, self.step / self.steps)
        return min(1.0, (time.monotonic() - self.begin) / self.seconds)

    def __iter__(self) -> Iterator[int]:
        while self.share < 1:
            self.step += 1
            yield self.step

    def learning_rate(self, peak: float, warmup: int = 100) -> float:
        """Return a linear warm-up in steps, then a cosine in time down to 2 % of the peak."""
        return peak * min(1.0, self.step / warmup) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.share)))


class MovingAverage:
    """Exponential moving average of a module's trainable parameters, the weights that are shipped."""

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        self.parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self.shadow = {n: p.detach().clone() for n, p in self.parameters.items()}
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, parameter in self.parameters.items():
            self.shadow[name].lerp_(parameter, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the averaged and the live weights."""
        for name, parameter in self.parameters.items():
            live = parameter.detach().clone()
            parameter.copy_(self.shadow[name])
            self.shadow[name].copy_(live)


class Log:
    """Print progress lines and append them to runs/NAME.jsonl."""

    def __init__(self, folder: Path, name: str, every: float = 20.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.every, self.last = folder / f"{name}.jsonl", every, time.monotonic()
        self.values: dict[str, list[float]] = {}

    def add(self, clock: Clock, **values: float) -> None:
        """Collect one step's values; print their means every few seconds."""
        for key, value in values.items():
            self.values.setdefault(key, []).append(float(value))
        if time.monotonic() - self.last > self.every:
            means = {key: round(sum(some) / len(some), 5) for key, some in self.values.items()}
            self.note(step=clock.step, share=round(clock.share, 4), **means)
            self.values, self.last = {}, time.monotonic()

    def note(self, **values: object) -> None:
        """Write one line."""
        line = json.dumps(values)
        print(line, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def precision(device: str) -> torch.autocast:
    """Return bf16 autocast for a device."""
    return torch.autocast(torch.device(device).type, torch.bfloat16)


def quick_attention(device: str) -> AbstractContextManager[None]:
    """Return the context in which attention trains fastest: on a CPU its fused backward pass is ten times slower."""
    return sdpa_kernel(SDPBackend.MATH) if device == "cpu" else nullcontext()
