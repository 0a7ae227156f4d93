"""Complete a folder: index, scheduler, vocabulary, model card, checksums: python -m training.assemble --nouns 50."""

import json
import math
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from safetensors import safe_open
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer, T5EncoderModel, T5Tokenizer

from eligen.tools.manifest import picture_side, write_manifest
from eligen.tools.profiles import MINI_SIDE, SAM_FILE
from eligen.tools.segmentation import read_sam
from training.common import arguments
from training.scenes import World

CARD = """# mini: a small FLUX-shaped model of a drawn world

Trained by this project, Apache-2.0. It paints illustrated things (glyphs of Noto Color Emoji, OFL 1.1, recoloured and
composed on painted backgrounds); it is no model of photographs. It knows the {count} nouns of `vocabulary.json`.

| part | class | parameters |
|---|---|---|
{parts}

All weights are bf16 safetensors. Training data: scenes drawn by `training/scenes.py`. How each part was trained, and
what it reached:

{notes}
"""


def parts(folder: Path) -> dict[str, torch.nn.Module]:
    """Return the folder's models, in bf16."""
    half = torch.bfloat16
    return {
        "transformer": FluxTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=half),
        "vae": AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=half),
        "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=half),
        "text_encoder_2": T5EncoderModel.from_pretrained(folder / "text_encoder_2", dtype=half),
    }


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--nouns", type=int, help="how many of the vocabulary were trained")
    parser.add_argument("--side", type=int, help="of the pictures trained on; by default as the folder says")
    parser.add_argument(
        "--notes", type=Path, default=Path(__file__).parent / "NOTES.md", help="the card's training notes"
    )
    args = parser.parse_args()
    models, folder = parts(args.model), args.model
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        tokenizer_2=T5Tokenizer.from_pretrained(folder / "tokenizer_2"),
        **models,
    )
    pipeline.save_config(folder)
    pipeline.scheduler.save_pretrained(folder / "scheduler")
    nouns = World().nouns[: args.nouns]
    lines = ",\n".join(json.dumps(noun, ensure_ascii=False) for noun in nouns)
    (folder / "vocabulary.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    if (folder / "clip").is_dir():
        models["clip"] = CLIPModel.from_pretrained(folder / "clip", dtype=torch.bfloat16)
    if (folder / SAM_FILE).is_file():
        models["sam"] = read_sam(folder / SAM_FILE)
    rows = [
        f"| {n} | {type(m).__name__} | {sum(p.numel() for p in m.parameters()) / 1e6:.2f} M |"
        for n, m in models.items()
    ]
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as weights:
            sizes = [math.prod(weights.get_slice(name).get_shape()) for name in weights.keys()]  # noqa: SIM118
        rows.append(f"| {file.stem} | {len(sizes)} tensors | {sum(sizes) / 1e6:.2f} M |")
    notes = args.notes.read_text(encoding="utf-8")
    (folder / "README.md").write_text(
        CARD.format(count=len(nouns), parts="\n".join(rows), notes=notes), encoding="utf-8"
    )
    for config in folder.glob("*/config.json"):  # says where it was trained
        values = json.loads(config.read_text(encoding="utf-8"))
        values.pop("_name_or_path", None)
        config.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    write_manifest(folder, args.side or picture_side(folder) or MINI_SIDE)
    total = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print("\n".join(rows), f"{total / 1e6:.1f} MB in all", sep="\n")


if __name__ == "__main__":
    main()
