"""Regional attention three ways with one result: a dense mask, exact pieces without one, or FlexAttention's blocks.

The pieces: what sees all of each other (the global text and the image) in one unmasked call, and each entity with the
image tokens of its region. Softmax over a union of keys follows from softmax over its parts, so where an image token
sees several texts the pieces are merged by log-sum-exp.

Tensors are (B, S, heads, head_dim), the sequence being the entities' texts, the global text and the image. A `Partial`
is attention over some of the keys and the log-sum-exp of their scores, (B, S, heads).
"""

from __future__ import annotations

from functools import cache, reduce
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch.nn import functional
from torch.nn.attention.flex_attention import flex_attention

from eligen.tools.regions import Regions

Partial = tuple[torch.Tensor, torch.Tensor]
Rows = slice | torch.Tensor


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, regions: Regions) -> torch.Tensor:
    """Return softmax(QK)V, (B, S, heads, head_dim), where those attend who may; gradients take the dense path."""
    if regions.path == "dense" or query.requires_grad:
        return dense(query, key, value, regions)
    if regions.path == "flex":
        return flex(query, key, value, regions)
    function: Any = split_op if torch.compiler.is_compiling() else split
    return function(query, key, value, regions.lengths, regions.lists, regions.ends, regions.key_bias)


def dense(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, regions: Regions) -> torch.Tensor:
    """Return the reference: one call with a bool mask, or one in the queries' dtype where keys have weights."""
    q, k, v = (tensor.transpose(1, 2) for tensor in (query, key, value))
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=regions.mask(query.dtype)).transpose(1, 2)


# -- pieces


