"""The studio in a real browser, painting with mini: what one sees, drags, brushes, stops, undoes and takes away."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, DRIVER, Page, window
from PIL import Image
from selenium.webdriver.common.keys import Keys
from served import Studio

from eligen.assistant.commands.ui import flags
from eligen.tools.requestfiles import read_request

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER) and os.environ.get("ELIGEN_BROWSER") != "required",
    reason="needs chromium and chromedriver (Debian: chromium, chromium-driver)",
)

FIRST = "a red cat to the left of a blue car on a meadow"
HERE = ("http://127.0.0.1:", "ws://127.0.0.1:")
STEPS = 4
BUSY = 10  # how much slower than an idle one the machine that tests may be


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELIGEN_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def studio(home: Path) -> Iterator[Studio]:
    opened = Studio(home / "studio.log", STEPS)
    opened.wait()
    yield opened
    opened.process.send_signal(signal.SIGTERM)
    opened.process.wait(20)


@pytest.fixture(scope="module")
def windows(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Page]]:
    """Return a function that opens another browser."""
    with ExitStack() as stack:

        def another() -> Page:
            folder = tmp_path_factory.mktemp("browser")
            return stack.enter_context(window(studio.address, folder / "downloads", folder / "profile"))

        yield another


@pytest.fixture(scope="module")
def page(windows: Callable[[], Page]) -> Page:
    return windows()


@pytest.fixture(scope="module")
def first(page: Page, home: Path) -> Path:
    """Paint a first picture, and return a copy of its session that others can go on from."""
    page.open()
    session = page.session
    page.say(FIRST)
    page.version(1)
    return Path(shutil.copytree(home / "sessions" / session, home / "first"))


@pytest.fixture
def painted(page: Page, first: Path, home: Path, request: pytest.FixtureRequest) -> Page:
    """Return a page with a session of its own that has a first picture."""
    name = re.sub(r"\W", "-", request.node.name)[:60]
    shutil.copytree(first, home / "sessions" / name)
    page.open(name)
    page.version(1)
    return page


def pixels(page: Page, home: Path, version: int) -> np.ndarray:
    """Return a version's picture as RGB (H, W, 3), read from the session's own files."""
    folder = home / "sessions" / page.session
    with sqlite3.connect(f"file:{folder / 'session.sqlite'}?mode=ro", uri=True) as database:
        (record,) = database.execute("SELECT record FROM versions WHERE id = ?", (version,)).fetchone()
    with Image.open(folder / "pictures" / f"{json.loads(record)['picture']}.png") as image:
        return np.asarray(image.convert("RGB")).astype(int)


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return where two pictures differ, bool (H, W)."""
    return (one != other).any(axis=2)


def part(box: list[float], size: int = 128, grown: float = 0.06) -> tuple[slice, slice]:
    """Return the rows and columns of a box (left, top, width, height), grown a little."""
    left, top, width, height = box
    return (
        slice(max(int((top - grown) * size), 0), int((top + height + grown) * size) + 1),
        slice(max(int((left - grown) * size), 0), int((left + width + grown) * size) + 1),
    )


def redness(picture: np.ndarray, box: list[float]) -> float:
    """Return how red a box is: the mean of red over the other two."""
    rows, columns = part(box, grown=-0.04)
    area = picture[rows, columns]
    return float((area[..., 0] - area[..., 1:].mean(axis=2)).mean())


# -- the first visit


def test_it_loads_at_once_and_listens_at_home_only(studio: Studio, page: Page):
    page.open()
    page.says("mini is ready")
    assert studio.listens_on() == {"127.0.0.1"}
    assert "http://127.0.0.1" in studio.log.read_text()


def test_a_first_visit_is_shown_examples_and_one_click_paints(page: Page):
    page.open()
    page.says("Begin with one of these")
    page.press("three yellow birds above a house")
    page.version(1)
    assert len(page.boxes()) == 4
    assert "three yellow birds above a house" in page.text


