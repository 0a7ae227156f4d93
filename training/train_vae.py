"""Train the VAE (16 channels, f8) on crops of drawn scenes: python -m training.train_vae --minutes 30."""

import random

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from training.common import Clock, Log, MovingAverage, arguments, precision, set_rate
from training.linear_codec import components, write_encoder
from training.scenes import World, save_sheet

CHANNELS = 16
CONFIG = {
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (24, 48, 64, 96), "layers_per_block": 1, "latent_channels": CHANNELS, "norm_num_groups": 1,
    "use_quant_conv": False, "use_post_quant_conv": False, "mid_block_add_attention": False, "sample_size": 256,
}  # fmt: skip


class Crops:
    """Endless crops of drawn scenes, most of them `size` pixels wide; each picture is cut several times."""

    def __init__(self, world: World, seed: int, pool: int = 32, size: int = 128) -> None:
        self.world, self.pool, self.size, self.uses = world, pool, size, 0
        self.other = size // 2 if size > 128 else size * 2
        self.rng, self.generator = random.Random(seed), torch.Generator(world.device).manual_seed(seed)

    def pictures(self, size: int) -> Tensor:
        """Return freshly drawn pictures (n, 3, size, size) in -1..1."""
        scenes = [self.world.sample(self.rng, plain=0.25) for _ in range(self.pool * 128 // size)]
        return self.world.draw(scenes, size, self.generator)[0] * 2 - 1

    def take(self, count: int, side: int) -> Tensor:
        """Return crops (count, 3, side, side) in -1..1."""
        if self.uses <= 0:
            self.images = self.pictures(self.other if self.rng.random() < 0.15 else self.size)
            self.uses = 6 * len(self.images)
        self.uses -= count
        size, cuts = self.images.shape[-1], []
        for _ in range(count):
            x, y = self.rng.randrange(0, size - side + 1, 2), self.rng.randrange(0, size - side + 1, 2)
            cuts.append(self.images[self.rng.randrange(len(self.images)), :, y : y + side, x : x + side])
        return torch.stack(cuts)


def psnr(vae: AutoencoderKL, images: Tensor) -> float:
    """Return the reconstruction's PSNR in dB over pictures in -1..1, through the latent mean."""
    with torch.no_grad():
        decoded = vae.decode(vae.encode(images).latent_dist.mean).sample.clamp(-1, 1)
    return (-10 * torch.log10(((decoded - images) / 2).pow(2).mean(dim=(1, 2, 3)))).mean().item()


def held_out(world: World, count: int = 32, size: int = 128) -> Tensor:
    """Return held-out scenes (count, 3, size, size) in -1..1, the same ones every time."""
    rng = random.Random(987_654)
    generator = torch.Generator(world.device).manual_seed(987_654)
    return world.draw([world.sample(rng) for _ in range(count)], size, generator)[0] * 2 - 1


def calibrate(vae: AutoencoderKL, images: Tensor) -> None:
    """Set shift and scale so that latents have mean 0 and deviation 1."""
    with torch.no_grad():
        latents = vae.encode(images).latent_dist.mean
    vae.register_to_config(
        shift_factor=round(latents.mean().item(), 4), scaling_factor=round(1 / latents.std().item(), 4)
    )


def disturbed(latents: Tensor, most: float = 0.1) -> Tensor:
    """Return latents with up to so much noise: what a diffusion model paints is never quite what was encoded."""
    return latents + most * torch.rand(len(latents), 1, 1, 1, device=latents.device) * torch.randn_like(latents)


def main() -> None:
    parser = arguments(__doc__ or "", batch=4, lr=1e-3)
    parser.add_argument("--size", type=int, default=128, help="side of most pictures, in pixels")
    parser.add_argument("--side", type=int, default=64, help="pixels of a training crop")
    parser.add_argument("--kl", type=float, default=3e-5)
    parser.add_argument("--decoder", action="store_true", help="keep the encoder and what was trained on it")
    args = parser.parse_args()
    world = World(args.device)
    crops = Crops(world, args.seed, size=args.size)
    torch.manual_seed(args.seed)
    folder = args.model / "vae"
    vae = AutoencoderKL(**CONFIG) if args.fresh else AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32)
    if args.fresh:
        write_encoder(vae, *components(torch.cat([crops.pictures(args.size) for _ in range(12)]), CHANNELS))
    vae = vae.to(args.device, memory_format=torch.channels_last)
    vae.encoder.requires_grad_(not args.decoder)
    trained = [p for p in vae.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)
    average, log, clock = MovingAverage(vae), Log(args.runs, "vae"), Clock(args.minutes)
    test = held_out(world, size=args.size).contiguous(memory_format=torch.channels_last)

    def save() -> None:
        average.swap()
        if not args.decoder:
            calibrate(vae, test)
        log.note(step=clock.step, psnr=round(psnr(vae, test), 2), scaling=vae.config.scaling_factor)
        with torch.no_grad():
            decoded = vae.decode(vae.encode(test[:16]).latent_dist.mean).sample
        save_sheet(torch.cat([test[:16], decoded]) / 2 + 0.5, args.runs / "vae.png")
        vae.to(torch.bfloat16).save_pretrained(folder)
        vae.to(torch.float32)
        average.swap()

    quarter = 1
    for _ in clock:
        set_rate(optimizer, clock.learning_rate(args.lr))
        images = crops.take(args.batch, args.side).contiguous(memory_format=torch.channels_last)
        with precision(args.device):
            posterior = vae.encode(images).latent_dist
            decoded = vae.decode(disturbed(posterior.sample())).sample
        error = decoded.float() - images
        edges = sum(error.diff(dim=d).abs().mean() for d in (2, 3))
        recon = error.abs().mean() + 4 * error.pow(2).mean() + 0.5 * edges
        kl = 0.5 * (posterior.mean.float().pow(2) + posterior.var.float() - 1 - posterior.logvar.float()).mean()
        (recon + args.kl * kl).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.update()
        log.add(clock, mse=error.detach().pow(2).mean(), kl=kl.detach())
        if clock.share > quarter / 6:
            quarter += 1
            save()
    save()


if __name__ == "__main__":
    main()
