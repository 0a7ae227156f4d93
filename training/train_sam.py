"""Train the small Sam on drawn scenes, by boxes and points: python -m training.train_sam --minutes 25."""

import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from segment_anything.modeling import Sam
from torch import Tensor, nn

from eligen.tools.segmentation import SamConfig, build_sam, read_sam, save_sam
from training.common import Clock, Log, MovingAverage, arguments, precision, set_rate
from training.scenes import World, save_sheet, tight_box

CONFIG = SamConfig(
    image_size=128, patch_size=8, embed_dim=128, depth=6, num_heads=4, mlp_ratio=3, window_size=8,
    global_attn_indexes=(2, 5), use_rel_pos=False, prompt_dim=96, decoder_heads=4, decoder_mlp_dim=192,
    points_per_side=12, pred_iou_thresh=0.2, stability_score_thresh=0.3,
)  # fmt: skip
SMALLEST = 1 / 512  # of the picture: what shows less is asked for by nobody
JITTER = 0.3


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures (B, 3, S, S) in 0..1 and the shapes of the things in each, bool (S, S)."""

    images: Tensor
    shapes: list[list[Tensor]]


@dataclass(frozen=True, eq=False)
class Prompts:
    """N prompts a picture, all (B * N, ...): boxes and points in pixels, which of them is asked, and what it means.

    A point beside all things means nothing: `truth`, bool (S, S), is empty there, and the score to learn is 0.
    """

    boxes: Tensor
    points: Tensor
    by_box: Tensor
    truth: Tensor


class Scenes:
    """Endless pictures of the drawn world; each batch is used several times, under other prompts, before it goes."""

    def __init__(self, world: World, size: int, batch: int, seed: int, uses: int = 4, pool: int = 8) -> None:
        self.world, self.size, self.batch, self.fresh_share = world, size, batch, 1 / uses
        self.rng, self.generator = random.Random(seed), torch.Generator(world.device).manual_seed(seed)
        self.pool = [self.draw() for _ in range(pool)]

    def draw(self) -> Pictures:
        """Return a fresh batch, every picture of which shows something."""
        scenes = [self.world.sample(self.rng) for _ in range(self.batch)]
        images, shapes = self.world.draw(scenes, self.size, self.generator)
        return Pictures(images, [[s for s in some if s.float().mean() > SMALLEST] for some in shapes])

    def take(self) -> Pictures:
        """Return a batch of the pool."""
        slot = self.rng.randrange(len(self.pool))
        if self.rng.random() < self.fresh_share:
            self.pool[slot] = self.draw()
        return self.pool[slot]


def jittered(box: tuple[float, float, float, float], rng: random.Random, most: float) -> tuple[float, ...]:
    """Return a box whose sides moved out by up to `most` of its size, or in by a third of that."""
    x0, y0, x1, y1 = box
    slack = rng.random() * most
    w, h = (x1 - x0) * slack, (y1 - y0) * slack
    moves = [rng.uniform(-1 / 3, 1) for _ in range(4)]
    moved = (x0 - moves[0] * w, y0 - moves[1] * h, x1 + moves[2] * w, y1 + moves[3] * h)
    return tuple(min(max(edge, 0.0), 1.0) for edge in moved)


def somewhere(shape: Tensor, rng: random.Random) -> tuple[float, float]:
    """Return a random pixel (x, y) of a shape; the picture's middle when it is empty."""
    ys, xs = shape.nonzero(as_tuple=True)
    if not len(ys):
        return shape.shape[1] / 2, shape.shape[0] / 2
    pick = rng.randrange(len(ys))
    return float(xs[pick]), float(ys[pick])


