"""Entity transfer: a thing of a reference picture, painted into another by In-Context LoRA (arXiv 2410.23775).

The canvas has two panels, the reference on the left and on the right a window of the picture whose mask is painted
anew. The LoRA has learned that both panels show the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

from eligen.tools import masks
from eligen.tools.entitymasks import entity_masks
from eligen.tools.imagefiles import open_image
from eligen.tools.inpainting import Repaint, cells, shapes
from eligen.tools.layout import Box, Entity
from eligen.tools.pixels import as_image, as_mask, as_tensor, grown, in_boxes, membrane
from eligen.tools.requests import TransferRequest
from eligen.tools.segmentation import Segmenter

TOKEN = 16  # pixels of a token's side
GROUNDS = ((255, 255, 255), (40, 40, 40))  # what a reference that is transparent is laid on

RIGHT = Box(x0=0.5, y0=0.0, x1=1.0, y1=1.0)

Window = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels


@dataclass(frozen=True, eq=False)
class Transfer:
    """One entity's canvas: an RGB image, which of its latent cells are painted (L, 0 or 255), and what to paint there.

    `request` speaks of the canvas and of this entity alone. `window` is what of the picture the right panel shows.
    """

    request: TransferRequest
    canvas: Image.Image
    mask: Image.Image
    repaint: Repaint
    window: Window

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the canvas."""
        return self.canvas.height, self.canvas.width

    @property
    def arguments(self) -> dict[str, Any]:
        """The pipeline's arguments that say what is painted over, and where the entity is."""
        entity = {} if self.request.control == "none" else {"entity_masks": [self.mask]}
        left = -self.canvas.width // 2 if self.request.origin == "picture" else 0
        return {"image": self.canvas, "mask_image": self.mask, "origin": (0, left)} | entity

    def composed(self, painted: Tensor) -> Image.Image:
        """Return the whole picture with what was painted of the canvas, (3, h, 2w) in 0..1, inside the mask."""
        x0, y0, x1, y1 = self.window
        right = painted[None, :, :, self.canvas.width // 2 :]
        fitted = functional.interpolate(right, (y1 - y0, x1 - x0), mode="bicubic", antialias=True)
        whole = self.repaint.before.clone()
        whole[:, y0:y1, x0:x1] = fitted[0].clamp(0, 1)
        return self.repaint.composed(whole)


def painted_areas(request: TransferRequest, image: Image.Image, segmenter: Segmenter) -> tuple[list[Tensor], list[str]]:
    """Return what of the picture is painted for each entity, bool (H, W), and notices; UserError for unusable masks."""
    height, width = request.height, request.width
    found, notices = entity_masks(request.entities, width, height)
    allowed = in_boxes(request.region, height, width) if request.region else torch.ones(height, width).bool()
    for kept in shapes(image, request.keep, segmenter):
        allowed &= ~kept
    areas = [torch.from_numpy(np.array(masks.union([mask], height, width))) for mask in found]
    areas = [grown(area, request.grow) & allowed for area in areas]
    for entity, area in zip(request.entities, areas, strict=True):
        if not area.any():
            notices.append(f"{entity.prompt!r} is not painted: nothing of its place may be")
    return areas, notices


def prepared(request: TransferRequest, entity: Entity, picture: Image.Image, area: Tensor) -> Transfer:
    """Return the canvas that paints an entity on `area`, bool (H, W); UserError when its reference cannot be used."""
    before = as_tensor(picture)
    emptied = membrane(before, ~area)
    panel = panel_size(request)
    window = window_of(area, panel, request.context)
    canvas = Image.new("RGB", (2 * panel[0], panel[1]))
    canvas.paste(reference_panel(open_image(Path(entity.reference or "")), panel), (0, 0))
    canvas.paste(as_image(emptied).resize(panel, Image.Resampling.LANCZOS, box=window), (panel[0], 0))
    right = torch.from_numpy(np.array(as_mask(area).resize(panel, Image.Resampling.BOX, box=window))) > 0
    mask = torch.cat([torch.zeros_like(right), right], dim=1)
    opacity = masks.feathered(as_mask(area), request.feather)
    repaint = Repaint(before, emptied, area, area.float(), opacity, match_colours=True)
    painted = cells(mask.float(), mask).point(lambda on: 255 * (on > 0))
    return Transfer(on_canvas(request, entity, canvas.size), canvas, painted, repaint, window)


def on_canvas(request: TransferRequest, entity: Entity, size: tuple[int, int]) -> TransferRequest:
    """Return the request for a canvas of (width, height) pixels: both panels in words, and one entity."""
    scene = ", ".join(filter(None, (request.background, request.style))) or request.prompt
    prompt = in_words(request.template or "", entity.prompt, scene)
    right = entity.model_copy(update={"box": RIGHT, "mask": None})
    fields = {"prompt": prompt, "entities": (right,), "width": size[0], "height": size[1]}
    return request.model_copy(update=fields)


def in_words(template: str, entity: str, scene: str) -> str:
    """Return a template with its {entity} and {scene} filled in."""
    return template.replace("{scene}", scene).replace("{entity}", entity)


def panel_size(request: TransferRequest) -> tuple[int, int]:
    """Return (width, height) of a panel: the picture's aspect on the area of a square of side `panel`, whole tokens."""
    scale = (request.panel or 0) / (request.width * request.height) ** 0.5
    width, height = (max(round(side * scale / TOKEN), 1) * TOKEN for side in (request.width, request.height))
    return width, height


def window_of(area: Tensor, panel: tuple[int, int], context: float) -> Window:
    """Return the window of the panel's aspect around a mask, bool (H, W), slid into the picture and no larger."""
    height, width = area.shape
    rows, columns = (area.any(dim).nonzero()[:, 0] for dim in (1, 0))
    top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    # Sides in units of the panel's: the smallest that holds the mask with its context.
    scale = context * max(int(right - left) / panel[0], int(bottom - top) / panel[1])
    wide, high = min(round(scale * panel[0]), width), min(round(scale * panel[1]), height)
    x0 = min(max(int(left + right - wide) // 2, 0), width - wide)
    y0 = min(max(int(top + bottom - high) // 2, 0), height - high)
    return x0, y0, x0 + wide, y0 + high


def reference_panel(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a reference as large as it fits into a panel, cut to what is not transparent, its edge's colour around."""
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = image.crop(image.getchannel("A").getbbox() or (0, 0, *image.size))
        image = _on_ground(image)
    image = image.convert("RGB")
    return ImageOps.pad(image, size, Image.Resampling.LANCZOS, color=_edge_colour(image))


def _on_ground(image: Image.Image) -> Image.Image:
    """Return an RGBA image on that of the GROUNDS which differs more from it, with some of it around."""
    pixels = np.asarray(image, dtype=np.float64)
    weight = pixels[..., 3:].sum() or 1.0
    mean = (pixels[..., :3] * pixels[..., 3:]).sum(axis=(0, 1)) / weight
    ground = max(GROUNDS, key=lambda colour: float(np.abs(mean - colour).sum()))
    margin = max(image.size) // 8
    whole = Image.new("RGB", (image.width + 2 * margin, image.height + 2 * margin), ground)
    whole.paste(image, (margin, margin), mask=image)
    return whole


def _edge_colour(image: Image.Image) -> tuple[int, int, int]:
    pixels = np.asarray(image)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = (int(value) for value in np.median(edge, axis=0))
    return red, green, blue
