"""Everything there is to measure on a GPU, in one call of under ten minutes: python -m benchmarks.gpu_run [--quick]

Each part is a process of its own with a limit of time, so that one that fails or hangs leaves the others' figures. The
package need not be installed: links under build/typing stand for its import names (`make typing`). Needed are torch,
diffusers with importlib-metadata and zipp, and torchao for the rows of 8-bit products.

    make typing && PYTHONPATH=build/typing:. python3 -m benchmarks.gpu_run

`--quick` runs every part at a small size on the CPU, to see that it runs.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from time import monotonic

LIMIT = 560


@dataclass(frozen=True)
class Part:
    """A benchmark to run, and how many seconds it may take."""

    command: tuple[str, ...]
    limit: int


def parts(quick: bool) -> list[Part]:
    """Return what is run, the most wanted first."""
    size = ("--quick", "--repeats", "1") if quick else ("--device", "cuda")
    eight_bit = ("--eight-bit",) if importlib.util.find_spec("torchao") else ()
    blocks = () if quick else ("--compile", *eight_bit)
    return [
        Part(("-m", "benchmarks.attention", *size), 150),
        Part(("-m", "benchmarks.flux_step", *size), 120),
        *([Part(("-m", "benchmarks.flux_step", *size, *blocks), 280)] if blocks else []),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    begun = monotonic()
    for part in parts(parser.parse_args().quick):
        left = min(part.limit, LIMIT - (monotonic() - begun))
        print(f"\n== {' '.join(part.command)}", flush=True)
        try:
            subprocess.run([sys.executable, *part.command], check=True, timeout=left)
        except subprocess.SubprocessError as error:
            print(f"!! {error}", flush=True)
    print(f"\n{monotonic() - begun:.0f} s in all")


if __name__ == "__main__":
    main()
