"""Segmentation: Segment Anything over a picture, by boxes or by itself; one class for small and large models."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from segment_anything import SamAutomaticMaskGenerator, SamPredictor
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

from eligen.tools.downloads import fetch_file
from eligen.tools.errors import UserError
from eligen.tools.layout import Box, Value
from eligen.tools.loading import Progress
from eligen.tools.profiles import Profile
from eligen.tools.userinput import parse_json, read_text, validated


class SamConfig(Value):
    """The widths of a Sam, and how it looks for things by itself; the defaults are the published ViT-H's."""

    image_size: int = 1024
    patch_size: int = 16
    embed_dim: int = 1280
    depth: int = 32
    num_heads: int = 16
    mlp_ratio: float = 4.0
    window_size: int = 14
    global_attn_indexes: tuple[int, ...] = (7, 15, 23, 31)
    use_rel_pos: bool = True
    prompt_dim: int = 256
    mask_channels: int = 16
    decoder_heads: int = 8
    decoder_mlp_dim: int = 2048
    points_per_side: int = 32
    pred_iou_thresh: float = 0.88
    stability_score_thresh: float = 0.95


@dataclass(frozen=True, eq=False)
class Segment:
    """A thing's shape, bool (H, W), and how sure the model is of it (the IoU it expects, about 0..1)."""

    mask: np.ndarray
    score: float


class Segmenter:
    """Finds shapes in pictures with a profile's Sam, which is loaded when first needed and once a process."""

    def __init__(self, *, profile: Profile, device: str | None = None, progress: Progress | None = None) -> None:
        self.profile = profile
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._progress = progress or (lambda line: None)

    @cached_property
    def sam(self) -> Sam:
        """The loaded model; UserError says what is missing."""
        return load_sam(self._file(), self.device)

    def in_boxes(self, image: Image.Image, boxes: Sequence[Box]) -> list[Segment]:
        """Return the shape of the thing in each box, not confined to it; empty where the model sees none."""
        if not boxes:
            return []
        predictor = SamPredictor(self.sam)
        predictor.set_image(np.array(image.convert("RGB")))
        size = torch.tensor([*image.size, *image.size], dtype=torch.float32)
        corners = torch.tensor([box.as_tuple() for box in boxes]) * size
        prompts = predictor.transform.apply_boxes_torch(corners, (image.height, image.width)).to(self.device)
        masks, scores, _ = predictor.predict_torch(None, None, prompts, multimask_output=False)
        return [
            Segment(mask, float(score))
            for mask, score in zip(masks[:, 0].cpu().numpy(), scores[:, 0].cpu(), strict=True)
        ]

    def at_point(self, image: Image.Image, x: float, y: float) -> Segment:
        """Return the shape of the thing at a point, in fractions of the picture; of several the surest."""
        predictor = SamPredictor(self.sam)
        predictor.set_image(np.array(image.convert("RGB")))
        point = np.array([[x * image.width, y * image.height]])
        masks, scores, _ = predictor.predict(point_coords=point, point_labels=np.array([1]))
        best = int(scores.argmax())
        return Segment(masks[best], float(scores[best]))

    def proposals(self, image: Image.Image) -> list[Segment]:
        """Return the shapes that the model finds in a picture by itself, the surest first."""
        config = self.sam.config
        generator = SamAutomaticMaskGenerator(
            self.sam,
            points_per_side=config.points_per_side,
            pred_iou_thresh=config.pred_iou_thresh,
            stability_score_thresh=config.stability_score_thresh,
        )
        found = generator.generate(np.array(image.convert("RGB")))
        segments = [Segment(one["segmentation"], one["predicted_iou"]) for one in found]
        return sorted(segments, key=lambda segment: -segment.score)

    def _file(self) -> Path:
        file, source = self.profile.sam_file, self.profile.sam
        if file is None:
            assert source is not None, f"profile {self.profile.name} has neither a Sam file nor a repository"
            return fetch_file(source, self._progress)
        if not file.is_file():
            raise UserError(f"weights missing: no Sam at {file}")
        return file


def build_sam(config: SamConfig) -> Sam:
    """Return a Sam of those widths with random weights; its `config` says them."""
    side, dim = config.image_size // config.patch_size, config.prompt_dim
    sam = Sam(
        image_encoder=ImageEncoderViT(
            img_size=config.image_size,
            patch_size=config.patch_size,
            embed_dim=config.embed_dim,
            depth=config.depth,
            num_heads=config.num_heads,
            mlp_ratio=config.mlp_ratio,
            out_chans=dim,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            use_rel_pos=config.use_rel_pos,
            window_size=config.window_size,
            global_attn_indexes=config.global_attn_indexes,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=dim,
            image_embedding_size=(side, side),
            input_image_size=(config.image_size, config.image_size),
            mask_in_chans=config.mask_channels,
        ),
        mask_decoder=MaskDecoder(
            transformer_dim=dim,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=dim, num_heads=config.decoder_heads, mlp_dim=config.decoder_mlp_dim
            ),
            iou_head_hidden_dim=dim,
        ),
    )
    sam.config = config
    return sam


def save_sam(sam: Sam, folder: Path) -> None:
    """Write config.json and, in bf16, model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: weight.detach().to("cpu", torch.bfloat16).contiguous() for name, weight in sam.state_dict().items()
    }
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(sam.config.model_dump_json(indent=2) + "\n", encoding="utf-8")


_loaded: dict[tuple[Path, str], Sam] = {}
_loading = threading.Lock()


def load_sam(file: Path, device: str = "cpu") -> Sam:
    """Return the Sam of a weights file as `read_sam` does, once per process."""
    with _loading:
        if (file, device) not in _loaded:
            _loaded[file, device] = read_sam(file).to(device)
        return _loaded[file, device]


def read_sam(file: Path) -> Sam:
    """Return the Sam of a weights file in float32: .safetensors beside a config.json, or the published ViT-H's .pth.

    Raises UserError, in one line, when the file does not fit.
    """
    published, beside = file.suffix == ".pth", file.with_name("config.json")
    settings = {} if published else parse_json(read_text(beside), str(beside))
    sam = build_sam(validated(SamConfig, settings, str(beside)))
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True) if published else load_file(file)
        sam.load_state_dict(weights)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise UserError(f"cannot load the weights in {file}: {str(error).splitlines()[0]}") from error
    return sam.float().eval().requires_grad_(False)
