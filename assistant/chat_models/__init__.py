"""Language models by name: local Qwen-VL folders and OpenAI-compatible servers behind one protocol."""

from __future__ import annotations

import re

from eligen.assistant.chat_models.base import ChatModel
from eligen.tools.errors import UserError

KINDS = ("qwen", "openai")
SPELLINGS = "qwen:FOLDER, qwen:OWNER/NAME[@REVISION], openai:MODEL[@URL]"


def get_chat_model(name: str) -> ChatModel:
    """Return the model of a name in one of the SPELLINGS, not yet loaded or connected; UserError when it is none."""
    kind, _, rest = name.partition(":")
    if kind == "qwen" and rest:
        from eligen.assistant.chat_models.qwen import QwenChat

        return QwenChat(rest)
    if kind == "openai" and (match := re.fullmatch(r"(?P<model>.+?)(?:@(?P<url>https?://.*))?", rest)):
        from eligen.assistant.chat_models.endpoint import OpenAIChat

        return OpenAIChat(match["model"], match["url"])
    raise UserError(f"unknown model {name!r}: write {SPELLINGS}")
