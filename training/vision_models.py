"""Multimodal models that answer a question about a picture: an OpenAI-compatible server, or a local Qwen-VL."""

import base64
import io
import os
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.userinput import printable

SPELLINGS = "openai:MODEL@URL, with a key in OPENAI_API_KEY where the server wants one, or qwen:FOLDER"
MOST_TOKENS = 1024
LOOPBACK = {"localhost", "127.0.0.1", "::1"}

Ask = Callable[[Image.Image, str, dict[str, Any] | None], str]
"""Answers a question about a picture, in JSON of a schema where one is given; ModelOutputError without an answer."""


class Endpoint:
    """A model behind an OpenAI-compatible server."""

    def __init__(self, model: str, base_url: str) -> None:
        self.model, self.base_url = model, base_url

    @property
    def key(self) -> str:
        """The key from the environment, which travels only over https or to this machine, else "none"."""
        parts = urlsplit(self.base_url)
        trusted = parts.scheme == "https" or parts.hostname in LOOPBACK
        return (trusted and os.environ.get("OPENAI_API_KEY")) or "none"

    @cached_property
    def _client(self) -> Any:
        import openai

        return openai.OpenAI(base_url=self.base_url, api_key=self.key, timeout=600)

    def __call__(self, image: Image.Image, question: str, schema: dict[str, Any] | None) -> str:
        import openai

        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        url = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]
        request: dict[str, Any] = {"model": self.model, "messages": [{"role": "user", "content": content}]}
        if schema:
            described = {"name": "entities", "schema": schema, "strict": True}
            request["response_format"] = {"type": "json_schema", "json_schema": described}
        try:
            completion = self._client.chat.completions.create(**request, temperature=0, max_tokens=MOST_TOKENS)
        except openai.BadRequestError as error:
            raise ModelOutputError(f"refused by the server: {printable(error.message)[:80]}") from None
        except openai.OpenAIError as error:
            raise UserError(f"{self.base_url}: {printable(str(error))[:200]}") from None
        choice = completion.choices[0]
        if choice.finish_reason == "length" or not choice.message.content:
            raise ModelOutputError("the answer is empty or cut off")
        return str(choice.message.content)


class LocalQwen:
    """A Qwen-VL from a local folder, asked one question at a time; the answer's form is asked for, not forced."""

    def __init__(self, folder: Path, max_new_tokens: int = MOST_TOKENS) -> None:
        self.folder, self.max_new_tokens, self._lock = folder, max_new_tokens, threading.Lock()

    @cached_property
    def parts(self) -> tuple[Any, Any]:
        """The model, on the GPU where there is one, and its processor."""
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        device = "cuda" if torch.cuda.is_available() else "cpu"
        model = AutoModelForImageTextToText.from_pretrained(self.folder, dtype="auto", local_files_only=True)
        return model.to(device).eval(), AutoProcessor.from_pretrained(self.folder, local_files_only=True)

    def __call__(self, image: Image.Image, question: str, schema: dict[str, Any] | None) -> str:
        content = [{"type": "image", "image": image}, {"type": "text", "text": question}]
        with self._lock:
            model, processor = self.parts
            text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
            inputs = processor(text=[text], images=[image], return_tensors="pt").to(model.device)
            output = model.generate(**inputs, max_new_tokens=self.max_new_tokens, do_sample=False)
        written = output[0, inputs.input_ids.shape[1] :]
        if len(written) == self.max_new_tokens:
            raise ModelOutputError("the answer is empty or cut off")
        return str(processor.tokenizer.decode(written, skip_special_tokens=True))


def vision_model(name: str) -> Ask:
    """Return the model of a name in one of the SPELLINGS, not yet loaded or connected; UserError when it is none."""
    kind, _, rest = name.partition(":")
    model, _, url = rest.partition("@")
    if kind == "qwen" and Path(rest).is_dir():
        return LocalQwen(Path(rest))
    if kind == "openai" and model and url.startswith(("http://", "https://")):
        return Endpoint(model, url)
    raise UserError(f"no model {name!r}: write {SPELLINGS}")