def test_a_sentence_becomes_a_picture_with_its_layout(painted: Page, home: Path):
    assert set(painted.boxes()) == {"cat-1", "car-1"}
    assert "I planned a red cat and a blue car" in painted.text
    picture = pixels(painted, home, 1)
    boxes = painted.boxes()
    assert redness(picture, boxes["cat-1"]) > redness(picture, boxes["car-1"])
    assert boxes["cat-1"][0] < boxes["car-1"][0]


# -- by hand


def test_a_dragged_thing_really_moves(painted: Page, home: Path):
    old = painted.boxes()["cat-1"]
    painted.drag("cat-1", 0.05, -0.3)
    painted.version(2)
    new = painted.boxes()["cat-1"]
    assert new == pytest.approx([old[0] + 0.05, old[1] - 0.3, old[2], old[3]], abs=0.02)
    before, after = pixels(painted, home, 1), pixels(painted, home, 2)
    outside = changed(before, after)
    for box in (old, new):
        outside[part(box)] = False
    assert not outside.any()
    assert redness(after, new) > redness(before, new) + 10
    assert redness(after, old) < redness(before, old) - 10


def test_a_drag_is_answered_at_once(painted: Page, record_property: Callable[[str, object], None]):
    answers = painted.answers_to_drags("cat-1", 3)
    record_property("milliseconds", answers)
    assert min(answers) < 200 * BUSY
    painted.press("Discard")
    painted.until(lambda: "Discard" not in painted.text, "the drafts to go")


def test_a_box_is_resized_renamed_and_deleted_by_pointer_and_keys(painted: Page):
    old = painted.boxes()["car-1"]
    painted.drag("car-1", -0.05, -0.1, handle="nw")
    painted.version(2)
    assert painted.boxes()["car-1"][2:] == pytest.approx([old[2] + 0.05, old[3] + 0.1], abs=0.02)
    painted.click("car-1")
    painted.keys(Keys.ENTER, "a green car", Keys.ENTER)
    painted.version(3)
    assert painted.box("car-1").get_attribute("aria-label") == "a green car"
    painted.click("cat-1")
    painted.keys(Keys.DELETE)
    painted.version(4)
    assert set(painted.boxes()) == {"car-1"}
    painted.undo()
    painted.version(3)


def test_something_new_is_drawn_and_nudged(painted: Page):
    painted.tool("draw")
    painted.draw([(0.55, 0.05), (0.7, 0.15), (0.85, 0.3)])
    painted.keys("a yellow moon", Keys.ENTER)
    painted.version(2)
    assert painted.boxes()["moon-1"] == pytest.approx([0.55, 0.05, 0.3, 0.25], abs=0.02)
    painted.click("moon-1")
    painted.keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    painted.version(3)
    assert painted.boxes()["moon-1"][0] == pytest.approx(0.53, abs=0.02)


def test_a_painted_shape_is_where_the_thing_is_painted(painted: Page, home: Path):
    painted.click("cat-1")
    painted.tool("brush")
    painted.draw([(0.1, 0.1), (0.25, 0.15), (0.4, 0.1)])
    painted.tool("erase")
    painted.draw([(0.0, 0.95), (0.5, 0.95)])
    painted.inside(".use")[0].click()
    painted.version(2)
    before, after = pixels(painted, home, 1), pixels(painted, home, 2)
    assert changed(before, after)[6:26, 12:52].mean() > 0.5
    assert "Painted the shape of a red cat" in painted.text


def test_a_shape_is_picked_on_the_picture_and_shown(painted: Page):
    painted.until(lambda: painted.inside('.shape[data-id="cat-1"]'), "the true shapes")
    painted.tool("wand")
    painted.draw([(0.25, 0.5), (0.25, 0.5)])
    painted.until(lambda: painted.inside(".brushing:not([hidden])"), "the picked shape")
    painted.keys(Keys.ESCAPE)


# -- versions


