"""Folders of Qwen-VL's form with random weights: the real classes, small enough to build in a test."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

END = "<|im_end|>"
OTHERS = ("<|im_start|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8192,
}
VISION = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2}
SIZE = {"shortest_edge": 784, "longest_edge": 16384}


def qwen_tokenizer(texts: Sequence[str], size: int = 700) -> Qwen2Tokenizer:
    """Return Qwen's tokenizer with the commonest byte pairs of some texts."""
    pairs = Tokenizer(BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = pre_tokenizers.ByteLevel.alphabet()
    pairs.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=letters, show_progress=False)
    )
    model = json.loads(pairs.to_str())["model"]
    tokenizer = Qwen2Tokenizer(vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]], eos_token=END)
    tokenizer.add_special_tokens({"additional_special_tokens": list(OTHERS)})
    return tokenizer


def save_qwen3(folder: Path, texts: Sequence[str], seed: int = 0) -> None:
    """Write a Qwen3-VL of 0.3 M random weights that tokenizes like the texts."""
    tokenizer = qwen_tokenizer(texts)
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3], "mrope_interleaved": True}
    more = {"out_hidden_size": 64, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
    config = Qwen3VLConfig(
        text_config=TEXT | _ends(tokenizer) | {"head_dim": 16, "rope_parameters": rope},
        vision_config=VISION | more,
        **_token_ids(tokenizer),
    )
    processor = Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(patch_size=16, size=SIZE),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(patch_size=16),
        chat_template=TEMPLATE,
    )
    torch.manual_seed(seed)
    _save(folder, Qwen3VLForConditionalGeneration(config), processor, tokenizer)


def save_qwen2_5(folder: Path, texts: Sequence[str], seed: int = 0) -> None:
    """Write a Qwen2.5-VL of 0.3 M random weights that tokenizes like the texts."""
    tokenizer = qwen_tokenizer(texts)
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}
    config = Qwen2_5_VLConfig(
        text_config=TEXT | _ends(tokenizer) | {"rope_parameters": rope},
        vision_config=VISION | {"out_hidden_size": 64, "fullatt_block_indexes": [1], "window_size": 56},
        **_token_ids(tokenizer),
    )
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=SIZE),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=TEMPLATE,
    )
    torch.manual_seed(seed)
    _save(folder, Qwen2_5_VLForConditionalGeneration(config), processor, tokenizer)


def _ends(tokenizer: Qwen2Tokenizer) -> dict[str, int | None]:
    return {"vocab_size": len(tokenizer), "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id}


def _token_ids(tokenizer: Qwen2Tokenizer) -> dict[str, int]:
    names = ("vision_start", "vision_end", "image", "video")
    tokens = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    return {f"{name}_token_id": tokenizer.convert_tokens_to_ids(t) for name, t in zip(names, tokens, strict=True)}


def _save(folder: Path, model: Any, processor: Any, tokenizer: Qwen2Tokenizer) -> None:
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
