"""Painting for the commands: models loaded once, progress on a terminal, files beside the picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from eligen.assistant.commands.interrupts import ending_at_once
from eligen.assistant.commands.options import note
from eligen.tools.errors import UserError
from eligen.tools.profiles import Profile
from eligen.tools.requests import GenerateRequest

if TYPE_CHECKING:
    from tqdm import tqdm

    from eligen.tools.generation import Painter


class Easel:
    """The painters of one command, each loaded when its profile is first asked for.

    `hardware` is the painters' device, offload and quantization.
    """

    def __init__(self, **hardware: Any) -> None:
        self._hardware = hardware
        self._painters: dict[Profile, Painter] = {}

    def paint(self, profile: Profile, request: GenerateRequest, path: Path, *, overlay: bool = False) -> None:
        """Paint a request and write path (.png), its .json and, where asked for, its .layout.png; print notices."""
        painter = self._painters.get(profile) or self._load(profile)
        with progress(path.name, "step") as bar:

            def show(done: int, total: int, _preview: object) -> None:
                bar.total = total
                bar.update(done - bar.n)

            painted = painter.paint(request, on_step=show)
        from eligen.tools.metadata import write_picture
        from eligen.tools.overlay import draw_layout

        for notice in painted.notices:
            note(notice)
        write_picture(painted.image, painted.request, path)
        if overlay:
            target = path.with_suffix(".layout.png")
            try:
                draw_layout(painted.image, painted.request.layout).save(target)
            except OSError as error:
                raise UserError(f"cannot write {target}: {error.strerror or error}") from error

    def _load(self, profile: Profile) -> Painter:
        with ending_at_once(), progress(f"loading {profile.name}", "part", total=2) as bar:
            from eligen.tools.generation import Painter  # takes seconds: PyTorch, diffusers and transformers come along

            bar.update()
            painter = Painter(profile=profile, progress=note, **self._hardware)
            _ = painter.model
            bar.update()
        self._painters[profile] = painter
        return painter


def progress(description: str, unit: str, total: int | None = None) -> tqdm[Any]:
    """Return a progress bar that shows itself on a terminal only, and after two seconds."""
    from tqdm import tqdm

    return tqdm(desc=description, unit=unit, total=total, delay=2, disable=None, leave=False)
