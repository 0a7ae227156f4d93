"""What a picture and an edit cost on a CPU: python -m benchmarks.mini_turn [--profile P] [--side N] [--repeats N]

The reference's way (fp32, eager, a dense mask, 512 tokens a prompt, every step, whole picture) against the presets, on
the same picture of six entities, and on an edit of 10 % of its area. All in turn in one run, medians of processor time.
The loop is the denoising alone, of two steps in the reference's way, which are counted up to all; a turn has the texts,
which a session encodes once, and the VAE too.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.timing import interleaved, machine
from eligen.tools.crops import Window
from eligen.tools.generation import Painter
from eligen.tools.layout import Box
from eligen.tools.masks import box_mask
from eligen.tools.presets import PRESETS, Preset
from eligen.tools.profiles import DEFAULT_PROFILE, get_profile
from eligen.tools.regions import VARIABLE

PROMPTS = ("a red cat", "a blue car", "a green tree", "a yellow house", "a purple umbrella", "a white dog")
PROMPT = f"{', '.join(PROMPTS)} on a meadow"
EDITED = Box(x0=0.34, y0=0.34, x1=0.66, y1=0.66)  # 10 % of the area
REFERENCE = "the reference's way"


def places() -> list[Box]:
    """Return boxes for six things in two rows."""
    return [Box.around(1 / 6 + column / 3, 0.3 + row * 0.4, 0.3, 0.35) for row in range(2) for column in range(3)]


class Turn:
    """Pictures and edits of one size by a profile's pipeline."""

    def __init__(self, painter: Painter, side: int) -> None:
        profile = painter.profile
        self.pipeline, self.side = painter.model.pipeline, side
        self.shapes = [box_mask(box, side, side) for box in places()]
        self.mask = box_mask(EDITED, side, side)
        self.picture = Image.effect_noise((side, side), 60).convert("RGB")
        self.settings: dict[str, Any] = {
            "num_inference_steps": profile.steps,
            "guidance_scale": profile.guidance_scale,
            "true_cfg_scale": profile.true_cfg_scale,
            "output_type": "pt",
        }
        self.short = {
            "max_sequence_length": profile.max_sequence_length,
            "entity_max_sequence_length": profile.entity_max_sequence_length,
        }

    def paint(self, preset: Preset, **arguments: Any) -> Any:
        """Return the picture of six entities, latents or pixels."""
        lengths = self.short if preset is not PLAIN else {"max_sequence_length": 512, "num_inference_steps": 2}
        size = {"height": self.side, "width": self.side, "generator": torch.Generator().manual_seed(1)}
        scene = {"prompt": PROMPT, "entity_prompts": PROMPTS, "entity_masks": self.shapes, "preset": preset}
        return self.pipeline(**self.settings | lengths | size | scene | arguments).images

    def edit(self, preset: Preset, **arguments: Any) -> Any:
        """Return the edited picture: of all of it, or of the window where the preset says so."""
        scene = {
            "prompt": PROMPT,
            "entity_prompts": PROMPTS[:1],
            "entity_masks": [self.mask],
            "image": self.picture,
            "mask_image": self.mask,
        }
        if preset.crop_edits:
            scene = Window.around(torch.from_numpy(np.array(self.mask) > 0)).scene(scene)
        return self.paint(preset, **scene | arguments)


PLAIN = Preset(summary=REFERENCE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default=DEFAULT_PROFILE)
    parser.add_argument("--side", type=int, default=None, help="pixels; the profile's by default")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    painter = Painter(profile=get_profile(options.profile))
    side = options.side or painter.profile.width
    turn = Turn(painter, side)
    print(machine("cpu"))
    print(f"{painter.profile.name}, {side}x{side}, {painter.profile.steps} steps, cfg {painter.profile.true_cfg_scale}")

    def dense(way: Callable[[], Any]) -> Callable[[], Any]:
        def forced() -> Any:
            os.environ[VARIABLE] = "dense"
            try:
                return way()
            finally:
                del os.environ[VARIABLE]

        return forced

    latent = {"output_type": "latent"}
    loops = {REFERENCE: dense(partial(turn.paint, PLAIN, **latent))}
    loops |= {name: partial(turn.paint, preset, **latent) for name, preset in PRESETS.items()}
    turns: dict[str, Callable[[], Any]] = {
        f"{name}, picture": partial(turn.paint, preset) for name, preset in PRESETS.items()
    }
    turns |= {f"{name}, edit": partial(turn.edit, preset) for name, preset in PRESETS.items()}
    took = interleaved(loops | turns, "cpu", repeats=options.repeats)
    took[REFERENCE] *= painter.profile.steps / 2
    print("denoising loop             seconds   / reference's way")
    for name in loops:
        print(f"{name:<24}{took[name]:10.3f}{took[name] / took[REFERENCE]:10.4f}")
    print("turn with decoding         picture      edit   edit / picture")
    for name in PRESETS:
        picture, edit = took[f"{name}, picture"], took[f"{name}, edit"]
        print(f"{name:<24}{picture:10.3f}{edit:10.3f}{edit / picture:10.3f}")
    texts = turn.pipeline.prompt_cache
    print(f"texts encoded: {texts.misses}, found again: {texts.hits}")


if __name__ == "__main__":
    main()
