"""Painting: a request in, a picture out, and nothing left behind in the models."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any, TypeVar

import torch
from PIL import Image

from eligen.tools import inpainting
from eligen.tools.adapters import active_loras, lora_file, pinned
from eligen.tools.denoising import Callback
from eligen.tools.entitymasks import entity_masks
from eligen.tools.errors import UserError
from eligen.tools.hardware import Offload, Quantization
from eligen.tools.loading import Model, Progress, load_model, quiet
from eligen.tools.profiles import Profile
from eligen.tools.requests import GenerateRequest, InpaintRequest
from eligen.tools.segmentation import Segmenter
from eligen.tools.vocabulary import Vocabulary
from eligen.tools.wording import Wording, in_known_words

LIBRARIES = {"eligen": "eligen-assistant"} | {name: name for name in ("torch", "diffusers", "transformers", "peft")}

OnStep = Callable[[int, int, Callable[[], Image.Image]], None]
Finish = Callable[[torch.Tensor], Image.Image]
T = TypeVar("T")

_painting = threading.Lock()  # pipelines are shared: an adapter switched for one picture would show in another


@dataclass(frozen=True, eq=False)
class Painted:
    """An RGB picture, its request with every default filled in, and what the user should know, a line each.

    `mask` (255 = on) is where an InpaintRequest's picture was repainted: outside it is bit for bit as it was.
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
        self.profile = profile
        self._load = partial(
            load_model, profile, device=device, offload=offload, quantization=quantization, progress=progress
        )
        self.segmenter = Segmenter(profile=profile, device=device, progress=progress)

    @cached_property
    def model(self) -> Model:
        """The loaded models; UserError says what is missing."""
        return self._load()

    @cached_property
    def vocabulary(self) -> Vocabulary | None:
        """The words that the models know, where they know only some."""
        return Vocabulary.load(self.model.folder) if self.profile.has_vocabulary else None

    def paint(self, request: GenerateRequest, *, on_step: OnStep | None = None) -> Painted:
        """Return the request's picture: bit for bit the same each time on one machine.

        What an InpaintRequest does not repaint is bit for bit its picture's. Paths of images, masks and LoRAs are
        relative to the current folder. `on_step` is told the number of steps done, of
        all steps, and a function that foretells the picture. Raises UserError for what cannot be used.
        """
        if request.profile not in (None, self.profile.name):
            raise UserError(f"{request.id} is for profile {request.profile}, not for {self.profile.name}")
        resolved = self.resolve(request)
        files = [lora_file(lora.name, self.model.folder) for lora in request.loras]
        weights = [lora.weight for lora in request.loras]
        scene, notices = self._scene(
            inpainting.asked_for(resolved) if isinstance(resolved, InpaintRequest) else resolved
        )
        notices += _changes(request.versions, resolved.versions)
        mask = None
        finish: Finish = partial(self.preview, height=request.height, width=request.width)
        if isinstance(resolved, InpaintRequest):
            repaint, lines = inpainting.prepare(resolved, self.segmenter)
            notices += lines
            scene |= inpainting.arguments(repaint, resolved.strength)
            finish, mask = partial(self._composed, repaint), inpainting.as_mask(repaint.mask)
        with _painting, quiet(), active_loras(self.model.pipeline, files, weights, eligen=request.control == "eligen"):
            image = self._run(resolved, scene, finish, on_step)
        return Painted(image, resolved, tuple(dict.fromkeys(notices)), mask)

    def resolve(self, request: GenerateRequest) -> GenerateRequest:
        """Return the request with the profile's defaults where it says None, and the version of everything used.

        Raises UserError when a LoRA file is missing, or is not the one the request was made with.
        """
        profile, folder = self.profile, self.model.folder
        return request.model_copy(
            update={
                "profile": profile.name,
                "steps": _given(request.steps, profile.steps),
                "guidance": _given(request.guidance, profile.guidance_scale),
                "true_cfg": _given(request.true_cfg, profile.true_cfg_scale),
                "negative_prompt": _given(request.negative_prompt, profile.negative_prompt),
                "schedule": _given(request.schedule, profile.schedule),
                "loras": tuple(pinned(lora, lora_file(lora.name, folder)) for lora in request.loras),
                "versions": self.versions(),
            }
        )

    def versions(self) -> dict[str, str]:
        """Return what besides the request makes the picture: libraries, weights, and what computes with them."""
        libraries = {name: version(package) for name, package in LIBRARIES.items()}
        model = self.model
        return libraries | {
            "base": model.digest,
            "eligen_lora": f"sha256:{model.lora_sha256}",
            "device": model.device,
            "precision": model.precision,
        }

    def preview(self, latents: torch.Tensor, height: int, width: int) -> Image.Image:
        """Return the picture that packed latents (1, T, 4C) decode to."""
        pipeline = self.model.pipeline
        pictures = pipeline.decode(latents, height, width)
        image: Image.Image = pipeline.image_processor.postprocess(pictures, "pil", [False])[0]
        return image

    def _composed(self, repaint: inpainting.Repaint, latents: torch.Tensor) -> Image.Image:
        height, width = repaint.mask.shape
        return inpainting.composed(repaint, self.model.pipeline.decode(latents, height, width)[0].cpu())

    def _scene(self, request: GenerateRequest) -> tuple[dict[str, Any], list[str]]:
        """Return the pipeline's arguments that say what to paint where, and notices."""
        wording = self._wording(request)
        notices = [
            *wording.notices,
            *self._cuts([wording.prompt, request.negative_prompt or ""], wording.entity_prompts),
        ]
        scene: dict[str, Any] = {"prompt": wording.prompt, "negative_prompt": request.negative_prompt}
        if request.control != "none":
            shapes, lines = entity_masks(request.entities, request.width, request.height)
            notices += lines
            scene |= {"entity_prompts": wording.entity_prompts, "entity_masks": shapes}
        return scene, notices

    def _wording(self, request: GenerateRequest) -> Wording:
        said = tuple(entity.prompt for entity in request.entities)
        if self.vocabulary is None:
            return Wording(request.prompt, said)
        return in_known_words(self.vocabulary, request.prompt, said)

    def _cuts(self, prompts: Sequence[str], entity_prompts: Sequence[str]) -> Iterator[str]:
        profile = self.profile
        limits = [(text, profile.max_sequence_length) for text in prompts]
        limits += [(text, profile.entity_max_sequence_length) for text in entity_prompts]
        for text, most in limits:
            if (tokens := self.model.pipeline.token_count(text)) > most:
                yield f"prompt cut to its first {most} of {tokens} tokens: {text[:40]!r}..."

    def _run(
        self, request: GenerateRequest, scene: dict[str, Any], finish: Finish, on_step: OnStep | None
    ) -> Image.Image:
        pipeline, height, width = self.model.pipeline, request.height, request.width
        noise = pipeline.prepare_noise(height, width, 1, torch.Generator("cpu").manual_seed(request.seed))
        settings = self._settings(request) | {"latents": noise, "output_type": "latent"}
        if on_step is not None:
            settings["callback_on_step_end"] = _foretelling(finish, on_step)
            settings["callback_on_step_end_tensor_inputs"] = ["pred_original_sample"]
        try:
            return finish(pipeline(**scene, **settings).images)
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
            "max_sequence_length": self.profile.max_sequence_length,
            "entity_max_sequence_length": self.profile.entity_max_sequence_length,
        }


def _foretelling(finish: Finish, on_step: OnStep) -> Callback:
    """Return a callback that tells each step, and how to see what the picture is going to be."""

    def follow(pipeline: Any, step: int, timestep: Any, values: dict[str, torch.Tensor]) -> dict[str, Any]:
        on_step(step + 1, pipeline.num_timesteps, partial(finish, values["pred_original_sample"]))
        return {}

    return follow


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


def _changes(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return a notice when a picture is painted again by other versions than before."""
    changed = [name for name, value in before.items() if now.get(name, value) != value]
    return [f"first painted with other versions ({', '.join(changed)}): it may differ"] if changed else []
