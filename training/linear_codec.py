"""Start the VAE's encoder as a linear codec: the principal components of 8 x 8 patches, written into its convolutions.

A randomly initialised encoder needs hours to learn what an eigendecomposition gives at once; from here on it can be
trained like any other. The residual branches start at zero, the strided convolutions gather 2 x 2 blocks into channels,
and two large constant channels keep the last group norm from rescaling pictures.
"""

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional

PATCH, ANCHOR = 8, 60.0


def components(images: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the mean (192,) and the components (count, 192) of the 8 x 8 patches of pictures (B, 3, S, S) in -1..1.

    Components are scaled so that their deviations are the square roots of what they were: a diffusion model then
    weighs colour above detail, but not as much as pixels do.
    """
    patches = functional.unfold(images, PATCH, stride=PATCH).transpose(1, 2).reshape(-1, 3 * PATCH * PATCH)
    mean = patches.mean(0)
    values, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
    return mean, (vectors / values.pow(0.25)).T


@torch.no_grad()
def write_encoder(vae: AutoencoderKL, mean: Tensor, basis: Tensor) -> None:
    """Write the codec into a VAE of 4 levels and one norm group; its posterior becomes almost a point."""
    encoder, count = vae.encoder, len(basis)
    for module in encoder.modules():
        if hasattr(module, "conv2") and hasattr(module, "norm2"):
            _clear(module.conv2)
            if module.conv_shortcut is not None:
                _select(module.conv_shortcut, range(module.conv_shortcut.in_channels))
    _select(encoder.conv_in, range(3), tap=(1, 1))
    _gather(encoder.down_blocks[0].downsamplers[0].conv, 3)
    _gather(encoder.down_blocks[1].downsamplers[0].conv, 12)
    last = encoder.down_blocks[2].downsamplers[0].conv
    _project(last, mean, basis)
    # x -> silu(x) - silu(-x) = x undoes the nonlinearity; the norm divides by the anchors' deviation
    deviation = ANCHOR * (2 / encoder.conv_norm_out.num_channels) ** 0.5
    _clear(encoder.conv_out)
    for i in range(count):
        encoder.conv_out.weight[i, i, 1, 1] = deviation
        encoder.conv_out.weight[i, count + i, 1, 1] = -deviation
    encoder.conv_out.bias[count:] = -10.0  # the log variance


def _clear(conv: nn.Conv2d) -> None:
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)


def _select(conv: nn.Conv2d, channels: range, tap: tuple[int, int] = (0, 0)) -> None:
    """Make a convolution copy these channels and nothing else."""
    _clear(conv)
    for i in channels:
        conv.weight[i, i, *tap] = 1.0


def _gather(conv: nn.Conv2d, channels: int) -> None:
    """Make a strided convolution stack each 2 x 2 block: channel c at (y, x) goes to (2 y + x) * channels + c."""
    _clear(conv)
    for y in range(2):
        for x in range(2):
            for c in range(channels):
                conv.weight[(2 * y + x) * channels + c, c, y, x] = 1.0


def _project(conv: nn.Conv2d, mean: Tensor, basis: Tensor) -> None:
    """Make the last strided convolution give the components, their negatives, and the anchors."""
    _clear(conv)
    count = len(basis)
    pixels = basis.view(count, 3, 2, 2, 2, 2, 2, 2)  # rows: third, second, first gather; then columns likewise
    pixels = pixels.permute(0, 2, 5, 3, 6, 4, 7, 1)  # y3 x3 y2 x2 y1 x1 c
    taps = pixels.reshape(count, 2, 2, 48).permute(0, 3, 1, 2)
    conv.weight[: 2 * count, :48, :2, :2] = torch.cat([taps, -taps])
    bias = -basis @ mean
    values = torch.cat([bias, -bias, torch.tensor([ANCHOR, -ANCHOR])])
    conv.bias = nn.Parameter(functional.pad(values, (0, conv.out_channels - len(values))))
