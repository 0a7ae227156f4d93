"""The painter's queue: who goes first, who knows it, and who may leave."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from scripted import Sketcher

from eligen.assistant.queueing import PainterQueue, QueuedPainter
from eligen.tools.requests import GenerateRequest

REQUEST = GenerateRequest(prompt="a cat", width=64, height=64, seed=1)


class Line:
    """Threads that wait in a queue, in a known order, and write down who was admitted."""

    def __init__(self) -> None:
        self.queue = PainterQueue()
        self.admitted: list[str] = []
        self.places: dict[str, list[int]] = {}
        self._threads: list[threading.Thread] = []

    def join(self, name: str, *, batch: bool = False) -> None:
        """Let another one wait; return when it knows its place."""
        knows = threading.Event()
        places = self.places.setdefault(name, [])

        def told(place: int) -> None:
            places.append(place)
            knows.set()

        def wait() -> None:
            with self.queue.admitted(name.rstrip("0123456789"), batch=batch, on_wait=told):
                self.admitted.append(name)

        self._threads.append(threading.Thread(target=wait))
        self._threads[-1].start()
        assert knows.wait(10)

    @contextmanager
    def held(self, session: str = "holder") -> Iterator[None]:
        """Hold the painter while others line up, then see them all through."""
        with self.queue.admitted(session):
            yield
        for thread in self._threads:
            thread.join(10)


@pytest.mark.parametrize(
    ("arrivals", "served"),
    [
        (["a1", "a2", "b1"], ["a1", "b1", "a2"]),
        (["a1", "a2", "a3", "b1", "b2", "c1"], ["a1", "b1", "c1", "a2", "b2", "a3"]),
    ],
    ids=["two sessions", "three sessions"],
)
def test_sessions_are_served_in_turn(arrivals: list[str], served: list[str]):
    line = Line()
    with line.held():
        for name in arrivals:
            line.join(name)
    assert line.admitted == served


def test_interactive_work_goes_before_batch_work():
    line = Line()
    with line.held():
        line.join("a1", batch=True)
        line.join("b1", batch=True)
        line.join("c1")
    assert line.admitted == ["c1", "a1", "b1"]


def test_who_was_just_served_waits_for_the_others():
    line = Line()
    with line.held("a"):
        line.join("a1")
        line.join("b1")
    assert line.admitted == ["b1", "a1"]


def test_everybody_knows_how_many_are_before_them():
    line = Line()
    with line.held():
        for name in ("a1", "b1", "c1"):
            line.join(name)
    assert [line.places[name][0] for name in ("a1", "b1", "c1")] == [1, 2, 3]
    assert line.places["c1"] == sorted(line.places["c1"], reverse=True)


def test_who_gives_up_leaves_the_queue():
    queue = PainterQueue()

    def give_up(place: int) -> None:
        raise InterruptedError

    with queue.admitted("a"):
        with pytest.raises(InterruptedError), queue.admitted("b", on_wait=give_up):
            pass
        start = time.monotonic()
    with queue.admitted("c"):
        assert time.monotonic() - start < 5


def test_a_failure_lets_the_next_one_paint():
    queue = PainterQueue()
    with pytest.raises(ZeroDivisionError), queue.admitted("a"):
        raise ZeroDivisionError
    with queue.admitted("b"):
        pass


def stopping_after(calls: int) -> Callable[[], None]:
    left = [calls]

    def check() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise InterruptedError

    return check


@pytest.mark.parametrize(("calls", "steps"), [(0, []), (1, []), (2, [1]), (3, [1, 2])])
def test_a_painting_can_be_stopped_before_every_step(calls: int, steps: list[int]):
    queue, seen = PainterQueue(), list[int]()
    painter = QueuedPainter(Sketcher(), queue, "a", check=stopping_after(calls))
    try:
        painter.paint(REQUEST, on_step=lambda done, total, preview: seen.append(done))
        stopped = False
    except InterruptedError:
        stopped = True
    assert (stopped, seen) == (calls < 3, steps)
    with queue.admitted("b"):
        pass


def test_a_painting_tells_when_its_waiting_is_over():
    places: list[int] = []
    painter = QueuedPainter(Sketcher(), PainterQueue(), "a", on_wait=places.append)
    painted = painter.paint(REQUEST)
    assert painted.image == Sketcher().paint(REQUEST).image
    assert places == [0]
