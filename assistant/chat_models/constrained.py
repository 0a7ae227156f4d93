"""What sits inside transformers' generation loop: a mask that admits only JSON of a schema, a listener for tokens."""

from __future__ import annotations

import json

import llguidance
import numpy as np
import torch
from transformers import LogitsProcessor, PreTrainedTokenizerBase
from transformers.generation.streamers import TextStreamer

from eligen.assistant.chat_models.base import OnToken, Schema


class JsonMask(LogitsProcessor):
    """Forbids every next token that JSON of the schema cannot go on with; for one `generate` call of batch 1.

    Raises ValueError when llguidance cannot read the schema.
    """

    def __init__(self, tokenizer: llguidance.LLTokenizer, schema: Schema) -> None:
        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps(schema), overrides={"whitespace_flexible": False}
        )
        self.matcher = llguidance.LLMatcher(tokenizer, grammar)
        if self.matcher.is_error():
            raise ValueError(self.matcher.get_error())
        self.started = False

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self.started:
            self.matcher.consume_token(int(input_ids[0, -1]))
        self.started = True
        # llguidance's own torch helper is torch.compiled, seconds on a CPU; unpacking the bits takes milliseconds
        bits = np.frombuffer(self.matcher.compute_bitmask(), np.uint8)
        allowed = np.unpackbits(bits, count=scores.shape[-1], bitorder="little").astype(bool)
        return scores.masked_fill(~torch.from_numpy(allowed).to(scores.device), float("-inf"))


class TokenListener(TextStreamer):
    """Passes the text to a function as it is generated."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, on_token: OnToken) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.on_token = on_token

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        if text:
            self.on_token(text)
