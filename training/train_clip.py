"""Train the CLIP pair on single things: python -m training.train_clip --minutes 10.

The text side is FLUX's pooled encoder; the whole pair is the eye of critic and style tools.
"""

import random
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BatchEncoding, CLIPConfig, CLIPModel, CLIPTextModel, CLIPTokenizer

from eligen.tools.nounphrases import article
from training import backgrounds
from training.captions import caption, entity_prompt
from training.common import Clock, Log, MovingAverage, arguments, precision, set_rate
from training.scenes import Scene, Thing, World
from training.styles import STYLES

SIDE, LENGTH, WIDTH = 64, 24, 128
MEAN, STD = (0.5,) * 3, (0.5,) * 3


def config(tokenizer: CLIPTokenizer) -> CLIPConfig:
    """Return the pair's configuration."""
    shared = {"hidden_size": WIDTH, "intermediate_size": 384, "num_attention_heads": 4, "projection_dim": WIDTH}
    text = {
        "vocab_size": len(tokenizer), "num_hidden_layers": 3, "max_position_embeddings": 64,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip
    vision = {"image_size": SIDE, "patch_size": 8, "num_hidden_layers": 4}
    return CLIPConfig(text_config={**shared, **text}, vision_config={**shared, **vision}, projection_dim=WIDTH)


def close_up(world: World, rng: random.Random, nouns: int | None) -> Scene:
    """Return one thing that fills most of the picture."""
    noun, colour, material = world._look(rng, nouns)
    size = rng.uniform(0.6, 1.0)
    shift = (1 - size) / 2 + 0.04
    cx, cy = (0.5 + rng.uniform(-shift, shift) for _ in range(2))
    style = "flat" if rng.random() < 0.75 else rng.choice(list(STYLES))
    thing = Thing(noun, cx, cy, size, colour, material, rng.random() < 0.5, rng.gauss(0, 4))
    return Scene((thing,), rng.choice(backgrounds.NAMES), style)


def make_batch(
    world: World, rng: random.Random, generator: torch.Generator, count: int, nouns: int | None
) -> tuple[Tensor, list[str], Tensor, Tensor]:
    """Return pictures (count, 3, SIDE, SIDE) in -1..1, texts, keys equal where texts may be swapped, and nouns."""
    scenes = [close_up(world, rng, nouns) for _ in range(count)]
    images, _ = world.draw(scenes, SIDE, generator)
    texts, keys = [], []
    for scene in scenes:
        thing = scene.things[0]
        whole = rng.random() < 0.4
        texts.append(caption(world, scene, rng).text if whole else entity_prompt(world, thing, rng))
        keys.append(hash((thing.noun, thing.colour, thing.material)))
    return images * 2 - 1, texts, torch.tensor(keys), torch.tensor([scene.things[0].noun for scene in scenes])


def contrast(logits: Tensor, keys: Tensor) -> Tensor:
    """Return the symmetric cross-entropy in which every same-key pair is a right answer."""
    same = (keys[:, None] == keys[None]).float().to(logits.device)
    target = same / same.sum(1, keepdim=True)
    rows = -(target * F.log_softmax(logits, 1)).sum(1).mean()
    columns = -(target * F.log_softmax(logits.T, 1)).sum(1).mean()
    return (rows + columns) / 2


def naming(model: CLIPModel, image_embeds: Tensor, prompts: BatchEncoding, nouns: Tensor) -> Tensor:
    """Return the cross-entropy of naming pictures among the bare nouns: in a batch, colours alone tell most apart."""
    text_embeds = F.normalize(model.text_projection(model.text_model(**prompts).pooler_output), dim=-1)
    return F.cross_entropy((model.logit_scale.exp() * image_embeds @ text_embeds.T).float(), nouns)


def save_text_encoder(model: CLIPModel, folder: Path) -> None:
    """Save the text side alone, as FLUX loads it."""
    text = CLIPTextModel(model.config.text_config)
    own = text.state_dict()
    source = {k: v for k, v in model.state_dict().items() if k in own}
    text.load_state_dict(source or {k: model.text_model.state_dict()[k.removeprefix("text_model.")] for k in own})
    text.to(torch.bfloat16).save_pretrained(folder)


def main() -> None:
    parser = arguments(__doc__ or "", batch=128, lr=1.5e-3)
    parser.add_argument("--nouns", type=int, help="only the first so many of the vocabulary")
    parser.add_argument("--eye", action="store_true", help="keep the text encoder that a transformer was trained with")
    args = parser.parse_args()
    world, rng = World(args.device), random.Random(args.seed)
    generator = torch.Generator(args.device).manual_seed(args.seed)
    torch.manual_seed(args.seed)
    tokenizer = CLIPTokenizer.from_pretrained(args.model / "tokenizer")
    folder = args.model / "clip"
    model = CLIPModel(config(tokenizer)) if args.fresh else CLIPModel.from_pretrained(folder, dtype=torch.float32)
    model = model.to(args.device).train()
    known = [entry["noun"] for entry in world.nouns[: args.nouns]]
    words = [f"{article(noun)} {noun}" for noun in known]
    prompts = tokenizer(words, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt").to(
        args.device
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.05)
    average, log, clock = MovingAverage(model), Log(args.runs, "clip"), Clock(args.minutes)
    for _ in clock:
        set_rate(optimizer, clock.learning_rate(args.lr, warmup=150))
        images, texts, keys, nouns = make_batch(world, rng, generator, args.batch, args.nouns)
        batch = tokenizer(texts, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt").to(
            args.device
        )
        with precision(args.device):
            out = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, pixel_values=images)
            named = naming(model, out.image_embeds, prompts, nouns.to(args.device))
        logits = out.logits_per_text.float()
        loss = contrast(logits, keys) + named
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            model.logit_scale.clamp_(max=4.2)
        average.update()
        right = (keys[logits.argmax(1).cpu()] == keys).float().mean()
        log.add(clock, loss=loss.item(), right=right.item(), named=named.item())
    average.swap()
    model.to(torch.bfloat16).save_pretrained(folder)
    if not args.eye:
        save_text_encoder(model, args.model / "text_encoder")


if __name__ == "__main__":
    main()
