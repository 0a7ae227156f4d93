"""Times of several ways to compute the same, from one run: in turn, so that what disturbs one disturbs all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from time import process_time

import torch

Way = Callable[[], object]


def seconds(way: Way, device: str) -> float:
    """Return how long a call takes: by a GPU's events, else in processor time, to which other programs add little."""
    if device != "cuda":
        start = process_time()
        way()
        return process_time() - start
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    way()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1000


@torch.no_grad()
def interleaved(ways: Mapping[str, Way], device: str, *, repeats: int = 5) -> dict[str, float]:
    """Return the median seconds of each way over so many rounds, after one that does not count."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            took = seconds(way, device)
            if turn:
                times[name].append(took)
    return {name: median(taken) for name, taken in times.items()}


def machine(device: str) -> str:
    """Return what the times were taken on, a line."""
    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}, bf16"
    return f"CPU, {torch.get_num_threads()} threads, processor time, torch {torch.__version__}, fp32"


def table(ways: Mapping[str, float], against: str, flops: Mapping[str, float]) -> str:
    """Return a row for each way: time, ratio to one of them, and TFLOP/s of the arithmetic that it needs."""
    rows = [f"{'':<26}{'ms':>10}{'ratio':>8}{'TFLOP/s':>9}"]
    for name, took in ways.items():
        rate = f"{flops[name] / took / 1e12:9.3f}" if name in flops else f"{'':>9}"
        rows.append(f"{name:<26}{1000 * took:10.2f}{took / ways[against]:8.3f}{rate}")
    return "\n".join(rows)
