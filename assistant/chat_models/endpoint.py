"""Any OpenAI-compatible server: vLLM, Ollama, LM Studio, llama.cpp, hosted models."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from PIL import Image

from eligen.assistant.chat_models.base import ChatMessage, OnToken, Schema
from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.userinput import printable

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI, Stream
    from openai.types.chat import ChatCompletionChunk

KEY = "OPENAI_API_KEY"
ADDRESS = "OPENAI_BASE_URL"
OPENAI = "https://api.openai.com/v1"
TIMEOUT = 300.0
RETRIES = 2
MOST_CHARACTERS = 60_000
SETTINGS = {"temperature": 0, "max_tokens": 4096}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Manner:
    """How a server is asked: how the answer is held to the schema, with SETTINGS or the server's own, with images."""

    form: Literal["json_schema", "json_object", "text"]
    settings: bool
    images: bool


MANNERS: tuple[Manner, ...] = (
    Manner("json_schema", settings=True, images=True),
    Manner("json_schema", settings=False, images=True),
    Manner("json_object", settings=False, images=True),
    Manner("text", settings=False, images=True),
    Manner("json_schema", settings=True, images=False),
    Manner("json_schema", settings=False, images=False),
    Manner("json_object", settings=False, images=False),
    Manner("text", settings=False, images=False),
)


class OpenAIChat:
    """A model behind an OpenAI-compatible server.

    A server that refuses a request is asked in the next of MANNERS, and from then on in the one that it takes. The
    key is read from the environment for each request, kept nowhere, and travels only over https or to this machine.
    """

    def __init__(
        self, model: str, base_url: str | None = None, *, timeout: float = TIMEOUT, max_retries: int = RETRIES
    ) -> None:
        self.model = model
        self.base_url = _address(base_url or os.environ.get(ADDRESS) or OPENAI)
        self.timeout = timeout
        self.max_retries = max_retries
        self._manners = MANNERS

    @property
    def vision(self) -> bool:
        """Whether the server takes images, as far as is known."""
        return self._manners[0].images

    def reply(
        self, messages: Sequence[ChatMessage], *, schema: Schema | None = None, on_token: OnToken | None = None
    ) -> str:
        """Return the model's answer, as ChatModel says."""
        import openai

        key = key_for(self.base_url)
        first_refusal = ""
        with openai.OpenAI(
            api_key=key or "none", base_url=self.base_url, timeout=self.timeout, max_retries=self.max_retries
        ) as client:
            for manners, request in self._requests(messages, schema):
                try:
                    answer = _complete(client, request, on_token)
                except openai.APIStatusError as error:
                    said = _said(error, key)
                    if not _is_refusal(error, said):
                        raise UserError(self._explanation(client, error, said, key)) from None
                    first_refusal = first_refusal or said
                except openai.APITimeoutError:
                    raise UserError(f"no answer from {self.base_url} within {self.timeout:g} s") from None
                except openai.APIConnectionError:
                    raise UserError(f"cannot reach {self.base_url}: does the server run, and on this port?") from None
                else:
                    self._manners = manners
                    return answer
        raise UserError(f"{self.base_url} refuses to plan with {self.model!r}: {first_refusal}")

    def _requests(
        self, messages: Sequence[ChatMessage], schema: Schema | None
    ) -> Iterator[tuple[tuple[Manner, ...], dict[str, Any]]]:
        """Yield the manners left and the request in the first of them, each distinct request once."""
        seen: list[dict[str, Any]] = []
        for start, manner in enumerate(self._manners):
            request: dict[str, Any] = {"model": self.model}
            request["messages"] = [_message(message, manner.images) for message in messages]
            if manner.settings:
                request |= SETTINGS
            if schema is not None and manner.form == "json_schema":
                described = {"name": "answer", "schema": schema, "strict": True}
                request["response_format"] = {"type": "json_schema", "json_schema": described}
            elif schema is not None and manner.form == "json_object":
                request["response_format"] = {"type": "json_object"}
            if request not in seen:
                seen.append(request)
                yield self._manners[start:], request

    def _explanation(self, client: OpenAI, error: APIStatusError, said: str, key: str) -> str:
        match error.status_code:
            case 401 | 403 if key:
                return f"{self.base_url} refuses the key in {KEY}"
            case 401 | 403:
                return f"{self.base_url} wants a key: set {KEY} (it is sent over https or to this machine only)"
            case 404:
                known = _models(client)
                hint = f"it has {known}" if known else f"is this an address that ends in /v1? ({said})"
                return f"{self.base_url} knows no model {self.model!r}: {hint}"
            case 429:
                return f"{self.base_url} is busy, or its quota is used up: {said}"
        return f"{self.base_url} answered with error {error.status_code}: {said}"


