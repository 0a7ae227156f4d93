"""What a step of FLUX costs with entities: python -m benchmarks.flux_step [--device cuda] [--quick] [--compile]

One double and one single block of random weights at full width (FLUX.1-dev's on a GPU, a smaller FLUX on a CPU) stand
for all 19 and 38: a pass is 19 of the one and 38 of the other. Every row is timed in the same run, in turn; medians.
The last lines add passes up to whole pictures, by the presets' own schedules of steps and guidance.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import log
from typing import Any

import torch
from diffusers.models.transformers.transformer_flux import FluxSingleTransformerBlock, FluxTransformerBlock

from benchmarks.attention import Shape
from benchmarks.timing import interleaved, machine, table
from eligen.tools.attention import EliGenAttnProcessor
from eligen.tools.eightbit import eight_bit, torchao_config
from eligen.tools.presets import EXACT, PRESETS, Preset, PresetName
from eligen.tools.regions import Path, Regions

DOUBLE, SINGLE = 19, 38
KINDS = ("double", "single")
# heads, their width, the picture's side in tokens, length of texts, and of short ones: an entity's and the global
SIZES = {
    "cuda": (24, 128, 64, 512, (32, 64)),
    "cpu": (4, 64, 32, 128, (8, 16)),
    "quick": (2, 16, 16, 32, (4, 8)),
}
STEPS = 50
REFERENCE = "the reference's way"


@dataclass(frozen=True)
class Pass:
    """One pass through the transformer: what it sees, by which path, which blocks compute it, whether pads weigh."""

    shape: Shape
    path: Path
    blocks: str
    weighted: bool = False

    def regions(self, device: str) -> Regions | None:
        """Return the regions, with the last token of each short text standing for 32; None where all see all."""
        if not self.shape.entities and not self.weighted:
            return None
        regions = self.shape.regions(device)
        bias = torch.zeros(sum(regions.text_lengths))
        bias[torch.tensor(regions.text_lengths).cumsum(0) - 1] = log(32)
        return replace(regions, text_bias=bias if self.weighted else None, wanted=self.path).prepared()


def passes(heads: int, width: int, side: int, text: int, short: tuple[int, int], kinds: list[str]) -> dict[str, Pass]:
    """Return the passes of a table: plain FLUX, six entities exactly, short texts, and an edit's window."""
    edit = round(side * (0.1**0.5 + 2 / 16))  # 10 % of the area with a margin of a sixteenth of the side

    def shape(entities: int, entity_text: int, whole: int, size: int = side) -> Shape:
        return Shape(size, entities, 0.25, entity_text, whole, heads, width)

    found = {}
    for blocks in kinds:
        paths: list[Path] = ["dense", "split"] if blocks == "eager" else ["dense", "split", "flex"]
        found[f"plain, {blocks}"] = Pass(shape(0, 0, text), "dense", blocks)
        found |= {f"6 entities {path}, {blocks}": Pass(shape(6, text, text), path, blocks) for path in paths}
        for path in paths[:2]:
            found |= {
                f"short {path}, {blocks}": Pass(shape(6, *short), path, blocks, True),
                f"short negative {path}, {blocks}": Pass(shape(0, 0, short[1]), path, blocks, True),
                f"edit {path}, {blocks}": Pass(shape(1, *short, edit), path, blocks, True),
                f"edit negative {path}, {blocks}": Pass(shape(0, 0, short[1], edit), path, blocks, True),
            }
    return found


