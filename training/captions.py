"""Say what a scene shows, in many wordings, knowing which words speak of which thing."""

import random
from dataclasses import dataclass

from training.scenes import Scene, Thing, World

PLACES: dict[str, tuple[str, ...]] = {
    "meadow": (
        "on a meadow",
        "in a meadow",
        "on the grass",
        "in a green field",
        "in a park",
        "on a lawn",
        "in the garden",
    ),
    "beach": ("on a beach", "at the beach", "on the sand", "on a sunny beach", "by the seaside"),
    "sea": ("on the sea", "on the ocean", "on the water", "on a lake", "on the open sea", "on a river"),
    "underwater": ("under water", "underwater", "in the deep sea", "under the sea", "in an aquarium"),
    "night": ("at night", "under a starry sky", "in the night", "under the stars", "in the dark", "on a dark night"),
    "sky": ("in the sky", "in the air", "in a blue sky", "among the clouds", "up in the clouds", "under a cloudy sky"),
    "sunset": ("at sunset", "at dusk", "in the evening sun", "at sunrise", "under an orange sky"),
    "snow": ("in the snow", "in winter", "on a snowy day", "in a snowy landscape", "on the snow", "on ice"),
    "forest": ("in a forest", "in the woods", "in the jungle", "among trees", "in a dark forest"),
    "desert": ("in the desert", "in a desert", "on sand dunes", "in a hot desert"),
    "mountains": (
        "in the mountains",
        "near the mountains",
        "in front of mountains",
        "in a mountain valley",
        "in the hills",
    ),
    "street": ("on a street", "on the road", "in the street", "on a sidewalk", "on a highway", "in a town"),
    "city": ("in a city", "in the city", "downtown", "in front of skyscrapers", "in a big city", "in a parking lot"),
    "room": (
        "in a room",
        "in the living room",
        "in a bedroom",
        "indoors",
        "on a wooden floor",
        "in an office",
        "in a house",
    ),
    "kitchen": ("in a kitchen", "in the bathroom", "in a tiled room", "on a kitchen counter", "in a restaurant"),
    "space": ("in space", "in outer space", "in the galaxy", "among the stars in space"),
    "plain": ("on a plain background", "on a simple background", "on a beige background", "in a studio"),
    "white": ("on a white background", "on white", "against a white background", "on a plain white background"),
}
STYLE_WORDS: dict[str, tuple[str, ...]] = {
    "pencil": ("a pencil sketch of {}", "a drawing of {}", "{}, pencil drawing", "{} drawn in pencil", "{}, sketch"),
    "watercolour": ("a watercolour of {}", "{}, watercolor painting", "a watercolor of {}", "{} in watercolour"),
    "pixel art": ("{}, pixel art", "pixel art of {}", "{} in pixel art style", "{}, 8-bit"),
    "neon": ("{}, neon", "{} in neon style", "a neon picture of {}", "{}, glowing neon lights"),
    "sepia": ("{}, sepia", "an old sepia photo of {}", "a vintage photo of {}", "{} in sepia"),
    "oil": ("an oil painting of {}", "{}, oil painting", "a painting of {}", "{} painted in oil"),
    "comic": ("{}, comic style", "a comic of {}", "{} in comic book style", "a cartoon of {}"),
    "black and white": ("a black and white picture of {}", "{}, black and white", "{} in black and white"),
    "pastel": ("{} in pastel", "{}, pastel colours", "a pastel drawing of {}", "{}, soft pastel"),
    "flat": ("{}",) * 9 + ("a picture of {}", "a photo of {}", "an illustration of {}", "an image of {}", "there is {}",
                           "a realistic photo of a scene with {}", "{}, flat illustration"),
}  # fmt: skip
SIDES: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "on the left side", "at left"), "right": ("on the right", "on the right side", "at right"),
    "top": ("at the top", "on the top", "above"), "bottom": ("at the bottom", "on the bottom", "below"),
    "centre": ("in the middle", "in the centre", "in the center"),
    "top left": ("at the top left", "in the top-left corner", "in the upper left"),
    "top right": ("at the top right", "in the top-right corner", "in the upper right"),
    "bottom left": ("at the bottom left", "in the bottom-left corner", "in the lower left"),
    "bottom right": ("at the bottom right", "in the bottom-right corner", "in the lower right"),
}  # fmt: skip
RELATIONS: dict[str, tuple[str, ...]] = {
    "left": ("to the left of", "left of", "on the left of"), "right": ("to the right of", "right of"),
    "top": ("above", "over", "on top of"), "bottom": ("below", "under", "beneath"),
}  # fmt: skip
OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
NUMBERS = {2: ("two", "2", "a pair of"), 3: ("three", "3"), 4: ("four", "4"), 5: ("five", "5"), 6: ("six", "6")}


@dataclass(frozen=True)
class Span:
    """Characters start..end of a caption speak of things (indices) that are said to be at `side` ("" when unsaid)."""

    start: int
    end: int
    things: tuple[int, ...]
    side: str = ""


@dataclass(frozen=True)
class Caption:
    text: str
    spans: tuple[Span, ...]


