"""Painting: a request in, a picture out, and nothing left behind in the models."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from eligen.tools import inpainting, transfer
from eligen.tools.adapters import active_loras
from eligen.tools.crops import Window
from eligen.tools.eightbit import eight_bit
from eligen.tools.entitymasks import entity_masks
from eligen.tools.errors import UserError
from eligen.tools.foretelling import Finish, OnStep, foretelling, part_of
from eligen.tools.hardware import Offload, Quantization
from eligen.tools.installed import lora_file
from eligen.tools.loading import Model, Progress, in_context_file, load_model, quiet
from eligen.tools.presets import PRESETS
from eligen.tools.profiles import Profile
from eligen.tools.requests import IN_CONTEXT, GenerateRequest, InpaintRequest, Lora, TransferRequest
from eligen.tools.resolving import changes, resolved, versions
from eligen.tools.segmentation import Segmenter
from eligen.tools.styling import Stylist
from eligen.tools.vocabulary import Vocabulary
from eligen.tools.wording import cuts, in_known_words

UNUSED = "the reference of {!r} was not used: give the picture that it goes into as 'image'"

_painting = threading.Lock()  # pipelines are shared: an adapter switched for one picture would show in another


@dataclass(frozen=True, eq=False)
class Painted:
    """An RGB picture, its request with every default filled in, and what the user should know, a line each.

    `mask` (255 = on) is where a RepaintRequest's picture was repainted: outside it is bit for bit as it was.
    """

    image: Image.Image
    request: GenerateRequest
    notices: tuple[str, ...]
    mask: Image.Image | None = None


class Painter:
    """Paints requests with one profile's models, which are loaded when first needed."""

    def __init__(
        self,
        *,
        profile: Profile,
        device: str | None = None,
        offload: Offload | None = None,
        quantization: Quantization | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.profile, self.quantization = profile, quantization
        self._gpu = (device or "cuda") if device != "cpu" and torch.cuda.is_available() else None
        self._alike = partial(Painter, profile=profile, device=device, offload=offload, progress=progress)
        self._say = progress or (lambda line: None)
        self._load = partial(
            load_model, profile, device=device, offload=offload, quantization=quantization, progress=progress
        )
        self.segmenter = Segmenter(profile=profile, device=device, progress=progress)
        self.stylist = Stylist(profile=profile, progress=progress)

    @cached_property
    def model(self) -> Model:
        """The loaded models; UserError says what is missing."""
        return self._load()

    @cached_property
    def vocabulary(self) -> Vocabulary | None:
        """The words that the models know, where they know only some."""
        return Vocabulary.load(self.model.folder) if self.profile.has_vocabulary else None

    @cached_property
    def _in_eight_bit(self) -> Painter:
        """The same painter with 8-bit products; UserError when torchao is missing or both do not fit."""
        return self._alike(quantization=eight_bit(self._gpu or "cpu"))

    def paint(self, request: GenerateRequest, *, on_step: OnStep | None = None) -> Painted:
        """Return the request's picture: bit for bit the same each time on one machine.

        What a RepaintRequest does not repaint is bit for bit its picture's. Paths of images, masks and LoRAs are
        relative to the current folder. `on_step` is told the number of steps done, of
        all steps, and a function that foretells the picture. Raises UserError for what cannot be used.
        """
        if request.profile not in (None, self.profile.name):
            raise UserError(f"{request.id} is for profile {request.profile}, not for {self.profile.name}")
        if self._gpu and PRESETS[request.preset].quantized and self.quantization is None:
            return self._in_eight_bit.paint(request, on_step=on_step)
        whole = self.resolve(request)
        if isinstance(whole, TransferRequest):
            painted = self._transferred(whole, on_step)
        else:
            painted = self._painted(whole, on_step)
        notices = (*painted.notices, *changes(request.versions, whole.versions))
        return replace(painted, notices=tuple(dict.fromkeys(notices)))

    def _painted(self, request: GenerateRequest, on_step: OnStep | None) -> Painted:
        """Return the picture of a resolved request, of whatever kind but a transfer."""
        asked = inpainting.asked_for(request) if isinstance(request, InpaintRequest) else request
        (scene, notices), mask = self._scene(asked), None
        notices += [UNUSED.format(entity.prompt) for entity in request.entities if entity.reference is not None]
        finish: Finish = partial(self.preview, height=request.height, width=request.width)
        window = None
        if isinstance(request, InpaintRequest):
            repaint, lines = inpainting.prepare(request, self.segmenter)
            notices += lines
            scene |= inpainting.arguments(repaint, request.strength)
            if PRESETS[request.preset].crop_edits:
                window = Window.around(repaint.mask)
                scene = window.scene(scene)
            finish, mask = partial(self._composed, repaint, window=window), inpainting.as_mask(repaint.mask)
        with self._acting(request, request.loras) as lines:
            notices += lines
            image = self._run(request, scene, finish, on_step, window)
        return Painted(image, request, tuple(notices), mask)

    def _transferred(self, request: TransferRequest, on_step: OnStep | None) -> Painted:
        """Return the picture of a resolved request with one entity after the other transferred into it."""
        image = inpainting.opened(request)
        areas, notices = transfer.painted_areas(request, image, self.segmenter)
        todo = [(entity, area) for entity, area in zip(request.entities, areas, strict=True) if area.any()]
        with self._acting(request, (*request.loras, request.in_context)) as lines:
            notices += lines
            for number, (entity, area) in enumerate(todo):
                one = transfer.prepared(request, entity, image, area)
                scene, lines = self._scene(one.request)
                notices += lines
                follow = on_step and part_of(on_step, number, len(todo))
                image = self._run(one.request, scene | one.arguments, partial(self._composed, one), follow)
        return Painted(image, request, tuple(notices), inpainting.as_mask(torch.stack(areas).any(0)))

    @contextmanager
    def _acting(self, request: GenerateRequest, loras: Sequence[Lora]) -> Iterator[list[str]]:
        """Have the models to oneself, with these LoRAs and, if the request says so, EliGen's acting in them."""
        acting = [lora for lora in loras if lora.weight]
        files, eligen = [self._lora_file(lora) for lora in acting], request.control == "eligen"
        with _painting, quiet(), active_loras(self.model.pipeline, acting, files, eligen=eligen) as lines:
            yield lines

    def _lora_file(self, lora: Lora) -> Path:
        if lora.name == IN_CONTEXT:
            return in_context_file(self.profile, self._say)
        return lora_file(lora.name, self.model.folder)

    def resolve(self, request: GenerateRequest) -> GenerateRequest:
        """Return the request with the profile's defaults where it says None, and the version of everything used.

        Raises UserError when a LoRA file is missing, or is not the one the request was made with, and ToolError when
        the profile has no weights for what it asks.
        """
        styled = any(style.scale for style in request.style_images)
        used = versions(self.model) | ({"ip_adapter": self.stylist.digest} if styled else {})
        return resolved(request, self.profile, used, self._lora_file)

    def preview(self, latents: torch.Tensor, height: int, width: int) -> Image.Image:
        """Return the picture that packed latents (1, T, 4C) decode to."""
        pipeline = self.model.pipeline
        pictures = pipeline.decode(latents, height, width)
        image: Image.Image = pipeline.image_processor.postprocess(pictures, "pil", [False])[0]
        return image

    def _composed(
        self, repaint: inpainting.Repaint | transfer.Transfer, latents: torch.Tensor, window: Window | None = None
    ) -> Image.Image:
        if window is None or not isinstance(repaint, inpainting.Repaint):
            return repaint.composed(self.model.pipeline.decode(latents, *repaint.size)[0].cpu())
        part = self.model.pipeline.decode(latents, window.height, window.width)[0].cpu()
        return repaint.composed(window.laid(repaint.before, part))

    def _scene(self, request: GenerateRequest) -> tuple[dict[str, Any], list[str]]:
        """Return the pipeline's arguments that say what to paint where, and notices."""
        profile, said = self.profile, tuple(entity.prompt for entity in request.entities)
        wording = in_known_words(self.vocabulary, request.prompt, said)
        limits = [(text, profile.max_sequence_length) for text in (wording.prompt, request.negative_prompt or "")]
        limits += [(text, profile.entity_max_sequence_length) for text in wording.entity_prompts]
        notices = [*wording.notices, *cuts(limits, self.model.pipeline.token_count)]
        scene: dict[str, Any] = {"prompt": wording.prompt, "negative_prompt": request.negative_prompt}
        if request.control != "none":
            shapes, lines = entity_masks(request.entities, request.width, request.height)
            notices += lines
            scene |= {"entity_prompts": wording.entity_prompts, "entity_masks": shapes}
        placed = () if request.control == "none" else request.entities
        if any(style.entity for style in request.style_images) and not placed:
            notices.append("styles of single things were not used: without entity control nothing has a place")
        transformer = self.model.pipeline.transformer
        scene["image_prompts"] = self.stylist.prompts(request.style_images, placed, transformer)
        return scene, notices

    def _run(
        self,
        request: GenerateRequest,
        scene: dict[str, Any],
        finish: Finish,
        on_step: OnStep | None,
        window: Window | None = None,
    ) -> Image.Image:
        pipeline, height, width = self.model.pipeline, request.height, request.width
        noise = pipeline.prepare_noise(height, width, 1, torch.Generator("cpu").manual_seed(request.seed))
        latents = noise if window is None else window.tokens(noise)
        settings = self._settings(request) | {"latents": latents, "output_type": "latent"}
        if on_step is not None:
            settings["callback_on_step_end"] = foretelling(finish, on_step)
            settings["callback_on_step_end_tensor_inputs"] = ["pred_original_sample"]
        try:
            return finish(pipeline(**settings | scene).images)
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"out of GPU memory at {width}x{height}: choose a smaller size, --offload model or --quantization int8"
            ) from error

    def _settings(self, request: GenerateRequest) -> dict[str, Any]:
        """Return the pipeline's arguments that say how to paint."""
        return {
            "height": request.height,
            "width": request.width,
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance,
            "true_cfg_scale": request.true_cfg,
            "eligen_on_negative": request.eligen_on_negative,
            "schedule": request.schedule,
            "preset": PRESETS[request.preset],
            "max_sequence_length": self.profile.max_sequence_length,
            "entity_max_sequence_length": self.profile.entity_max_sequence_length,
        }
