"""The conversation: what was said, what is being done, and what to say next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from eligen.assistant.session import EligenError
from eligen.assistant.studio.desk import Desk
from eligen.assistant.studio.running import Running
from eligen.assistant.studio.worker import CUT_OFF, STOPPED
from eligen.assistant.turns import Turn
from eligen.ui.history import thumbnail
from eligen.ui.pieces import picture_url

PICTURES = ["png", "jpg", "jpeg", "webp", "bmp", "gif"]
LATEST = 20  # turns shown before one asks for more
WELCOME = (
    "What shall we paint? Name the things and where they are, such as “a red cat to the left of a blue car”. "
    "Then say what to change, or drag the boxes on the picture. Pictures can be attached or pasted."
)


def chat(desk: Desk) -> None:
    """Show the whole conversation."""
    with st.container(key="messages", height=560, border=False, autoscroll=True):
        if not desk.turns and desk.idle:
            with st.chat_message("assistant", avatar=":material/palette:"):
                st.markdown(WELCOME)
        count, first = len(desk.turns), 0
        if count > LATEST and not st.toggle(f"Show the first {count - LATEST} turns too", key="earlier"):
            first = count - LATEST
        for number in range(first, count + 1):
            for place, halted in enumerate(desk.halted):
                if halted.after == number:
                    stopped(desk, place)
            if number < count and not varies(desk.turns[number]):
                told(desk, desk.turns[number])
        if desk.running is not None:
            st.fragment(underway, run_every=0.6)(desk)
    said = st.chat_input("Say what to paint or to change", key="say", accept_file="multiple", file_type=PICTURES)
    if said:
        send(desk, said.text, said.files)


def send(desk: Desk, text: str, files: Sequence[Any] = ()) -> None:
    """Send a message, and draw the page again."""
    try:
        desk.send(text, [desk.keep(file.name, file.getvalue()) for file in files])
    except EligenError as error:
        st.toast(str(error), icon=":material/error:")
        return
    st.rerun()


def told(desk: Desk, turn: Turn) -> None:
    """Show a finished turn."""
    said(turn.user, desk.attached(turn))
    with st.chat_message("assistant", avatar=":material/palette:"):
        if turn.reply:
            st.markdown(escaped(turn.reply))
        if turn.question is not None:
            st.markdown(escaped(turn.question.text))
            if turn is desk.turns[-1] and desk.idle:
                ask(desk, turn)
        others = (one.version for one in desk.turns if varies(one) and one.varied == turn.version)
        candidates = [turn.version, *others]
        if turn.painted and len(candidates) > 1:
            pick(desk, candidates)
        elif turn.painted and (image := thumbnail(desk, turn.version, 320)):
            st.image(image, width=132)
        for notice in turn.notices:
            st.caption(f":material/info: {escaped(notice)}")


def varies(turn: Turn) -> bool:
    """Tell whether a turn's picture is shown beside that of the turn whose version it varies."""
    return turn.painted and turn.varied > 0


def said(text: str, attachments: Sequence[Path]) -> None:
    """Show what the user said, and the pictures that came with it."""
    with st.chat_message("user", avatar=":material/person:"):
        if text:
            st.markdown(escaped(text))
        if attachments:
            st.image([picture_url(file, 160) for file in attachments], width=72)


def ask(desk: Desk, turn: Turn) -> None:
    """Offer the answers to a question; any other can be typed."""
    assert turn.question is not None
    with st.container(horizontal=True):
        for number, option in enumerate(turn.question.options):
            if st.button(option.label, key=f"option-{turn.number}-{number}"):
                send(desk, option.label)


def pick(desk: Desk, candidates: Sequence[int]) -> None:
    """Show versions to choose from, of which one may be current."""
    columns = st.columns(2)
    for number, version in enumerate(candidates):
        with columns[number % 2]:
            if image := thumbnail(desk, version, 320):
                st.image(image, width="stretch")
            chosen = version == desk.history.head
            label = "Chosen" if chosen else f"Take {number + 1}"
            if st.button(label, key=f"pick-{version}", disabled=chosen or not desk.idle, width="stretch"):
                desk.goto(version)
                st.rerun()


def underway(desk: Desk) -> None:
    """Show the turn under way: the plan as it is decided, then how far the painting is."""
    running = desk.running
    if running is None:
        st.rerun(scope="app")
        return
    said(running.work.text, running.work.attachments)
    with st.chat_message("assistant", avatar=":material/palette:"):
        if running.reply:
            st.markdown(escaped(running.reply))
        if running.layout is not None and running.layout.entities:
            st.markdown(" ".join(f":gray-badge[{escaped(one.prompt)}]" for one in running.layout.entities))
        bar(running)
        for work in desk.waiting:
            st.caption(f":material/schedule: next: {escaped(work.text)}")
        stopping = running.stopping.is_set()
        label = "Stopping …" if stopping else "Stop"
        if st.button(label, icon=":material/stop_circle:", key="stop", disabled=stopping):
            desk.stop()


def bar(running: Running) -> None:
    """Show how far a turn is."""
    if running.total and not running.place:
        st.progress(running.share, text=str(running))
    else:
        st.caption(f":material/hourglass_top: {running}")


def stopped(desk: Desk, number: int) -> None:
    """Show a turn that came to nothing; nothing of it is lost."""
    halted = desk.halted[number]
    said(halted.work.text, halted.work.attachments)
    with st.chat_message("assistant", avatar=":material/palette:"):
        words = {STOPPED: "Stopped. The picture is as it was.", CUT_OFF: "This was cut off when the studio ended."}
        st.markdown(words.get(halted.why) or f"I could not do that: {escaped(halted.why)}")
        with st.container(horizontal=True):
            label = "Go on" if halted.work.resumes else "Send again"
            if st.button(label, icon=":material/replay:", key=f"again-{number}"):
                desk.again(halted)
                st.rerun()
            if st.button("Dismiss", key=f"forget-{number}", type="tertiary"):
                desk.forget(halted)
                st.rerun()


def escaped(text: str) -> str:
    """Return a text in which nothing is Markdown."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()#+-!|<>~$:" else letter for letter in text)
