"""A real browser at the studio: headless Chromium by selenium, and a page object for what one does there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
)
PATIENCE = 120.0  # seconds: machines that test are busy
INSIDE = """
const roots = [...document.querySelectorAll("*")].map((one) => one.shadowRoot).filter(Boolean);
return roots.flatMap((root) => [...root.querySelectorAll(arguments[0])]);
"""
BOXES = """
const roots = [...document.querySelectorAll("*")].map((one) => one.shadowRoot);
const root = roots.find((one) => one?.querySelector(".stage"));
const parts = (style) => [style.left, style.top, style.width, style.height].map((side) => parseFloat(side) / 100);
return [...root.querySelectorAll(".box")].map((one) => [one.dataset.id, parts(one.style)]);
"""
PRESS = """
const buttons = [...document.querySelectorAll(arguments[1])];
const button = buttons.find((one) => one.innerText.split("\\n").pop() === arguments[0]);  // an icon's name comes before
button?.click();
return Boolean(button);
"""

ANSWER = """
const stage = [...document.querySelectorAll("*")].map((one) => one.shadowRoot?.querySelector(".stage")).find(Boolean);
window.answers = [];
window.addEventListener("pointerup", () => {
  const began = performance.now();
  const seen = new MutationObserver(() => { seen.disconnect(); window.answers.push(performance.now() - began); });
  seen.observe(stage, { attributes: true, attributeFilter: ["data-seen"] });
}, true);
"""


class Page:
    """One window with the studio in it."""

    def __init__(self, driver: webdriver.Chrome, address: str, downloads: Path) -> None:
        self.driver, self.address, self.downloads = driver, address, downloads

    def open(self, session: str | None = None) -> Page:
        """Go to a session, a new one by default, and wait for the chat."""
        self.driver.get(f"{self.address}/?session={session}" if session else self.address)
        self.until(lambda: self.all('[data-testid="stChatInput"] textarea'), "the chat")
        return self

    @property
    def session(self) -> str:
        """The session's name."""
        self.until(lambda: "session=" in self.driver.current_url, "the session in the address")
        return self.driver.current_url.partition("session=")[2]

    def resize(self, width: int, height: int) -> None:
        """Give the window a size in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def until(self, condition: Callable[[], Any], what: str, seconds: float | None = None) -> Any:
        """Return what a condition gives as soon as that is something."""
        end = time.monotonic() + (seconds or PATIENCE)
        while time.monotonic() < end:
            try:
                if found := condition():
                    return found
            except StaleElementReferenceException:
                pass
            time.sleep(0.1)
        raise AssertionError(f"waited for {what}; the page says: {self.text[-1500:]}")

    @property
    def text(self) -> str:
        """All text that is shown."""
        return str(self.driver.execute_script("return document.body.innerText"))

    def says(self, words: str) -> None:
        """Wait until the page shows some words."""
        self.until(lambda: words in self.text, repr(words))

    def all(self, selector: str) -> list[WebElement]:
        """Return the elements of a CSS selector, outside of components."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def inside(self, selector: str) -> list[WebElement]:
        """Return the elements of a CSS selector inside components."""
        return list(self.driver.execute_script(INSIDE, selector))

    def say(self, text: str) -> None:
        """Send a message."""
        box = self.until(lambda: self.all('[data-testid="stChatInput"] textarea'), "the chat")[0]
        box.send_keys(text, Keys.ENTER)

    def attach(self, *files: Path) -> None:
        """Attach files to the next message."""
        (field,) = self.all('[data-testid="stChatInput"] input[type="file"]')
        field.send_keys("\n".join(map(str, files)))
        self.until(lambda: self.all('[data-testid="stFileChip"]'), "the attached file")

    def drop(self, file: Path) -> None:
        """Give the panel a reference picture."""
        field = self.until(lambda: self.all('[data-testid="stFileUploader"] input[type="file"]'), "a place to drop")[0]
        field.send_keys(str(file))

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a list by its words."""
        field = self.until(lambda: self.all(f'input[aria-label*="{label}"]:enabled'), f"the list {label!r}")[0]
        field.send_keys(option, Keys.ENTER)

    def press(self, words: str) -> None:
        """Press the button with these words."""

        def pressed() -> bool:
            return bool(self.driver.execute_script(PRESS, words, "button:enabled"))

        self.until(pressed, f"the button {words!r}")

    def tab(self, name: str) -> None:
        """Open a tab of the panel."""

        def opened() -> bool:
            return bool(self.driver.execute_script(PRESS, name, '[role="tab"]'))

        self.until(opened, f"the tab {name!r}")

    def switch(self, words: str) -> bool:
        """Turn a switch over; return whether it was there."""
        for field in self.all('input[type="checkbox"]'):
            if field.get_attribute("aria-label") == words:
                self.driver.execute_script("arguments[0].click()", field)
                return True
        return False

    # -- the canvas

    def tool(self, name: str) -> None:
        """Press a button of the canvas."""
        self.until(lambda: self.inside(f'.bar [data-name="{name}"]:enabled'), f"the tool {name}")[0].click()

    def box(self, thing: str) -> WebElement:
        """Return the box of a thing."""
        return self.until(lambda: self.inside(f'.box[data-id="{thing}"]'), f"the box of {thing}")[0]

    def boxes(self) -> dict[str, list[float]]:
        """Return the boxes of all things: left, top, width and height in fractions of the canvas."""
        return dict(self.driver.execute_script(BOXES))

    @property
    def stage(self) -> tuple[float, float]:
        """The size of the canvas on the screen."""
        rect = self.inside(".stage")[0].rect
        return rect["width"], rect["height"]

    def drag(self, thing: str, across: float, down: float, handle: str | None = None) -> None:
        """Drag a thing's box, or one of its handles, by fractions of the canvas."""
        if handle:
            self.click(thing)

        def dragged() -> bool:
            at = f' .handle[data-side="{handle}"]' if handle else ""
            element = self.inside(f'.box[data-id="{thing}"]{at}')[0]
            self.stroke(element, (0, 0), [(across / 2, down / 2), (across, down)])
            return True

        self.until(dragged, f"{thing} to be dragged")

    def click(self, thing: str) -> None:
        """Select a thing by its box."""

        def clicked() -> bool:
            self.box(thing).click()
            return True

        self.until(clicked, f"{thing} to be clicked")

    def draw(self, points: Sequence[tuple[float, float]]) -> None:
        """Press the pointer at a point of the canvas, in fractions, and drag it along others."""
        start, *rest = points
        steps = [(x - start[0], y - start[1]) for x, y in rest]
        self.stroke(self.inside(".stage")[0], (start[0] - 0.5, start[1] - 0.5), steps)

    def stroke(self, element: WebElement, start: tuple[float, float], steps: Sequence[tuple[float, float]]) -> None:
        """Press at an offset from an element's centre and drag to others, all in fractions of the canvas."""
        width, height = self.stage
        chain = ActionChains(self.driver, duration=20)
        chain.move_to_element_with_offset(element, round(start[0] * width), round(start[1] * height)).click_and_hold()
        at = (0.0, 0.0)
        for x, y in steps:
            chain.move_by_offset(round((x - at[0]) * width), round((y - at[1]) * height))
            at = (x, y)
        chain.release().perform()

    def keys(self, *keys: str) -> None:
        """Type keys to the page, or to what has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def undo(self) -> None:
        """Press Ctrl+Z."""
        ActionChains(self.driver).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()

    def answers_to_drags(self, thing: str, count: int) -> list[float]:
        """Drag a thing a little so many times, changes being gathered; return each answer's milliseconds."""
        self.gathered()
        self.driver.execute_script(ANSWER)
        for number in range(1, count + 1):
            self.drag(thing, 0.02, 0.02)
            self.until(lambda n=number: len(self.driver.execute_script("return window.answers")) == n, "the answer")
            self.says(f"Paint {number} change")
        return list(self.driver.execute_script("return window.answers"))

    # -- settings

    def gathered(self) -> None:
        """Have changes by hand gathered, or painted at once again."""
        self.tab("Settings")
        self.until(lambda: self.switch("Paint each change at once"), "the switch")
        self.tab("Things")

    def steps(self, count: int) -> None:
        """Set the steps of the next turns."""
        self.tab("Settings")
        field = self.until(lambda: self.all('input[aria-label="Steps"]:enabled'), "the steps")[0]
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(str(count), Keys.ENTER)
        self.tab("Things")

    # -- turns

    @property
    def busy(self) -> bool:
        """Whether a turn is under way."""
        stop = 'return [...document.querySelectorAll("button")].some((one) => one.innerText.endsWith("Stop"))'
        return self.inside(".stage[data-busy=true]") != [] or bool(self.driver.execute_script(stop))

    def versions(self) -> list[int]:
        """Return the numbers of the versions shown."""
        return [int(one.text) for one in self.inside(".version span")]

    @property
    def current(self) -> int:
        """The number of the current version."""
        return int(self.until(lambda: self.inside(".version.current span"), "a current version")[0].text)

    def version(self, number: int) -> None:
        """Wait until a version is the current one and nothing is under way."""
        self.until(
            lambda: [one.text for one in self.inside(".version.current span")] == [str(number)] and not self.busy,
            f"version {number}",
        )


@contextmanager
def window(address: str, downloads: Path, folder: Path, *, dark: bool = False) -> Iterator[Page]:
    """Open a browser window of its own."""
    assert CHROMIUM, "no chromium"
    assert DRIVER, "no chromedriver"
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    several = "profile.default_content_setting_values.automatic_downloads"  # without being asked
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads), several: 1})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        page = Page(driver, address, downloads)
        page.resize(1280, 800)
        if dark:
            scheme = [{"name": "prefers-color-scheme", "value": "dark"}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        yield page
    finally:
        driver.quit()
