"""Regions: who may look at whom when entities have places of their own, and the tables that attention reads it from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import torch
from torch.nn.attention.flex_attention import create_block_mask

from eligen.tools.errors import UserError

Path = Literal["dense", "split", "flex"]
VARIABLE = "ELIGEN_ATTENTION"
# In pairs of tokens that unmasked attention computes meanwhile: what a pair costs under a mask, and what a piece of the
# split path costs beside its arithmetic. By benchmarks/attention.py for the CPU, estimated for GPUs. A table and not
# timed as it runs: a request gives the same picture each time.
MASKED_PAIR = {"cpu": 1.5, "cuda": 1.12}
PIECE = {"cpu": 20_000, "cuda": 1_000_000}


@dataclass(frozen=True, eq=False)
class Regions:
    """Where each entity acts, for a sequence of entity texts, then the global text, then the image tokens.

    `token_masks` is bool (B, N, T), B being 1 or the batch size; `text_lengths` are the N entities' text lengths and,
    last, the global prompt's. `text_bias`, float32 (text tokens,) in main memory, is log m for a token that stands for
    m equal ones, so 0 for most. `wanted` is how attention is computed, by measurement where it is None.
    """

    token_masks: torch.Tensor
    text_lengths: tuple[int, ...]
    text_bias: torch.Tensor | None = None
    wanted: Path | None = None

    @cached_property
    def path(self) -> Path:
        """How attention is computed: as wanted, else as ELIGEN_ATTENTION says, else what is faster on this device.

        Raises UserError for an unknown name.
        """
        if chosen := self.wanted or os.environ.get(VARIABLE):
            if chosen not in get_args(Path):
                raise UserError(f"unknown {VARIABLE} {chosen!r}: known are {', '.join(get_args(Path))}")
            return chosen  # type: ignore[return-value]
        batch, _, tokens = self.token_masks.shape
        device = self.token_masks.device.type
        if device not in PIECE:
            return "dense"
        apart = device == "cuda" and self.text_bias is not None  # weighted tokens are pieces by themselves
        pieces = batch * (2 * len(self.text_lengths) - 1) * (2 if apart else 1)
        masked = MASKED_PAIR[device] * (sum(self.text_lengths) + tokens) ** 2
        return "split" if self.pairs + pieces * PIECE[device] < masked else "dense"

    def prepared(self) -> Regions:
        """Return itself with the tables of its path made: compiled code then only reads them."""
        tables = {"dense": ("attention_mask",), "split": ("lengths", "lists", "ends"), "flex": ("block_mask",)}
        for name in ("key_bias", *tables[self.path]):
            getattr(self, name)
        return self

    @cached_property
    def attention_mask(self) -> torch.Tensor:
        """Bool (B, 1, S, S), True = attends: a text sees itself and its region, the image sees itself and its texts.

        Bool and not additive, because an fp32 mask beside bf16 queries is misread by cuDNN attention.
        """
        batch, _, tokens = self.token_masks.shape
        everywhere = torch.ones(batch, 1, tokens, dtype=torch.bool, device=self.token_masks.device)
        group = self.groups
        text_image = torch.cat([self.token_masks, everywhere], dim=1)[:, group]
        text_text = (group[:, None] == group[None, :]).expand(batch, -1, -1)
        image_image = everywhere.expand(-1, tokens, -1)
        text_rows = torch.cat([text_text, text_image], dim=2)
        image_rows = torch.cat([text_image.mT, image_image], dim=2)
        return torch.cat([text_rows, image_rows], dim=1)[:, None]

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """`attention_mask`, or the same as a bias in the queries' dtype where some keys have one."""
        if self.key_bias is None:
            return self.attention_mask
        if dtype not in self._biases:
            bias = self.key_bias.to(self.token_masks.device, dtype)
            self._biases[dtype] = bias.where(self.attention_mask, -torch.inf)
        return self._biases[dtype]

    @cached_property
    def _biases(self) -> dict[torch.dtype, torch.Tensor]:
        return {}

    @cached_property
    def groups(self) -> torch.Tensor:
        """The number of the text that each text token belongs to, int64 (text tokens,)."""
        device = self.token_masks.device
        lengths = torch.tensor(self.text_lengths, device=device)
        return torch.repeat_interleave(torch.arange(len(lengths), device=device), lengths)

    @cached_property
    def key_bias(self) -> torch.Tensor | None:
        """Float32 (S,) in main memory: what every score of a key gets, None where that is nothing."""
        if self.text_bias is None:
            return None
        return torch.cat([self.text_bias, torch.zeros(self.token_masks.shape[2])])

    @cached_property
    def block_mask(self) -> Any:
        """`attention_mask` in FlexAttention's form."""
        mask = self.attention_mask
        batch = None if len(mask) == 1 else len(mask)

        def allowed(one: torch.Tensor, head: torch.Tensor, row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
            return mask[one if batch else 0, 0, row, column]

        rows, columns = mask.shape[2:]
        return create_block_mask(allowed, batch, None, rows, columns, device=mask.device)

    @cached_property
    def lengths(self) -> torch.Tensor:
        """`text_lengths` as int64 (N + 1,) in main memory: compiled code is made anew for other numbers, not these."""
        return torch.tensor(self.text_lengths)

    @cached_property
    def lists(self) -> torch.Tensor:
        """The image tokens of each entity, one entity after the other, int64 (B, N * T), the rest of the row unused.

        A row has room for any layout, so that a new one looks like the last to compiled code.
        """
        batch, count, tokens = self.token_masks.shape
        lists = torch.zeros(batch, count * tokens, dtype=torch.int64)
        for masks, row in zip(self.token_masks.cpu(), lists, strict=True):
            chosen = masks.nonzero()[:, 1]
            row[: len(chosen)] = chosen
        return lists.to(self.token_masks.device)

    @cached_property
    def ends(self) -> torch.Tensor:
        """Where in its row of `lists` each entity's tokens end, int64 (B, N) in main memory."""
        return self.token_masks.sum(2).cumsum(1).cpu()

    @cached_property
    def pairs(self) -> int:
        """How many pairs of tokens attend, of the S * S that a dense mask computes: the mean over the batch."""
        batch, _, tokens = self.token_masks.shape
        *entities, whole = self.text_lengths
        areas = [area / batch for area in self.token_masks.sum((0, 2)).tolist()]
        regional = sum(length**2 + 2 * length * area for length, area in zip(entities, areas, strict=True))
        return int((whole + tokens) ** 2 + regional)
