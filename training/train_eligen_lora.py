"""Train the EliGen LoRA on a frozen base: python -m training.train_eligen_lora --minutes 30 --data DIR.

DIR holds drawn scenes made by training.latents, or annotated pictures (metadata.json, as training.annotate writes it).
The base is any FLUX-shaped diffusers folder. Regional attention comes from eligen.tools.attention; the LoRA (rank 32)
sits on the modules that the reference trains. Several processes share the work through torchrun or accelerate launch.
docs/training.md has the settings and the memory for FLUX.1-dev.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator

from eligen.tools.errors import UserError
from training.entity_batches import DrawnScenes, Source, metadata_file
from training.lora_training import add_lora, fit, flow_loss, load_base, lora_options, make_accelerator

NAME = "eligen_lora.safetensors"


def open_source(args: argparse.Namespace, accelerator: Accelerator) -> Source:
    """Return what the data folder holds: annotated pictures, encoded first where need be, or drawn scenes."""
    if (metadata := metadata_file(args.data)) is None:
        return DrawnScenes(args.data, args.model, str(accelerator.device))
    from training.entity_dataset import AnnotatedPictures, Sizes

    sizes = Sizes(args.size, args.text_length, args.entity_length)
    pictures = AnnotatedPictures(metadata, args.model, args.cache or args.data / "cache", sizes)
    dtype = getattr(torch, args.dtype)
    pictures.encode(accelerator.device, dtype, accelerator.process_index, accelerator.num_processes)
    accelerator.wait_for_everyone()
    return pictures


def options() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = lora_options(__doc__ or "", NAME, batch=64)
    parser.add_argument("--data", type=Path, required=True, help="folder made by training.latents or training.annotate")
    pictures = parser.add_argument_group("annotated pictures")
    add = pictures.add_argument
    add("--size", type=int, default=128, help="side of the square whose area larger pictures are reduced to")
    add("--text-length", type=int, default=64, help="tokens of a global prompt; 512 for FLUX.1-dev")
    add("--entity-length", type=int, default=16, help="tokens of an entity's prompt; 512 for FLUX.1-dev")
    add("--cache", type=Path, help="folder for latents and embeddings; by default cache/ in the data folder")
    return parser


def train(args: argparse.Namespace) -> None:
    """Train as the command line says; UserError for what does not fit together."""
    accelerator = make_accelerator(args)
    lora = args.lora or args.model / NAME
    source = open_source(args, accelerator)
    base = load_base(args.model, args.dtype, args.quantization).to(accelerator.device)
    torch.manual_seed(args.seed)
    trained = add_lora(base, None if args.fresh else lora)
    fit(args, accelerator, base, trained, source, flow_loss, lora)


def main(arguments: Sequence[str] | None = None) -> None:
    try:
        train(options().parse_args(arguments))
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