def split(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    lengths: torch.Tensor,
    lists: torch.Tensor,
    ends: torch.Tensor,
    key_bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return regional attention from pieces; the tables are those of `Regions`."""
    if len(lists) > 1:  # regions differ within the batch
        each = zip(*(tensor.split(1) for tensor in (query, key, value, lists, ends)), strict=True)
        return torch.cat([split(q, k, v, lengths, rows, end, key_bias) for q, k, v, rows, end in each])
    *texts, (start, image) = pairwise(accumulate(lengths.tolist(), initial=0))
    main = slice(start, query.shape[1])
    out = torch.empty_like(query)
    out[:, main], sums = over(query[:, main], key, value, [main], key_bias)
    for (first, last), (begin, end) in zip(texts, pairwise([0, *ends[0].tolist()]), strict=True):
        text, region = slice(first, last), image + lists[0, begin:end]
        out[:, text], _ = over(query[:, text], key, value, [text, region], key_bias)
        if begin < end:  # kernels take no empty queries
            seen = out[:, region], sums[:, region - start]
            told = over(query[:, region], key, value, [text], key_bias)
            out[:, region], sums[:, region - start] = merge(seen, told)
    return out


def over(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, keys: list[Rows], bias: torch.Tensor | None
) -> Partial:
    """Return attention over some of the keys.

    On a GPU those with a bias are parts by themselves, since kernels that tell their sums take no mask; the CPU's takes
    a row of biases at hardly any cost.
    """
    if query.device.type == "cpu":
        row = None if bias is None else torch.cat([_biases(rows, bias) for rows in keys])
        return partial(query, _taken(key, keys), _taken(value, keys), row)
    runs: dict[float, list[Rows]] = {}
    for rows in keys:
        for amount, run in _runs(rows, bias):
            runs.setdefault(amount, []).append(run)
    parts = []
    for amount, some in runs.items():
        out, sums = partial(query, _taken(key, some), _taken(value, some))
        parts.append((out, sums + amount))
    return reduce(merge, parts)


def merge(one: Partial, other: Partial) -> Partial:
    """Return attention over the keys of both."""
    (out, sums), (told, weights) = one, other
    share = torch.sigmoid(weights - sums)[..., None].to(out.dtype)
    return torch.lerp(out, told, share), torch.logaddexp(sums, weights)


def partial(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor | None = None) -> Partial:
    """Return attention and its log-sum-exp, from whichever kernel of the device tells it.

    Nothing is masked; on the CPU, `bias` (keys,) is added to every score of a key.
    """
    heads = [tensor.transpose(1, 2) for tensor in (query, key, value)]
    aten, device, half = torch.ops.aten, query.device.type, query.dtype in (torch.bfloat16, torch.float16)
    if device == "cpu":
        row = None if bias is None else bias.to(query.dtype).view(1, 1, 1, -1)
        out, sums = aten._scaled_dot_product_flash_attention_for_cpu(*heads, attn_mask=row)
    elif device == "cuda" and half and torch.cuda.get_device_capability(query.device) >= (9, 0):
        # cuDNN's raw operator is wrong for tensors that are not contiguous, and its sums are (B, heads, S, 1).
        heads = [tensor.contiguous() for tensor in heads]
        out, sums = aten._scaled_dot_product_cudnn_attention(*heads, None, True)[:2]
        sums = sums.view(out.shape[:3])
    elif device == "cuda" and half:
        out, sums = aten._scaled_dot_product_flash_attention(*heads)[:2]
    elif device == "cuda" and query.dtype == torch.float32:
        out, sums = aten._scaled_dot_product_efficient_attention(*heads, None, True)[:2]
        sums = sums[..., : query.shape[1]]  # padded to whole blocks
    else:
        scores = heads[0] @ heads[1].mT / query.shape[-1] ** 0.5
        out, sums = scores.softmax(-1) @ heads[2], scores.logsumexp(-1)
    return out.transpose(1, 2), sums.transpose(1, 2)


def _biases(rows: Rows, bias: torch.Tensor) -> torch.Tensor:
    """Return the biases of rows; the image's, which come as numbers, have none."""
    return bias.new_zeros(len(rows)) if isinstance(rows, torch.Tensor) else bias[rows]


def _runs(rows: Rows, bias: torch.Tensor | None) -> list[tuple[float, Rows]]:
    """Return rows in runs of one bias each; the image's, which come as numbers, have none."""
    if bias is None or isinstance(rows, torch.Tensor):
        return [(0.0, rows)]
    amounts, counts = torch.unique_consecutive(bias[rows], return_counts=True)
    stops = accumulate(counts.tolist(), initial=rows.start)
    return [(amount, slice(*ends)) for amount, ends in zip(amounts.tolist(), pairwise(stops), strict=True)]


def _taken(tensor: torch.Tensor, parts: list[Rows]) -> torch.Tensor:
    """Return some rows of a tensor (B, S, ...), without a copy where they lie together."""
    return tensor[:, parts[0]] if len(parts) == 1 else torch.cat([tensor[:, rows] for rows in parts], dim=1)


split_op = torch.library.custom_op("eligen::split_attention", split, mutates_args=())
"""`split` as one operator, which compiled code calls and does not look into."""


@split_op.register_fake
def _(query: torch.Tensor, *rest: Any) -> torch.Tensor:
    return torch.empty_like(query)


# -- blocks


def flex(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, regions: Regions) -> torch.Tensor:
    """Return regional attention by FlexAttention, which skips blocks of 128 x 128 pairs where nobody attends."""
    weighted = None
    if regions.key_bias is not None:
        bias = regions.key_bias.to(query.device)

        def weighted(score: torch.Tensor, batch: Any, head: Any, row: Any, column: Any) -> torch.Tensor:
            return score + bias[column]

    heads = (tensor.transpose(1, 2) for tensor in (query, key, value))
    out: torch.Tensor = _compiled_flex(query.device.type)(*heads, score_mod=weighted, block_mask=regions.block_mask)
    return out.transpose(1, 2)


@cache
def _compiled_flex(device: str) -> Any:
    """Return FlexAttention compiled for a GPU, and traced only elsewhere: there it is a check, not a way to be fast."""
    return torch.compile(flex_attention, backend="inductor" if device == "cuda" else "eager")
