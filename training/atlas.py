"""Build training/atlas.png: every noun's glyph of Noto Color Emoji on one sheet (python training/atlas.py FONT)."""

import io
import json
import sys
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
TILE, GLYPH, COLUMNS = 104, 100, 24  # pixels of a tile, of the longer side of a glyph inside it, tiles a row


def glyph_images(font_path: Path) -> dict[int, Image.Image]:
    """Return code point -> RGBA bitmap, cut to what is visible, for a CBDT colour font; needs fonttools."""
    from fontTools.ttLib import TTFont  # only who redraws the atlas needs it

    font = TTFont(font_path)
    bitmaps = {name: data for strike in font["CBDT"].strikeData for name, data in strike.items()}
    images = {}
    for codepoint, name in font.getBestCmap().items():
        if name in bitmaps and hasattr(bitmaps[name], "imageData"):
            image = Image.open(io.BytesIO(bitmaps[name].imageData)).convert("RGBA")
            if box := image.getchannel("A").point(lambda a: 255 * (a > 8)).getbbox():
                images[codepoint] = image.crop(box)
    return images


def build(font_path: Path, vocabulary: list[dict], out: Path) -> None:
    """Write the atlas: tile i is vocabulary[i], its glyph centred with the longer side GLYPH pixels."""
    glyphs = glyph_images(font_path)
    rows = -(-len(vocabulary) // COLUMNS)
    sheet = Image.new("RGBA", (COLUMNS * TILE, rows * TILE))
    for i, noun in enumerate(vocabulary):
        glyph = glyphs[int(noun["codepoint"], 16)]
        scale = GLYPH / max(glyph.size)
        glyph = glyph.resize(
            (max(1, round(glyph.width * scale)), max(1, round(glyph.height * scale))), Image.Resampling.LANCZOS
        )
        x, y = (i % COLUMNS) * TILE, (i // COLUMNS) * TILE
        sheet.paste(glyph, (x + (TILE - glyph.width) // 2, y + (TILE - glyph.height) // 2))
    sheet.save(out, optimize=True)


if __name__ == "__main__":
    nouns = json.loads((HERE / "vocabulary.json").read_text(encoding="utf-8"))
    build(Path(sys.argv[1]), nouns, HERE / "atlas.png")
    print(f"{len(nouns)} glyphs, {(HERE / 'atlas.png').stat().st_size / 1e6:.1f} MB")