def _address(url: str) -> str:
    """Return a base URL; UserError when it is none, or carries a password or a query, which records would show."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise UserError(f"not the address of a server: {printable(url)[:80]!r}; write http://HOST:PORT/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UserError(f"the address of {parts.hostname} must hold no password and no query: keys go into {KEY}")
    return url.rstrip("/")


def key_for(base_url: str) -> str:
    """Return the key for a server, "" for none; UserError when it is missing or cannot be one."""
    key = os.environ.get(KEY, "").strip()
    if not key.isascii() or not key.isprintable():
        raise UserError(f"{KEY} holds characters that no key has")  # the HTTP library's error would quote it
    if base_url == OPENAI and not key:
        raise UserError(f"{OPENAI} wants a key: set {KEY}")
    parts = urlsplit(base_url)
    return key if parts.scheme == "https" or parts.hostname in LOOPBACK else ""


def _message(message: ChatMessage, with_images: bool) -> dict[str, Any]:
    if not message.images or not with_images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": _data_url(image)}} for image in message.images
    ]
    return {"role": message.role, "content": [*parts, {"type": "text", "text": message.text}]}


def _data_url(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _complete(client: OpenAI, request: dict[str, Any], on_token: OnToken | None) -> str:
    """Return the text of a chat completion, streamed when someone listens; ModelOutputError when it is no whole one."""
    if on_token is not None:
        return _streamed(client, request, on_token)
    try:
        completion = client.chat.completions.create(**request)
        choice = completion.choices[0]
        text, refusal, reason = choice.message.content, choice.message.refusal, choice.finish_reason
    except (AttributeError, LookupError, TypeError, ValueError):
        raise ModelOutputError("the server's answer is no chat completion") from None
    return _whole(text, refusal, reason)


def _streamed(client: OpenAI, request: dict[str, Any], on_token: OnToken) -> str:
    text, refusal, reason = "", "", None
    with client.chat.completions.create(**request, stream=True) as stream:
        for ended, refused, piece in _choices(stream):
            reason = ended or reason
            refusal += refused
            if piece:
                text += piece
                on_token(piece)
            if len(text) > MOST_CHARACTERS:
                break
    return _whole(text, refusal, reason)


def _choices(stream: Stream[ChatCompletionChunk]) -> Iterator[tuple[str | None, str, str]]:
    """Yield (finish_reason, refusal, text) of every chunk; ModelOutputError when the stream breaks off or is none."""
    import openai

    try:
        for chunk in stream:
            for choice in chunk.choices[:1]:
                yield choice.finish_reason, str(choice.delta.refusal or ""), str(choice.delta.content or "")
    except (openai.APIError, AttributeError, LookupError, TypeError, ValueError):
        raise ModelOutputError("the answer broke off in the middle") from None


def _whole(text: object, refusal: object, reason: str | None) -> str:
    """Return an answer's text; ModelOutputError that says why when it is not all there."""
    if refusal:
        raise ModelOutputError(f"the model refused: {printable(str(refusal))[:200]}")
    if not isinstance(text, str) or not text.strip():
        raise ModelOutputError("the answer is empty")
    if reason == "length" or len(text) > MOST_CHARACTERS:
        raise ModelOutputError(f"the answer was cut off after {len(text)} characters: answer more briefly")
    return text


def _is_refusal(error: APIStatusError, said: str) -> bool:
    """Whether a server may take the same request in another manner; llama.cpp refuses images with a 500."""
    return error.status_code in (400, 415, 422, 501) or (error.status_code == 500 and "image" in said.lower())


def _said(error: APIStatusError, key: str) -> str:
    """Return what the server said in one short line, without the key."""
    body = error.body
    message = body.get("message") or body.get("error") or body.get("detail") if isinstance(body, dict) else body
    line = printable(str(message or error.message))
    return (line.replace(key, "***") if key else line)[:200]


def _models(client: OpenAI) -> str:
    """Return the names of a server's models, "" when it does not tell."""
    import openai

    try:
        names = [model.id for model in client.with_options(max_retries=0, timeout=5.0).models.list().data]
    except (openai.APIError, AttributeError, TypeError, ValueError):
        return ""
    return printable(", ".join(map(str, names[:8])))
