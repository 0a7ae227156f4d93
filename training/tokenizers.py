"""Build both tokenizers from the captions of the drawn world: python -m training.tokenizers."""

import json
import math
import random
import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer, T5Tokenizer

from training.captions import PLACES, SIDES, STYLE_WORDS, caption, entity_prompt
from training.common import MODEL_DIR, arguments
from training.scenes import COLOURS, MATERIALS, World

SIZE = 3072
LENGTH = 64


def corpus(world: World, count: int, seed: int = 0) -> Iterator[str]:
    """Yield captions, entity prompts and every word of the world, in lower and mixed case."""
    rng = random.Random(seed)
    for entry in world.nouns:
        for word in (entry["noun"], entry["plural"], *entry["synonyms"]):
            for _ in range(20):
                yield word
    for table in (PLACES, SIDES, STYLE_WORDS):
        for words in table.values():
            yield from (w.replace("{}", "") for w in words for _ in range(20))
    yield from (w for w in (*COLOURS, *MATERIALS, "gray", "grey", "silver", "gold") for _ in range(200))
    for _ in range(count):
        scene = world.sample(rng)
        yield caption(world, scene, rng).text
        yield entity_prompt(world, rng.choice(scene.things), rng)


def build_t5(texts: list[str], out: Path) -> T5Tokenizer:
    """Build and save the unigram tokenizer of the T5 encoder: one piece a known word, letters for the rest."""
    counts = Counter(re.findall(r"[a-z]+|[0-9]", " ".join(texts).lower()))
    words = [word for word, _ in counts.most_common(SIZE // 2)]
    total = sum(counts.values())
    pieces = {"<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0, "▁": -9.0}
    for word in words:
        score = max(math.log(counts[word] / total), -9.0)
        pieces |= {f"▁{word}": score, f"▁{word.capitalize()}": score - 1}
    pieces |= {letter: -9.5 for letter in string.printable if not letter.isspace() and letter not in pieces}
    t5 = T5Tokenizer(vocab=list(pieces.items()), extra_ids=0, model_max_length=LENGTH)
    t5.save_pretrained(out)
    return t5


def build_clip(texts: list[str], out: Path) -> CLIPTokenizer:
    """Train and save the byte-pair tokenizer of the CLIP text encoder."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(False)])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=SIZE - 2, initial_alphabet=alphabet, end_of_word_suffix="</w>")
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    vocab = dict.fromkeys([*alphabet, *(f"{letter}</w>" for letter in alphabet), *model["vocab"]])
    pieces = [*vocab, "<|startoftext|>", "<|endoftext|>"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    clip = CLIPTokenizer(vocab={p: i for i, p in enumerate(pieces)}, merges=merges, model_max_length=LENGTH)
    clip.save_pretrained(out)
    return clip


if __name__ == "__main__":
    args = arguments(__doc__ or "").parse_args()
    texts_ = list(corpus(World(), 60_000))
    folder = args.model or MODEL_DIR
    for tok in (build_t5(texts_, folder / "tokenizer_2"), build_clip(texts_, folder / "tokenizer")):
        ids = tok("a red parking meter to the left of two blue cats on a meadow, watercolour Ünïcode").input_ids
        print(type(tok).__name__, len(tok), tok.convert_ids_to_tokens(ids))
