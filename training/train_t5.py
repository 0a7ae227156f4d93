"""Train the T5-style text encoder to know what each word speaks of: python -m training.train_t5 --minutes 10.

Every token of a thing's words must tell its noun, colour, material and stated place; the whole sequence its background
and style. The heads are thrown away: what remains are embeddings in which attributes are bound to their nouns.
"""

import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from training import backgrounds, styles
from training.captions import SIDES, caption, entity_prompt
from training.common import Clock, Log, MovingAverage, arguments, precision, set_rate
from training.scenes import COLOURS, MATERIALS, World

CONFIG = {
    "d_model": 160, "d_kv": 40, "num_heads": 4, "num_layers": 3, "d_ff": 320, "feed_forward_proj": "gated-gelu",
    "dropout_rate": 0.0, "is_encoder_decoder": False, "use_cache": False, "eos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
LABELS = {"noun": 0, "colour": 1 + len(COLOURS), "material": 1 + len(MATERIALS), "side": 1 + len(SIDES)}
LENGTHS = (16, 32, 64)


@dataclass
class Batch:
    """Token ids (B, L); per-token labels (B, L) with -100 outside things; background and style (B,)."""

    ids: Tensor
    tokens: dict[str, Tensor]
    background: Tensor
    style: Tensor


def make_batch(world: World, tokenizer: T5Tokenizer, rng: random.Random, count: int, length: int) -> Batch:
    """Return captions (entity prompts when the length is 16) with what their tokens speak of."""
    texts, labels, grounds, manners = [], [], [], []
    for _ in range(count):
        scene = world.sample(rng, max_things={16: 1, 32: 3, 64: 8}[length])
        if length == 16:
            text = entity_prompt(world, scene.things[0], rng)
            spans = [(0, len(text), scene.things[0], "")]
            grounds.append(-100)
            manners.append(-100)
        else:
            said = caption(world, scene, rng)
            text = said.text
            spans = [(s.start, s.end, scene.things[s.things[0]], s.side) for s in said.spans]
            grounds.append(backgrounds.NAMES.index(scene.background))
            manners.append(styles.NAMES.index(scene.style))
        texts.append(text)
        labels.append(spans)
    encoded = tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_offsets_mapping=True)
    tokens = {name: torch.full((count, length), -100) for name in LABELS}
    for row, (offsets, spans) in enumerate(zip(encoded["offset_mapping"], labels, strict=True)):
        for column, (start, end) in enumerate(offsets):
            for span_start, span_end, thing, side in spans:
                if start < end and max(start, span_start) < min(end, span_end):
                    tokens["noun"][row, column] = thing.noun
                    tokens["colour"][row, column] = 1 + list(COLOURS).index(thing.colour) if thing.colour else 0
                    tokens["material"][row, column] = 1 + list(MATERIALS).index(thing.material) if thing.material else 0
                    tokens["side"][row, column] = 1 + list(SIDES).index(side) if side else 0
    return Batch(torch.tensor(encoded["input_ids"]), tokens, torch.tensor(grounds), torch.tensor(manners))


class Heads(nn.Module):
    """Linear read-outs of the encoder's states."""

    def __init__(self, width: int, nouns: int) -> None:
        super().__init__()
        self.tokens = nn.ModuleDict({name: nn.Linear(width, size or nouns) for name, size in LABELS.items()})
        self.background = nn.Linear(width, len(backgrounds.NAMES))
        self.style = nn.Linear(width, len(styles.NAMES))

    def forward(self, states: Tensor, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the summed loss and the accuracy of each read-out."""
        device, loss, right = states.device, states.new_zeros(()), {}
        pairs = {name: (self.tokens[name](states).flatten(0, 1), batch.tokens[name].flatten()) for name in LABELS}
        pooled = states.mean(1)
        pairs |= {"background": (self.background(pooled), batch.background), "style": (self.style(pooled), batch.style)}
        for name, (logits, target) in pairs.items():
            target = target.to(device)
            if (known := target >= 0).any():
                loss = loss + F.cross_entropy(logits.float(), target)
                right[name] = (logits.argmax(-1) == target)[known].float().mean().item()
        return loss, right


def main() -> None:
    args = arguments(__doc__ or "", batch=64, lr=2e-3).parse_args()
    world, rng = World("cpu"), random.Random(args.seed)
    torch.manual_seed(args.seed)
    tokenizer = T5Tokenizer.from_pretrained(args.model / "tokenizer_2")
    folder = args.model / "text_encoder_2"
    if args.fresh:
        encoder = T5EncoderModel(T5Config(vocab_size=len(tokenizer), **CONFIG))
    else:
        encoder = T5EncoderModel.from_pretrained(folder, dtype=torch.float32)
    encoder = encoder.to(args.device).train()
    heads = Heads(encoder.config.d_model, len(world.nouns)).to(args.device)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *heads.parameters()], lr=args.lr, weight_decay=0.01)
    average, log, clock = MovingAverage(encoder), Log(args.runs, "t5"), Clock(args.minutes)
    for _ in clock:
        set_rate(optimizer, clock.learning_rate(args.lr, warmup=200))
        batch = make_batch(world, tokenizer, rng, args.batch, rng.choice(LENGTHS))
        with precision(args.device):  # FLUX reads the encoder unmasked and padded, so it is trained so
            states = encoder(batch.ids.to(args.device)).last_hidden_state
            loss, right = heads(states, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*encoder.parameters(), *heads.parameters()], 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.update()
        if batch.ids.shape[1] == LENGTHS[-1]:
            log.add(clock, loss=loss.detach(), **right)
    average.swap()
    encoder.to(torch.bfloat16).save_pretrained(folder)


if __name__ == "__main__":
    main()