def ask(shapes: list[list[Tensor]], count: int, rng: random.Random, size: int, jitter: float = JITTER) -> Prompts:
    """Return `count` prompts a picture: half of them boxes, the others points, a fifth of those beside all things."""
    boxes, points, by_box, truth = [], [], [], []
    for some in shapes:
        covered = torch.stack(some).any(0) if some else torch.zeros(size, size, dtype=torch.bool)
        for _ in range(count):
            beside = not some or rng.random() < 0.1
            shape = torch.zeros_like(covered) if beside else rng.choice(some)
            box = (0.0, 0.0, 1.0, 1.0) if beside else jittered(tight_box(shape) or (0, 0, 1, 1), rng, jitter)
            boxes.append([edge * size for edge in box])
            points.append(somewhere(~covered if beside else shape, rng))
            by_box.append(not beside and rng.random() < 0.55)
            truth.append(shape)
    device = truth[0].device
    return Prompts(
        torch.tensor(boxes, device=device), torch.tensor(points, device=device)[:, None],
        torch.tensor(by_box, device=device), torch.stack(truth),
    )  # fmt: skip


def answer(sam: Sam, images: Tensor, prompts: Prompts) -> tuple[Tensor, Tensor]:
    """Return mask logits (B * N, 4, S/2, S/2) and expected IoUs (B * N, 4); slot 0 is the answer, 1-3 are choices."""
    with torch.autocast(images.device.type, enabled=False):  # bf16 cannot tell neighbouring pixels apart
        labels = torch.ones(len(prompts.points), 1, device=images.device)
        by_point, dense = sam.prompt_encoder(points=(prompts.points, labels), boxes=None, masks=None)
        by_box, _ = sam.prompt_encoder(points=None, boxes=prompts.boxes, masks=None)
    sparse = torch.where(prompts.by_box[:, None, None], by_box, by_point)
    features = sam.image_encoder(sam.preprocess(images * 255))
    each = features.repeat_interleave(len(sparse) // len(images), dim=0)
    # The decoder takes one picture for all prompts; several go in as what is added to a picture of zeros.
    logits, scores = sam.mask_decoder.predict_masks(
        torch.zeros_like(each[:1]), sam.prompt_encoder.get_dense_pe(), sparse, each + dense
    )
    return logits.float(), scores.float()


def overlap(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the IoU (N, 4) of masks (N, 4, H, W) with shapes (N, H, W), bool."""
    on = logits > 0
    both, either = (on & truth[:, None]).sum((2, 3)), (on | truth[:, None]).sum((2, 3))
    return both / either.clamp(min=1)


def mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return focal and dice loss (N, 4) of masks (N, 4, H, W), given the share of each pixel that is on, (N, H, W)."""
    target = target[:, None].expand_as(logits)
    entropy, chance = F.binary_cross_entropy_with_logits(logits, target, reduction="none"), logits.sigmoid()
    focal = ((chance - target).pow(2) * entropy).mean((2, 3))
    dice = 1 - (2 * (chance * target).sum((2, 3)) + 1) / (chance.sum((2, 3)) + target.sum((2, 3)) + 1)
    return 20 * focal + dice


def losses(logits: Tensor, scores: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of the answer and of the best choice, and that of the expected IoUs; truth bool (N, S, S).

    Compared at the decoder's half resolution, where edges are soft: four times quicker than at full size, and as fine.
    """
    covered = F.interpolate(truth[:, None].float(), logits.shape[-2:], mode="area")[:, 0]
    each = mask_loss(logits, covered) * truth.any(1).any(1)[:, None]  # nothing is learnt from empty shapes
    return (each[:, 0] + each[:, 1:].amin(1)).mean(), (scores - overlap(logits.detach(), covered > 0.5)).pow(2).mean()


def resized(sam: Sam, size: int) -> Sam:
    """Return the same Sam for pictures of another side: its positions are stretched."""
    if sam.config.image_size == size:
        return sam
    other = build_sam(sam.config.model_copy(update={"image_size": size}))
    state, side = sam.state_dict(), size // sam.config.patch_size
    positions = state["image_encoder.pos_embed"].permute(0, 3, 1, 2)
    state["image_encoder.pos_embed"] = F.interpolate(positions, (side, side), mode="bicubic").permute(0, 2, 3, 1)
    other.load_state_dict(state)
    return other


def optimizers(sam: Sam, rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the transformers' matrices and AdamW for all else."""
    hidden = [p for n, p in sam.named_parameters() if p.ndim == 2 and (".blocks." in n or ".layers." in n)]
    ids = {id(p) for p in hidden}
    rest = [p for p in sam.parameters() if id(p) not in ids]
    muon = torch.optim.Muon(hidden, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)]


class HeldOut:
    """Scenes that nobody trains on, and what a Sam makes of them."""

    def __init__(self, world: World, size: int, count: int = 64) -> None:
        scenes = Scenes(world, size, count, seed=987_654, pool=1)
        self.pictures = scenes.pool[0]
        rng = random.Random(987_654)
        self.prompts = {
            name: ask(self.pictures.shapes, 4, rng, size, jitter)
            for name, jitter in (("tight", 0.0), ("loose", JITTER))
        }

    @torch.no_grad()
    def scores(self, sam: Sam) -> dict[str, float]:
        """Return the mean IoU by tight boxes, loose boxes and points, and how far the expected IoU is off."""
        found = {}
        for name, prompts in self.prompts.items():
            logits, expected = answer(sam, self.pictures.images, prompts)
            iou, real = (
                overlap(F.interpolate(logits, prompts.truth.shape[1:], mode="bilinear"), prompts.truth),
                prompts.truth.any(1).any(1),
            )
            found[f"box_{name}"] = iou[:, 0][prompts.by_box].mean().item()
            best = expected[:, 1:].argmax(1, keepdim=True) + 1
            found[f"point_{name}"] = iou.gather(1, best)[:, 0][~prompts.by_box & real].mean().item()
            found[f"off_{name}"] = (expected - iou).abs().mean().item()
        return {name: round(value, 4) for name, value in found.items()}

    @torch.no_grad()
    def sheet(self, sam: Sam, count: int = 32) -> Tensor:
        """Return the first pictures with the first prompt's mask in red."""
        prompts = self.prompts["loose"]
        images = self.pictures.images[:count]
        logits, _ = answer(sam, self.pictures.images, prompts)
        each = len(logits) // len(self.pictures.images)
        on = F.interpolate(logits[::each, :1][:count], images.shape[-2:], mode="bilinear") > 0
        return torch.where(on, images * 0.4 + torch.tensor([0.6, 0, 0], device=on.device).view(1, 3, 1, 1), images)


def main() -> None:
    parser = arguments(__doc__ or "", batch=16, lr=1.5e-3)
    parser.add_argument("--size", type=int, default=CONFIG.image_size, help="picture side in pixels")
    parser.add_argument("--prompts", type=int, default=4, help="prompts a picture")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    world, folder = World(args.device), args.model / "sam"
    sam = resized(build_sam(CONFIG) if args.fresh else read_sam(folder / "model.safetensors"), args.size)
    if args.fresh:
        start(sam)
    sam = sam.to(args.device).requires_grad_(True)
    scenes, test = Scenes(world, args.size, args.batch, args.seed), HeldOut(world, args.size)
    opts, rng = optimizers(sam, args.lr), random.Random(args.seed)
    average, log, clock = MovingAverage(sam), Log(args.runs, "sam"), Clock(args.minutes)

    def save() -> None:
        average.swap()
        log.note(step=clock.step, pictures=clock.step * args.batch, **test.scores(sam))
        save_sheet(test.sheet(sam), args.runs / "sam.png")
        save_sam(sam, folder)
        average.swap()

    saved = 0
    for _ in clock:
        for opt in opts:
            set_rate(opt, clock.learning_rate(args.lr))
        pictures = scenes.take()
        prompts = ask(pictures.shapes, args.prompts, rng, args.size)
        with precision(args.device):
            logits, scores = answer(sam, pictures.images, prompts)
        mask, score = losses(logits, scores, prompts.truth)
        (mask + score).backward()
        torch.nn.utils.clip_grad_norm_(sam.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        average.update()
        log.add(clock, mask=mask.item(), score=score.item())
        if int(clock.share * 5) > saved:
            saved = int(clock.share * 5)
            save()
    save()


def start(sam: Sam) -> None:
    """Give positions a beginning, and keep the prompts' random frequencies to what bf16 can store."""
    nn.init.trunc_normal_(sam.image_encoder.pos_embed, std=0.02)
    frequencies = sam.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
    frequencies.copy_(frequencies.bfloat16())


if __name__ == "__main__":
    main()
