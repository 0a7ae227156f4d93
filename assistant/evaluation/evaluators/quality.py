"""How like a folder of pictures an agent's pictures are, as a whole: distances of their features' distributions."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from eligen.assistant.evaluation.evaluators.base import Course, Score
from eligen.tools.errors import UserError
from eligen.tools.imagefiles import open_image

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from eligen.assistant.evaluation.witness import Clip, RealClip

FEWEST = 8
SUBSETS = 50
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


class Quality:
    """Kernel and Frechet distance to a folder's pictures in CLIP features, the profile's or those of `clip`.

    The kernel distance (squared MMD of a cubic kernel, as KID's) has no bias in small samples; the Frechet distance
    has: compare it only between as many pictures.
    """

    def __init__(self, against: str, clip: str | None = None) -> None:
        self.against, self.clip = against, clip

    def gather(self, courses: Sequence[Course]) -> Iterable[Score]:
        """Return both distances, without a value where there are too few pictures or no CLIP."""
        import torch
        from torchmetrics.image.fid import FrechetInceptionDistance
        from torchmetrics.image.kid import KernelInceptionDistance

        names = ("kernel distance", "Frechet distance")
        made, real = list(pictures_of(courses)), pictures_in(Path(self.against))
        missing = "" if self.clip or not courses else courses[0].witness.missing_clip
        fewest = min(len(made), len(real))
        if missing or fewest < FEWEST:
            why = missing or f"{fewest} pictures are too few: at least {FEWEST}"
            yield from (Score(measure=name, value=None, better="lower", share=False, why=why) for name in names)
            return
        eye: Clip = self._real if self.clip else courses[0].witness.clip
        ours, theirs = _features(eye, made), _features(eye, real)
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*will save all extracted features")
            torch.manual_seed(0)
            kernel = KernelInceptionDistance(feature=_given(ours), subsets=SUBSETS, subset_size=max(fewest // 2, 2))
            _fed(kernel, theirs, ours)
            yield Score(measure=names[0], value=float(kernel.compute()[0]), better="lower", share=False)
        frechet = FrechetInceptionDistance(feature=_given(ours))
        _fed(frechet, theirs, ours)
        yield Score(measure=names[1], value=float(frechet.compute()), better="lower", share=False)

    @cached_property
    def _real(self) -> RealClip:
        from eligen.assistant.evaluation.witness import RealClip

        return RealClip(Path(self.clip or ""))


class Fid:
    """FID to a folder's pictures, with the Inception network in `weights` where the user has it and torch-fidelity."""

    def __init__(self, against: str, weights: str) -> None:
        self.against, self.weights = against, weights

    def gather(self, courses: Sequence[Course]) -> Iterable[Score]:
        """Return the distance; UserError says what is missing."""
        import torch
        from torchmetrics.image.fid import FrechetInceptionDistance
        from torchvision.transforms.functional import pil_to_tensor

        if not Path(self.weights).is_file():
            raise UserError(f"no Inception weights at {self.weights}")
        try:
            metric = FrechetInceptionDistance(feature_extractor_weights_path=self.weights)
        except ModuleNotFoundError:
            raise UserError("FID needs torch-fidelity: install it with pip install torch-fidelity") from None
        for real, images in ((True, pictures_in(Path(self.against))), (False, list(pictures_of(courses)))):
            for image in images:
                metric.update(torch.as_tensor(pil_to_tensor(image.convert("RGB")))[None], real=real)
        yield Score(measure="FID", value=float(metric.compute()), better="lower", share=False)


def pictures_of(courses: Sequence[Course]) -> Iterator[Image.Image]:
    """Yield the last picture of every course."""
    for course in courses:
        if course.painted and (image := course.picture(course.painted[-1])) is not None:
            yield image


def pictures_in(folder: Path) -> list[Image.Image]:
    """Return the pictures of a folder by name; UserError when there is no such folder."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder} of pictures to compare with")
    return [open_image(path) for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]


def _features(clip: Clip, images: Sequence[Image.Image]) -> torch.Tensor:
    import torch

    from eligen.assistant.evaluation.witness import WHOLE

    return torch.cat([clip.features(image, [WHOLE]) for image in images])


def _given(features: torch.Tensor) -> torch.nn.Module:
    """Return what torchmetrics takes for a network where the features are there already."""
    import torch

    module = torch.nn.Identity()
    module.num_features = features.shape[1]  # type: ignore[assignment]
    return module


def _fed(metric: object, real: torch.Tensor, made: torch.Tensor) -> None:
    metric.update(real, real=True)  # type: ignore[attr-defined]
    metric.update(made, real=False)  # type: ignore[attr-defined]
