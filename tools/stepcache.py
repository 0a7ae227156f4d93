"""Predictions for steps that are not computed: the last two of the same pass, continued."""

from __future__ import annotations

from collections.abc import Callable

import torch


class StepCache:
    """The last two predictions of each pass ("cond", "uncond"), which know nothing of each other.

    One cache for both, as the EliGen reference's TeaCache is, would continue one pass with the other's prediction.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}

    def predict(
        self, name: str, timestep: torch.Tensor, compute: Callable[[], torch.Tensor], *, computed: bool
    ) -> torch.Tensor:
        """Return what `compute` gives, or unless `computed` a straight line through the pass's last two results.

        A pass that has one result repeats it, and one that has none computes.
        """
        kept = self._kept.setdefault(name, [])
        if computed or not kept:
            kept.append((timestep, compute()))
            del kept[:-2]
            return kept[-1][1]
        (before, earlier), (after, later) = kept[0], kept[-1]
        return later if len(kept) == 1 else torch.lerp(earlier, later, (timestep - before) / (after - before))
