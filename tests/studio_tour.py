"""Tour the studio for its page in the docs: python tests/studio_tour.py docs/images

Takes the page's screenshots in a real Chromium and prints how long one waits, on this machine as busy as it is.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from pathlib import Path

from browser import PRESS, Page, window
from PIL import Image
from selenium.webdriver.common.keys import Keys
from served import Studio

SENTENCE = "a red cat to the left of a blue car on a meadow"
COLOURS = 256


def shoot(page: Page, file: Path) -> None:
    """Write what the window shows, in few colours."""
    time.sleep(1)  # animations end
    with Image.open(io.BytesIO(page.driver.get_screenshot_as_png())) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    print(file, file.stat().st_size // 1024, "kB", flush=True)


def waits(page: Page, studio: Studio) -> None:
    """Print how long loading, a first picture and the answer to a drag take."""
    page.open()
    page.says("mini is ready")
    print(f"mini is ready {time.monotonic() - studio.began:.1f} s after `eligen ui` was called")
    page.say(SENTENCE)
    sent = time.monotonic()
    page.version(1)
    print(f"a first picture: {time.monotonic() - sent:.1f} s after Enter")
    answers = page.answers_to_drags("cat-1", 5)
    print("a drag is answered after", ", ".join(f"{one:.0f}" for one in answers), "ms")
    page.press("Discard")
    page.gathered()


def tour(page: Page, folder: Path) -> None:
    """Take the pictures of a conversation."""
    page.open()
    page.says("Begin with one of these")
    shoot(page, folder / "studio-first-visit.png")
    page.say(SENTENCE)
    page.version(1)
    page.click("cat-1")
    page.tool("brush")
    page.draw([(0.12, 0.3), (0.2, 0.35), (0.3, 0.5), (0.2, 0.6)])
    shoot(page, folder / "studio-brush.png")
    page.keys(Keys.ESCAPE)
    page.say("make the car green and add a yellow moon above the cat")
    page.version(2)
    page.tool("undo")
    page.version(1)
    page.say("put the cat at the top right")
    page.version(3)
    page.steps(100)
    page.say("make it night")
    page.says("painting, step")
    shoot(page, folder / "studio-painting.png")
    page.press("Stop")
    page.says("Stopped.")
    page.steps(20)
    page.until(lambda: page.tab("Settings") or page.driver.execute_script(PRESS, "4", "button:enabled"), "four a turn")
    page.tab("Things")
    page.say("make the car yellow")
    page.until(lambda: len(page.versions()) == 7 and not page.busy, "four pictures")
    shoot(page, folder / "studio-candidates.png")
    page.press("Compare")
    page.until(lambda: page.inside(".compare input"), "the slider")
    shoot(page, folder / "studio-compare.png")


def main(folder: Path) -> None:
    """Tour a studio of its own."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["ELIGEN_HOME"] = home
        studio = Studio(Path(home) / "studio.log", steps=20)
        studio.wait()
        try:
            with window(studio.address, Path(home) / "downloads", Path(home) / "profile") as page:
                waits(page, studio)
                tour(page, folder)
                session = page.session
                page.resize(820, 1180)
                page.open(session)
                page.until(page.versions, "the versions")
                shoot(page, folder / "studio-tablet.png")
            with window(studio.address, Path(home) / "downloads", Path(home) / "dark", dark=True) as page:
                page.open(session)
                page.until(page.versions, "the versions")
                shoot(page, folder / "studio-dark.png")
        finally:
            studio.process.terminate()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
