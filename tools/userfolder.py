"""Where this program keeps what is the user's: sessions, and LoRAs that were added."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

from eligen.tools.userinput import user_path

HOME_VARIABLE = "ELIGEN_HOME"


def user_folder() -> Path:
    """Return ELIGEN_HOME, else this program's folder under the user's data folder; it need not exist."""
    home = os.environ.get(HOME_VARIABLE)
    return user_path(home).absolute() if home else user_data_path("eligen", appauthor=False)
