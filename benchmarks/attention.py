"""What a mask costs: python -m benchmarks.attention [--device cuda] [--quick]

Regional attention by its paths against one call with the dense mask, and against plain attention over the global text
and the image. Ratios are from one run, in turn, medians; TFLOP/s count the pairs that attend, so a path that computes
more shows less. On a GPU also: cuDNN with an fp32 mask beside bf16 queries, which is wrong in silence, and raw cuDNN
with strided inputs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch.nn import functional

from benchmarks.timing import Way, interleaved, machine, table
from eligen.tools.regions import Path, Regions
from eligen.tools.splitattention import attend


@dataclass(frozen=True)
class Shape:
    """A picture of side x side tokens, N entities of a share of its area each, and the lengths of the texts."""

    side: int
    entities: int
    share: float
    entity_text: int
    text: int
    heads: int
    width: int

    def __str__(self) -> str:
        places = f"{self.entities} entities of {self.share:.0%}"
        texts = f"texts of {self.entity_text} and {self.text}"
        return f"{self.side}x{self.side} tokens, {places}, {texts}, {self.heads} heads of {self.width}"

    def regions(self, device: str) -> Regions:
        """Return boxes of that share, each at a place of its own, so overlapping where there are many."""
        edge = max(1, round(self.side * self.share**0.5))
        masks = torch.zeros(1, self.entities, self.side, self.side, dtype=torch.bool)
        for number in range(self.entities):
            top, left = (number * 7919 % (self.side - edge + 1), number * 104729 % (self.side - edge + 1))
            masks[0, number, top : top + edge, left : left + edge] = True
        return Regions(masks.flatten(2).to(device), (self.entity_text,) * self.entities + (self.text,))


SHAPES = {
    "cuda": [
        Shape(64, 6, 0.25, 512, 512, 24, 128),
        Shape(64, 10, 0.10, 512, 512, 24, 128),
        Shape(64, 6, 0.25, 16, 64, 24, 128),
        Shape(64, 1, 0.25, 512, 512, 24, 128),
    ],
    "cpu": [
        Shape(64, 6, 0.25, 512, 512, 1, 128),
        Shape(64, 10, 0.10, 512, 512, 1, 128),
        Shape(32, 6, 0.25, 128, 128, 4, 64),
        Shape(16, 6, 0.25, 64, 64, 8, 32),
        Shape(16, 6, 0.25, 16, 64, 8, 32),
        Shape(8, 6, 0.25, 16, 64, 8, 32),
    ],
    "quick": [Shape(16, 3, 0.25, 16, 32, 2, 16)],
}


def ways(shape: Shape, device: str, paths: tuple[Path, ...]) -> tuple[dict[str, Way], dict[str, float]]:
    """Return the ways to attend and the arithmetic each needs."""
    regions = shape.regions(device)
    size = sum(regions.text_lengths) + shape.side**2
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    generator = torch.Generator(device).manual_seed(0)
    made = [torch.randn(1, size, shape.heads, shape.width, generator=generator, device=device) for _ in range(3)]
    query, key, value = (tensor.to(dtype) for tensor in made)
    main = [tensor[:, -(shape.text + shape.side**2) :].transpose(1, 2) for tensor in (query, key, value)]
    found: dict[str, Way] = {"plain": partial(functional.scaled_dot_product_attention, main[0], main[1], main[2])}
    cost = 4 * shape.heads * shape.width
    flops = {"plain": float(cost * main[0].shape[2] ** 2)}
    expected = attend(query, key, value, replace(regions, wanted="dense").prepared())
    for path in paths:
        one = replace(regions, wanted=path).prepared()
        found[path] = partial(attend, query, key, value, one)
        flops[path] = float(cost * regions.pairs)
        off = (attend(query, key, value, one) - expected).abs().max().item()
        print(f"  {path}: at most {off:.1e} from dense; the choice here is {regions.path}")
    return found, flops


def traps() -> Iterator[str]:
    """Yield what goes wrong in silence on this GPU: how far off results are."""
    query, key, value = (torch.randn(1, 8, 512, 128, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    mask = torch.rand(1, 1, 512, 512, device="cuda") > 0.5
    exact = functional.scaled_dot_product_attention(query.double(), key.double(), value.double(), attn_mask=mask)
    bias = torch.zeros(mask.shape, device="cuda").masked_fill(~mask, -torch.inf)
    for name, given in (("bool", mask), ("bf16", bias.bfloat16()), ("fp32", bias)):
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=given)
        yield f"a {name} mask with bf16 queries: at most {(found - exact).abs().max().item():.1e} off"
    strided = [tensor.transpose(1, 2).contiguous().transpose(1, 2) for tensor in (query, key, value)]
    cudnn = torch.ops.aten._scaled_dot_product_cudnn_attention
    for name, tensors in (("contiguous", [query, key, value]), ("strided", strided)):
        out, sums = cudnn(*tensors, None, True)[:2]
        scores = (query.double() @ key.double().mT) / 128**0.5
        wrong = (out - scores.softmax(-1) @ value.double()).abs().max().item()
        sums_wrong = (sums.view(scores.shape[:3]) - scores.logsumexp(-1)).abs().max().item()
        yield f"raw cuDNN, {name} inputs: at most {wrong:.1e} off, its sums {sums_wrong:.1e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--quick", action="store_true", help="one small shape, to see that everything runs")
    parser.add_argument("--flex", action="store_true", help="FlexAttention too, which compiles: a minute on a CPU")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(machine(options.device))
    if options.device == "cuda":
        print(*traps(), sep="\n")
    flex = options.flex or options.device == "cuda"
    paths: tuple[Path, ...] = ("dense", "split", "flex") if flex else ("dense", "split")
    for shape in SHAPES["quick" if options.quick else options.device]:
        print(f"\n{shape}")
        found, flops = ways(shape, options.device, paths)
        print(table(interleaved(found, options.device, repeats=options.repeats), "dense", flops), flush=True)


if __name__ == "__main__":
    main()
