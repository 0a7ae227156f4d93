"""Presets: how much a picture may differ from the paper's to be there sooner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PresetName = Literal["exact", "balanced", "fast"]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What is left out to save time; nothing by default.

    `merge_pads` gives a text's padding the weight it had and the room of a few tokens. `crop_edits` paints an edit
    without what is far from it. `compiled` and `quantized` matter on a GPU alone: compiled blocks, 8-bit products.
    Classifier-free guidance is applied to steps from `guidance_from` to `guidance_to`, shares of all steps.
    `compute_every` n lets the transformer predict every n-th step; the steps between continue its last two predictions.
    """

    summary: str
    merge_pads: bool = False
    crop_edits: bool = False
    compiled: bool = False
    quantized: bool = False
    guidance_from: float = 0.0
    guidance_to: float = 1.0
    compute_every: int = 1

    def guided(self, step: int, steps: int) -> bool:
        """Return whether that step, from 0, has classifier-free guidance."""
        return self.guidance_from <= step / steps < self.guidance_to

    def computed(self, step: int, steps: int) -> bool:
        """Return whether the transformer predicts that step, as it does the first two and the last in any case."""
        return step < 2 or step == steps - 1 or (step - 1) % self.compute_every == 0


EXACT = Preset(summary="the paper, to rounding")
PRESETS: dict[PresetName, Preset] = {
    "exact": EXACT,
    "balanced": Preset(summary="short texts, compiled, edits by crop", merge_pads=True, crop_edits=True, compiled=True),
    "fast": Preset(
        summary="as balanced, with 8-bit products, guidance in part and every other step computed",
        merge_pads=True,
        crop_edits=True,
        compiled=True,
        quantized=True,
        guidance_to=0.6,
        compute_every=2,
    ),
}
