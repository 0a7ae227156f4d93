"""What a session begins with: a name and settings, written down when it is opened for the first time."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from eligen.assistant.routing import Settings
from eligen.assistant.store import Store
from eligen.tools.errors import UserError
from eligen.tools.profiles import PROFILES
from eligen.tools.userinput import reason


def fresh_name() -> str:
    """Return a name for a new session that tells when it was begun."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def settled(store: Store, *, size: tuple[int, int] | None, **given: Any) -> Settings:
    """Return a session's settings, those that are given and not None instead of those it had, and write them down.

    UserError when it has another size already.
    """
    given = {name: value for name, value in given.items() if value is not None}
    old = written_settings(store)
    if old is None:
        profile = PROFILES[given["profile"]]
        width, height = size or (profile.width, profile.height)
        settings = Settings(**{"width": width, "height": height, "seed": secrets.randbelow(2**31)} | given)
    else:
        if size not in (None, (old.width, old.height)):
            raise UserError(f"session {store.folder.name!r} paints {old.width}x{old.height}: its size stays")
        settings = old.model_copy(update=given)
    thread = store.fact("thread") or secrets.token_hex(16)
    store.record(store.history, settings=settings.model_dump_json(), thread=thread)
    return settings


def written_settings(store: Store) -> Settings | None:
    """Return the settings that were written down, None where there are none; UserError when they are damaged."""
    text = store.fact("settings")
    try:
        return None if text is None else Settings.model_validate_json(text)
    except ValidationError as error:
        raise UserError(f"the settings of session {store.folder.name!r} are damaged: {reason(error)}") from None
