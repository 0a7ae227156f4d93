"""The studio: engines by profile and desks by session, for all who visit."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path

from eligen.assistant.opening import fresh_name
from eligen.assistant.store import list_sessions, session_folder
from eligen.assistant.studio.choices import Choices
from eligen.assistant.studio.desk import Desk
from eligen.assistant.studio.engine import Engine
from eligen.tools.layout import Value
from eligen.tools.profiles import PROFILES, get_profile

LOCAL = ("127.0.0.1", "localhost", "::1")
MOST_DESKS = 64  # the longest unused beyond that are closed; they open again when somebody comes


class Options(Value):
    """What the studio is started with; `choices` are those of new sessions."""

    host: str = "127.0.0.1"
    port: int = 8501
    choices: Choices = Choices()
    model_dir: Path | None = None
    lora_file: Path | None = None
    device: str | None = None
    offload: str | None = None
    quantization: str | None = None


class Studio:
    """Engines and desks, each made when first asked for."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._guard = threading.RLock()
        self._engines: dict[str, Engine] = {}
        self._desks: dict[str, Desk] = {}

    @property
    def local(self) -> bool:
        """Whether only this machine can visit; else nobody is shown what sessions there are."""
        return self.options.host in LOCAL

    def engine(self, name: str) -> Engine:
        """Return the engine of a profile; UserError when there is none of that name."""
        with self._guard:
            if name not in self._engines:
                options = self.options
                own = name == options.choices.profile  # the files given are the chosen profile's
                self._engines[name] = Engine(
                    get_profile(
                        name,
                        model_dir=options.model_dir if own else None,
                        lora_file=options.lora_file if own else None,
                    ),
                    device=options.device,
                    offload=options.offload,
                    quantization=options.quantization,
                )
            return self._engines[name]

    def desk(self, name: str) -> Desk:
        """Return the desk of a session, new or old; UserError when that cannot be its name."""
        session_folder(name)
        with self._guard:
            desk = self._desks.pop(name, None) or Desk(name, self.engine, self.options.choices)
            self._desks[name] = desk  # the last used is the last
            for old in list(self._desks.values())[:-MOST_DESKS]:
                if old.idle:
                    self._desks.pop(old.name).close()
            return desk

    def fresh_name(self) -> str:
        """Return a name for a new session, which nobody can guess where others can visit."""
        return fresh_name() if self.local else secrets.token_hex(16)

    @property
    def sessions(self) -> list[str]:
        """The names of all sessions, the last used first; none where others can visit."""
        return list_sessions() if self.local else []

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of all profiles."""
        return tuple(PROFILES)

    def start(self) -> None:
        """Begin to load what new sessions are painted with."""
        self.engine(self.options.choices.profile).start()


def open_studio(options: Options | None = None) -> Studio:
    """Return this process's studio, opened with these options by the first who asks."""
    global _studio
    with _opening:
        if _studio is None:
            _studio = Studio(options or Options())
            _studio.start()
        return _studio


_studio: Studio | None = None
_opening = threading.Lock()
