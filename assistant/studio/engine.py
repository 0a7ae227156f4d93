"""What paints and sees for one profile, loaded in the background while somebody watches."""

from __future__ import annotations

import threading
import time
from typing import Any

from eligen.assistant.agents.critic import Eye
from eligen.assistant.agents.eyes import get_eye
from eligen.assistant.agents.painter import LazyPainter, Paints
from eligen.assistant.cutouts import Finder
from eligen.assistant.queueing import PainterQueue
from eligen.tools.errors import EligenError, UserError
from eligen.tools.layout import Box, Entity
from eligen.tools.profiles import Profile
from eligen.tools.requests import GenerateRequest

STAGES = ("starting PyTorch", "reading the weights", "painting a first dot", "opening the eyes")
DOT = GenerateRequest(
    prompt="a dot",
    entities=(Entity(id="dot-1", prompt="a dot", box=Box(x0=0.2, y0=0.2, x1=0.8, y1=0.8)),),
    width=64,
    height=64,
    seed=0,
    steps=1,
)


class Engine:
    """A profile's painter with the queue before it, its eye and its finder of shapes.

    `stage` says what is being loaded, `done` how many of STAGES are over, `error` why it cannot be. Another painter
    or eye can be given; `hardware` is the own painter's device, offload and quantization.
    """

    def __init__(
        self, profile: Profile, *, painter: Paints | None = None, eye: Eye | None = None, **hardware: Any
    ) -> None:
        self.profile = profile
        self.queue = PainterQueue()
        self.painter = painter or LazyPainter(profile=profile, progress=self._told, **hardware)
        self.eye = eye or get_eye(profile, device=hardware.get("device"))
        self.finder = Finder(profile=profile, device=hardware.get("device"))
        self.stage, self.done, self.seconds = "", 0, 0.0
        self.error: str | None = None
        self._ready = threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether everything is loaded."""
        return self._ready.is_set()

    def start(self) -> None:
        """Begin to load, unless that is done or under way; what failed before is tried again."""
        with self._guard:
            if not self.ready and (self._thread is None or not self._thread.is_alive()):
                self.error, self.done = None, 0
                self._thread = threading.Thread(target=self._load, name=f"load {self.profile.name}", daemon=True)
                self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait so long for everything to be loaded and return whether it is; UserError says why it cannot be."""
        if self._ready.wait(seconds):
            return True
        if self.error is not None:
            raise UserError(self.error)
        return False

    def _load(self) -> None:
        start = time.monotonic()
        try:
            for self.done, self.stage in enumerate(STAGES):
                self._stage(self.done)
        except EligenError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"loading {self.profile.name} failed: {type(error).__name__}: {error}"
            raise
        else:
            self.done, self.seconds = len(STAGES), time.monotonic() - start
            self._ready.set()

    def _stage(self, number: int) -> None:
        if isinstance(self.painter, LazyPainter) and number < 2:
            painter = self.painter.painter  # imports PyTorch
            if number == 1:
                _ = painter.model
        elif number == 2:
            self._dot = self.painter.paint(DOT).image
        elif number == 3 and self.eye is not None:
            self.eye.look(self._dot, DOT.entities)

    def _told(self, line: str) -> None:
        """Note what the painter says while it loads, of a download for one."""
        self.stage = line
