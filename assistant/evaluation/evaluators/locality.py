"""What an edit changed outside the place that it had to repaint, at once and over a whole session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from eligen.assistant.evaluation.evaluators.base import Course, Score
from eligen.assistant.regions import grown
from eligen.tools.errors import UserError
from eligen.tools.layout import Box, Layout

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

MARGIN = 0.03
REACH = 5  # pixels beyond a mask that SSIM's window still sees
ALEXNET = "alexnet-owt-7be5be79.pth"


class Locality:
    """Compares the pictures before and after every inpaint outside its mask."""

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return the largest difference of a channel (0..255), SSIM, and the distance in CLIP features."""
        from eligen.assistant.evaluation.witness import WHOLE
        from eligen.tools.measures import difference_outside

        for number, before, after, mask in inpainted(course):
            apart = difference_outside(before, after, mask)
            yield Score(measure="difference outside", value=apart, turn=number, better="lower", share=False)
            yield Score(measure="SSIM outside", value=ssim_outside(before, after, mask), turn=number, share=False)
            name = "CLIP distance outside"
            if missing := course.witness.missing_clip:
                yield Score(measure=name, value=None, turn=number, better="lower", share=False, why=missing)
                continue
            one, other = (course.witness.clip.features(without(image, mask), [WHOLE])[0] for image in (before, after))
            distance = max(1 - float(one @ other), 0.0)
            yield Score(measure=name, value=distance, turn=number, better="lower", share=False)


class Drift:
    """Compares the last picture with the one it goes back to, where nothing has been repainted in between."""

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return the largest difference of a channel there, and how far kept things went in CLIP features."""
        import numpy as np

        from eligen.tools.measures import difference_outside

        edits = list(inpainted(course))
        if len(edits) < 2:
            return
        first, last = edits[0], edits[-1]
        touched = np.any([mask for _, _, _, mask in edits], axis=0)
        apart = difference_outside(first[1], last[2], touched)
        yield Score(measure="drift where untouched", value=apart, better="lower", share=False)
        boxes = kept(course, first[0] - 1, last[0])
        if not boxes:
            return
        name = "drift of kept things"
        if missing := course.witness.missing_clip:
            yield Score(measure=name, value=None, better="lower", share=False, why=missing)
            return
        old, new = (course.witness.clip.features(image, boxes) for image in (first[1], last[2]))
        distance = max(float(1 - (old * new).sum(dim=1).mean()), 0.0)
        yield Score(measure=name, value=distance, better="lower", share=False)


class Lpips:
    """LPIPS outside the mask of every inpaint, with torchvision's AlexNet where the user has its weights."""

    def evaluate(self, course: Course) -> Iterable[Score]:
        """Return the distance a turn; UserError names the missing file."""
        for number, before, after, mask in inpainted(course):
            pictures = [as_batch(without(image, mask)) * 2 - 1 for image in (before, after)]
            value = float(self._metric(*pictures))
            yield Score(measure="LPIPS outside", value=value, turn=number, better="lower", share=False)

    @cached_property
    def _metric(self) -> LearnedPerceptualImagePatchSimilarity:
        import torch
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        weights = Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET
        if not weights.is_file():
            raise UserError(f"LPIPS needs torchvision's AlexNet: no file at {weights}")
        return LearnedPerceptualImagePatchSimilarity(net_type="alex")


def inpainted(course: Course) -> Iterator[tuple[int, Image.Image, Image.Image, np.ndarray]]:
    """Yield (turn, picture before, picture after, repainted bool (H, W)) of turns that repainted in part.

    Where a painter says no mask, it is the old and new places of what the layouts say has changed.
    """
    import numpy as np

    for number in course.painted:
        before, after, mask = course.picture(number - 1), course.picture(number), course.mask(number)
        turn = course.played.turns[number - 1]
        if (
            before is None
            or after is None
            or not set(turn.tools) <= {"inpaint", "transfer"}
            or before.size != after.size
        ):
            continue
        if mask is not None:
            yield number, before, after, np.asarray(mask.convert("L")) > 0
            continue
        old, new = course.played.turns[number - 2].layout, turn.layout
        if old is not None and new is not None and old.background == new.background:
            yield number, before, after, places(old, new, *after.size)


def places(old: Layout, new: Layout, width: int, height: int) -> np.ndarray:
    """Return the mask of the boxes of entities that two layouts do not share, with a margin."""
    import numpy as np

    from eligen.tools.measures import in_box

    apart = [e for e in (*old.entities, *new.entities) if e not in old.entities or e not in new.entities]
    mask = np.zeros((height, width), dtype=bool)
    for entity in apart:
        mask |= in_box(grown(entity.box, MARGIN), width, height)
    return mask


def kept(course: Course, first: int, last: int) -> list[Box]:
    """Return the boxes of the entities that were the same from one turn to another."""
    layouts = [turn.layout for turn in course.played.turns[first - 1 : last] if turn.layout]
    return [entity.box for entity in layouts[0].entities if all(entity in layout.entities for layout in layouts)]


def ssim_outside(before: Image.Image, after: Image.Image, mask: np.ndarray) -> float:
    """Return the mean structural similarity of the pixels whose windows no repainted pixel is in; 1 without any."""
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    _, similar = structural_similarity_index_measure(
        as_batch(after).double(), as_batch(before).double(), data_range=1.0, return_full_image=True
    )
    repainted = torch.from_numpy(mask)[None, None].float()
    near = torch.nn.functional.max_pool2d(repainted, 2 * REACH + 1, stride=1, padding=REACH)[0, 0] > 0
    return float(similar[0][:, ~near].mean()) if (~near).any() else 1.0


def without(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """Return a picture with a masked place in grey."""
    from PIL import Image

    covered = image.convert("RGB")
    covered.paste((128, 128, 128), mask=Image.fromarray(mask))
    return covered


def as_batch(image: Image.Image) -> torch.Tensor:
    """Return a picture as floats (1, 3, H, W) in 0..1."""
    from torchvision.transforms.functional import to_tensor

    batch: torch.Tensor = to_tensor(image.convert("RGB"))[None]
    return batch