Piece = str | tuple[str, tuple[int, ...], str]


def noun_phrase(world: World, thing: Thing, rng: random.Random, *, article: bool = True, plural: bool = False) -> str:
    """Return words for one thing: article, material or colour, and its noun or now and then a synonym."""
    entry = world.nouns[thing.noun]
    noun = entry["plural"] if plural else entry["noun"]
    if not plural and entry["synonyms"] and rng.random() < 0.15:
        noun = rng.choice(entry["synonyms"])
    quality = thing.colour or thing.material
    if quality and rng.random() < 0.05 and not plural:
        return f"{noun} that is {quality}"
    words = f"{quality} {noun}".strip()
    if not article:
        return words
    right = "an" if words[0] in "aeiou" else "a"
    return f"{rng.choices((right, 'a', 'the', 'one'), (80, 8, 8, 4))[0]} {words}"


def entity_prompt(world: World, thing: Thing, rng: random.Random) -> str:
    """Return a local prompt for one thing."""
    return noun_phrase(world, thing, rng, article=rng.random() < 0.6)


def where(thing: Thing) -> str:
    """Return the side of the canvas a thing is clearly on, "" when it is on none."""
    x = "left" if thing.cx < 0.36 else "right" if thing.cx > 0.64 else ""
    y = "top" if thing.cy < 0.36 else "bottom" if thing.cy > 0.64 else ""
    central = abs(thing.cx - 0.5) < 0.12 and abs(thing.cy - 0.5) < 0.12
    return f"{y} {x}".strip() or ("centre" if central else "")


def relation(a: Thing, b: Thing) -> str:
    """Return where a clearly is as seen from b: left, right, top, bottom or ""."""
    dx, dy = a.cx - b.cx, a.cy - b.cy
    if max(abs(dx), abs(dy)) < 0.2 or abs(abs(dx) - abs(dy)) < 0.1:
        return ""
    return ("left" if dx < 0 else "right") if abs(dx) > abs(dy) else ("top" if dy < 0 else "bottom")


def _groups(scene: Scene, rng: random.Random) -> list[tuple[int, ...]]:
    """Return thing indices, those that look alike together, in random order."""
    alike: dict[tuple[int, str, str], list[int]] = {}
    for i, t in enumerate(scene.things):
        alike.setdefault((t.noun, t.colour, t.material), []).append(i)
    groups = [tuple(g) for g in alike.values()]
    rng.shuffle(groups)
    return groups


def _pieces(world: World, scene: Scene, rng: random.Random) -> list[Piece]:
    groups = _groups(scene, rng)
    things = scene.things
    if len(groups) == 2 and all(len(g) == 1 for g in groups) and rng.random() < 0.5:
        a, b = (g[0] for g in groups)
        if side := relation(things[a], things[b]):
            first, second = (noun_phrase(world, things[i], rng) for i in (a, b))
            verb = rng.choice(("", "", "is "))
            return [(first, (a,), side), f" {verb}{rng.choice(RELATIONS[side])} ", (second, (b,), OPPOSITE[side])]
    located = rng.random() < 0.45
    bare = rng.random() < 0.12
    pieces: list[Piece] = []
    for n, group in enumerate(groups):
        if n:
            last = n == len(groups) - 1
            pieces.append(
                rng.choices((", ", " and ", " with ", ", and ", " next to "), (2, 8, 2, 1, 1 if n == 1 else 0))[0]
                if last
                else ", "
            )
        thing = things[group[0]]
        if len(group) > 1 and len(group) in NUMBERS:
            words = f"{rng.choice(NUMBERS[len(group)])} {noun_phrase(world, thing, rng, article=False, plural=True)}"
            pieces.append((words, group, ""))
            continue
        side = where(thing) if located and len(group) == 1 else ""
        words = noun_phrase(world, thing, rng, article=not bare)
        pieces.append((f"{words} {rng.choice(SIDES[side])}" if side else words, group, side))
    return pieces


def caption(world: World, scene: Scene, rng: random.Random) -> Caption:
    """Return a global prompt for a scene, sometimes silent about the background."""
    place = ""
    if rng.random() < 0.85:
        tint = scene.background.removeprefix("plain ")
        flat = scene.background.startswith("plain ")
        place = f"on a {tint} background" if flat else rng.choice(PLACES[scene.background])
        if flat and rng.random() < 0.5:
            place = rng.choice((f"on a plain {tint} background", f"in front of a {tint} wall", f"against {tint}"))
    before, _, after = rng.choice(STYLE_WORDS[scene.style]).partition("{}")
    text, spans = before, []
    if place and rng.random() < 0.12:
        text += place + ", "
        place = ""
    for piece in _pieces(world, scene, rng):
        words, group, side = (piece, (), "") if isinstance(piece, str) else piece
        if group:
            spans.append(Span(len(text), len(text) + len(words), group, side))
        text += words
    text += (rng.choice((" ", " ", ", ")) + place if place else "") + after
    if rng.random() < 0.15:
        text += "."
    return Caption(text[:1].upper() + text[1:] if rng.random() < 0.3 else text, tuple(spans))
