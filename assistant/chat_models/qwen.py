"""Qwen2.5-VL and Qwen3-VL on this machine, through transformers and qwen-vl-utils."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eligen.assistant.chat_models.base import ChatMessage, OnToken, Schema
from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.userinput import user_path

if TYPE_CHECKING:
    from llguidance import LLTokenizer
    from transformers import BatchFeature, PreTrainedModel, ProcessorMixin

KNOWN = ("qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")
MOST_TOKENS = 4096
MOST_IMAGE_TOKENS = 1024
WORKSPACE = 3 * 10**9
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


class QwenChat:
    """A local Qwen-VL: a folder, or a Hugging Face name with an optional @revision, loaded once and when first asked.

    `device` None is the GPU where the model fits, else the CPU. Answers are greedy, so they can be repeated.
    """

    vision = True

    def __init__(self, source: str, *, device: str | None = None, max_new_tokens: int = MOST_TOKENS) -> None:
        self.source, self.revision = _split(source)
        self.device = device
        self.max_new_tokens = max_new_tokens

    def reply(
        self, messages: Sequence[ChatMessage], *, schema: Schema | None = None, on_token: OnToken | None = None
    ) -> str:
        """Return the model's answer, as ChatModel says."""
        loaded = load(self.source, self.revision, self.device)
        with loaded.lock:
            return _generated(loaded, messages, schema, on_token, self.max_new_tokens)


@dataclass(frozen=True, eq=False, kw_only=True)
class Loaded:
    """A model and its processor, used by one caller at a time; `grammar` is its tokenizer as llguidance reads it."""

    model: PreTrainedModel
    processor: ProcessorMixin
    grammar: LLTokenizer
    stops: tuple[int, ...]
    lock: threading.Lock = field(default_factory=threading.Lock)


_loaded: dict[tuple[str, str | None, str | None], Loaded] = {}
_loading = threading.Lock()


def load(source: str, revision: str | None, device: str | None) -> Loaded:
    """Return a model, loaded once a process; UserError, in one line, when that is not possible."""
    with _loading:
        key = (source, revision, device)
        if key not in _loaded:
            _loaded[key] = _load(*key)
        return _loaded[key]


def _split(source: str) -> tuple[str, str | None]:
    """Return (folder or name, revision); UserError when there is no such folder and it is no name either."""
    folder = user_path(source)
    if folder.is_dir():
        return str(folder), None
    name, _, revision = source.partition("@")
    if not _HUB_NAME.fullmatch(name):
        raise UserError(f"no model folder at {source}")
    return name, revision or None


def _load(source: str, revision: str | None, device: str | None) -> Loaded:
    import llguidance.hf
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    where: dict[str, Any] = {"revision": revision, "local_files_only": Path(source).is_dir()}
    try:
        config = AutoConfig.from_pretrained(source, **where)
        if config.model_type not in KNOWN:
            raise UserError(f"{source} is a {config.model_type} model: known are {', '.join(KNOWN)}")
        with torch.device("meta"):
            empty = AutoModelForImageTextToText.from_config(config, dtype=config.dtype)
        device = device or _device(source, sum(weight.nbytes for weight in empty.parameters()))
        processor = AutoProcessor.from_pretrained(source, **where)
        model, info = AutoModelForImageTextToText.from_pretrained(
            source, dtype="auto", output_loading_info=True, **where
        )
        if missing := sorted(info["missing_keys"]):  # transformers would answer with random weights in their place
            raise UserError(f"cannot load {source}: {len(missing)} weights are missing, such as {missing[0]}")
        model.to(device).eval()
    except torch.OutOfMemoryError:
        raise UserError(f"out of GPU memory while loading {source}") from None
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(f"cannot load {source}: {_first_line(error)}") from error
    ends = model.generation_config.eos_token_id
    stops = {processor.tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} - {None}
    grammar = llguidance.hf.from_tokenizer(
        processor.tokenizer, n_vocab=model.config.text_config.vocab_size, eos_token=sorted(stops)
    )
    return Loaded(model=model, processor=processor, grammar=grammar, stops=tuple(sorted(stops)))


def _device(source: str, size: int) -> str:
    """Return where a model of `size` bytes fits; UserError when that is nowhere."""
    from eligen.tools.hardware import free_memory

    free = free_memory()
    if free.gpu is not None and size + WORKSPACE <= free.gpu:
        return "cuda"
    if size + size // 10 <= free.ram:
        return "cpu"
    needed, found = f"{size / 10**9:.1f} GB", f"{free.ram / 10**9:.1f} GB"
    raise UserError(f"not enough memory for {source}: {needed} needed, {found} free; choose a smaller model")


def _generated(
    loaded: Loaded, messages: Sequence[ChatMessage], schema: Schema | None, on_token: OnToken | None, limit: int
) -> str:
    import torch

    from eligen.assistant.chat_models.constrained import JsonMask, TokenListener

    batch = batch_of(loaded.processor, messages).to(loaded.model.device)
    tokenizer = loaded.processor.tokenizer
    with torch.inference_mode():
        try:
            output = loaded.model.generate(
                **batch,
                max_new_tokens=limit,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                eos_token_id=list(loaded.stops),
                pad_token_id=loaded.stops[0],
                logits_processor=[JsonMask(loaded.grammar, schema)] if schema is not None else None,
                streamer=TokenListener(tokenizer, on_token) if on_token is not None else None,
            )
        except torch.OutOfMemoryError:
            raise UserError("out of GPU memory while planning: choose a smaller model") from None
    written = output[0, batch["input_ids"].shape[1] :].tolist()
    if written[-1] not in loaded.stops:
        raise ModelOutputError(f"the answer was cut off after {len(written)} tokens: answer more briefly")
    return tokenizer.decode(written, skip_special_tokens=True)


def batch_of(processor: ProcessorMixin, messages: Sequence[ChatMessage]) -> BatchFeature:
    """Return the model's inputs: the chat template filled in, images sized as Qwen-VL wants them."""
    from qwen_vl_utils import process_vision_info

    patch = processor.image_processor.patch_size
    most_pixels = MOST_IMAGE_TOKENS * (patch * processor.image_processor.merge_size) ** 2
    chat = [
        {
            "role": message.role,
            "content": [
                *({"type": "image", "image": image, "max_pixels": most_pixels} for image in message.images),
                {"type": "text", "text": message.text},
            ],
        }
        for message in messages
    ]
    images, _ = process_vision_info(chat, image_patch_size=patch)
    text = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    return processor(text=[text], images=images, return_tensors="pt")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