def test_undo_branch_go_and_compare(painted: Page):
    painted.say("make the car green")
    painted.version(2)
    painted.tool("undo")
    painted.version(1)
    painted.say("make the car yellow")
    painted.version(3)
    assert painted.versions() == [1, 2, 3]
    tops = [round(one.rect["y"]) for one in painted.inside(".version")]
    assert tops[0] == tops[1] < tops[2]
    painted.inside(".version")[1].click()
    painted.version(2)
    painted.press("Compare")
    slider = painted.until(lambda: painted.inside(".compare input"), "the slider")[0]
    slider.send_keys(Keys.ARROW_RIGHT * 4)
    assert painted.inside(".compare .pair")[0].get_attribute("style") == "--at: 52%;"
    assert [tag.text for tag in painted.inside(".compare .tag")] == ["Version 1", "Version 2"]
    painted.press("Side by side")
    painted.until(lambda: len(painted.all('[role="dialog"] img')) == 2, "both pictures")


# -- turns under way


def test_a_stopped_turn_loses_nothing(painted: Page):
    painted.tab("Settings")
    assert painted.until(lambda: painted.all('input[aria-label="Guidance"]:disabled'), "no guidance for mini")
    painted.steps(60)
    painted.say("make the car green")
    painted.says("painting, step")
    painted.press("Stop")
    painted.says("Stopped. The picture is as it was.")
    painted.version(1)
    assert painted.versions() == [1]
    assert "make the car green" in painted.text
    painted.steps(STEPS)
    painted.press("Send again")
    painted.version(2)


def test_a_page_that_is_loaded_again_goes_on_showing_the_turn(painted: Page):
    painted.steps(40)
    painted.say("make the car green")
    painted.says("painting, step")
    painted.driver.refresh()
    painted.says("painting, step")
    painted.version(2)


def test_two_browsers_at_once(painted: Page, windows: Callable[[], Page]):
    other = windows()
    other.open()
    assert other.session != painted.session
    painted.say("make the car green")
    other.say("a yellow moon above a house")
    painted.version(2)
    other.version(1)
    assert set(other.boxes()) == {"moon-1", "house-1"}
    assert set(painted.boxes()) == {"cat-1", "car-1"}


# -- pictures in and out


def test_an_upload_is_edited(page: Page, first: Path, home: Path):
    picture = next((first / "pictures").glob("*.png"))
    page.open()
    page.attach(picture)
    page.say("make it a watercolour")
    page.until(lambda: page.versions() and not page.busy, "a version of the upload")
    assert page.versions()[:1] == [1]
    with Image.open(picture) as image:
        assert (pixels(page, home, 1) == np.asarray(image.convert("RGB"))).all()


def test_a_dropped_picture_lends_its_style_to_one_thing(painted: Page, first: Path):
    painted.tab("References")
    painted.drop(next((first / "pictures").glob("*.png")))
    painted.choose("Paint a thing in its style", "a red cat")
    painted.version(2)
    assert painted.versions() == [1, 2]
    painted.says("Painted a red cat like")


def test_what_is_exported_opens_again(painted: Page, home: Path):
    painted.tab("Export")
    for label, suffix in (("Picture (PNG)", ".png"), ("Layers (OpenRaster)", ".ora"), ("Layout (JSON)", ".json")):
        painted.press(label)
        file = painted.until(lambda suffix=suffix: list(painted.downloads.glob(f"*{suffix}")), suffix)[0]
        if suffix == ".ora":
            with zipfile.ZipFile(file) as layers:
                assert layers.read("mimetype") == b"image/openraster"
                assert len([name for name in layers.namelist() if name.startswith("data/")]) == 3
        else:
            request = read_request(file)
            assert [entity.prompt for entity in request.entities] == ["a red cat", "a blue car"]
    with Image.open(next(painted.downloads.glob("*.png"))) as image:
        assert (np.asarray(image) == pixels(painted, home, 1)).all()


# -- nothing leaves this machine


def test_the_page_asks_nobody_else_for_anything(painted: Page):
    told = [json.loads(line["message"])["message"] for line in painted.driver.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in told if one["method"] == "Network.requestWillBeSent"]
    assert asked
    assert [url for url in asked if url.startswith(("http", "ws")) and not url.startswith(HERE)] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_streamlit_is_told_where_to_listen_and_to_be_silent(host: str):
    told = flags(host, 8501)
    assert f"--server.address={host}" in told
    assert "--browser.gatherUsageStats=false" in told