class Blocks:
    """A double and a single block that understand regions, and the tensors that a pass puts through them."""

    def __init__(self, heads: int, width: int, device: str) -> None:
        torch.manual_seed(0)
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        inner = heads * width
        self.double = FluxTransformerBlock(inner, heads, width).to(device, dtype).requires_grad_(False)
        self.single = FluxSingleTransformerBlock(inner, heads, width).to(device, dtype).requires_grad_(False)
        for index, block in enumerate((self.double, self.single)):
            block.attn.set_processor(EliGenAttnProcessor(index))
        self.inner, self.device, self.dtype = inner, device, dtype

    def compiled(self) -> Blocks:
        """Return itself, compiled."""
        self.double.compile()
        self.single.compile()
        return self

    def eight_bit(self) -> Blocks:
        """Return itself with 8-bit products, activations too, as in the preset `fast`."""
        from torchao.quantization import quantize_

        for block in (self.double, self.single):
            quantize_(block, torchao_config(eight_bit(self.device)))
        return self

    def way(self, kind: str, one: Pass) -> Callable[[], Any]:
        """Return a call of one kind of block, "double" or "single", with what the pass puts through it."""
        shape, generator = one.shape, torch.Generator(self.device).manual_seed(1)
        texts, tokens = shape.entities * shape.entity_text + shape.text, shape.side**2

        def noise(*size: int) -> torch.Tensor:
            return torch.randn(*size, generator=generator, device=self.device, dtype=self.dtype)

        rotary = tuple(noise(texts + tokens, self.inner // shape.heads).float() for _ in range(2))
        told = {"regions": one.regions(self.device)}
        streams = noise(1, tokens, self.inner), noise(1, texts, self.inner), noise(1, self.inner)
        return partial(getattr(self, kind), *streams, rotary, told)


def flops(one: Pass) -> float:
    """Return the arithmetic of a pass: products of 12 d^2 weights a token and block, and the pairs that attend."""
    shape = one.shape
    inner, texts = shape.heads * shape.width, shape.entities * shape.entity_text + shape.text
    pairs = shape.regions("cpu").pairs
    return (DOUBLE + SINGLE) * (2 * 12 * inner**2 * (texts + shape.side**2) + 4 * pairs * inner)


def pictures(took: dict[str, float], kinds: list[str]) -> Iterator[tuple[str, float]]:
    """Yield whole pictures of 50 steps: the reference's way, the presets', and an edit."""

    def total(preset: Preset, positive: str, negative: str, blocks: str) -> float:
        one, other = (
            min(spent for name, spent in took.items() if re.match(f"{kind}.*, {blocks}$", name))
            for kind in (positive, negative)
        )
        steps = [step for step in range(STEPS) if preset.computed(step, STEPS)]
        return sum(one + other * preset.guided(step, STEPS) for step in steps)

    compiled = "compiled" if "compiled" in kinds else "eager"
    yield REFERENCE, total(EXACT, "6 entities dense", "plain", "eager")
    yield "exact", total(EXACT, "6 entities", "plain", "eager")
    yield "exact, compiled", total(EXACT, "6 entities", "plain", compiled)
    presets: list[tuple[PresetName, str]] = [("balanced", compiled), ("fast", kinds[-1])]
    for name, blocks in presets:
        yield name, total(PRESETS[name], "short [ds]", "short negative", blocks)
        yield f"{name}, edit of 10 %", total(PRESETS[name], "edit [ds]", "edit negative", blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--quick", action="store_true", help="a small shape, to see that everything runs")
    parser.add_argument("--compile", action="store_true", help="compiled blocks too")
    parser.add_argument("--eight-bit", action="store_true", help="and 8-bit products, which needs torchao")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    heads, width, side, text, short = SIZES["quick" if options.quick else options.device]
    kinds = ["eager"] + ["compiled"] * options.compile + ["8-bit"] * options.eight_bit
    print(machine(options.device))
    made = {"eager": Blocks(heads, width, options.device)}
    if options.compile:
        made["compiled"] = Blocks(heads, width, options.device).compiled()
    if options.eight_bit:
        made["8-bit"] = Blocks(heads, width, options.device).eight_bit().compiled()
    torch._dynamo.config.recompile_limit = 100  # a row is a graph of its own
    rows = passes(heads, width, side, text, short, kinds)
    ways = {f"{name}|{kind}": made[one.blocks].way(kind, one) for name, one in rows.items() for kind in KINDS}
    parts = interleaved(ways, options.device, repeats=options.repeats)
    took = {name: DOUBLE * parts[f"{name}|double"] + SINGLE * parts[f"{name}|single"] for name in rows}
    print(table(took, "plain, eager", {name: flops(one) for name, one in rows.items()}))
    print("\npictures of 50 steps, seconds, and the reference's way / this")
    whole = dict(pictures(took, kinds))
    for name, spent in whole.items():
        print(f"{name:<26}{spent:10.2f}{whole[REFERENCE] / spent:8.2f}")
    for name in ("balanced", "fast"):
        print(f"{name}: edit of 10 % / full picture {whole[f'{name}, edit of 10 %'] / whole[name]:.3f}")


if __name__ == "__main__":
    main()
