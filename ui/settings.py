"""What is painted with: nothing here must be touched."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

import streamlit as st

from eligen.assistant.studio.choices import PRESETS, Choices
from eligen.assistant.studio.desk import Desk
from eligen.assistant.studio.studio import Studio

DEFAULT = Choices().profile
COUNTS = (1, 2, 4)
SIZES = {
    "mini": ((128, 128), (192, 128), (128, 192), (256, 256)),
    "flux-dev": ((1024, 1024), (1216, 832), (832, 1216), (512, 512)),
}


def settings(studio: Studio, desk: Desk) -> None:
    """Show all settings, each of which works from the next turn on."""
    choices, engine = desk.choices, desk.engine
    profile, names = engine.profile, list(studio.profiles)
    painted = bound(desk, "profile", size=None, steps=None, guidance=None)
    st.selectbox("Models", names, index=names.index(choices.profile), help=profile.summary, **painted)
    if engine.error:
        failed(desk)
    count = choices.candidates
    st.segmented_control("Pictures to choose from", COUNTS, default=count, required=True, **bound(desk, "candidates"))
    seed(desk)
    left, right = st.columns(2)
    more = "More steps are slower and a little better."
    left.number_input("Steps", 1, 200, choices.steps or profile.steps, help=more, **bound(desk, "steps"))
    taken, scale = profile.has_guidance, choices.guidance or profile.guidance_scale
    closely = "How closely the picture follows the words." if taken else "These models take none."
    right.number_input("Guidance", 0.0, 20.0, scale, 0.5, help=closely, disabled=not taken, **bound(desk, "guidance"))
    quicker = "exact is the paper's way; balanced and fast are quicker and not quite the same."
    own = bound(desk, "preset")
    st.segmented_control("Preset", PRESETS, default=choices.preset, required=True, help=quicker, **own)
    size(desk)
    gathered = "Else changes by hand are gathered until you paint them."
    st.toggle("Paint each change at once", choices.at_once, help=gathered, **bound(desk, "at_once"))
    st.toggle("Look at every picture, and say what failed", choices.critic, **bound(desk, "critic"))
    readers = "rules, or a language model: qwen:FOLDER, openai:MODEL@URL"
    st.text_input("Planner", choices.planner, help=readers, **bound(desk, "planner"))


def bound(desk: Desk, name: str, **also: Any) -> dict[str, Any]:
    """Return a widget's key and what happens when it changes: one of the choices becomes its value.

    A widget that comes back with its tab may be told as changed although it is not; then nothing happens.
    """
    key = f"{name}-{desk.name}-{desk.choices.profile}"

    def changed() -> None:
        if (value := st.session_state[key]) != getattr(desk.choices, name):
            desk.choose(**{name: value}, **also)

    return {"key": key, "on_change": changed}


def failed(desk: Desk) -> None:
    """Say why the models could not be loaded, and what can be done about it."""
    st.error(desk.engine.error, icon=":material/error:")
    with st.container(horizontal=True):
        if st.button("Try again", icon=":material/replay:"):
            desk.engine.start()
            st.rerun()
        if desk.choices.profile != DEFAULT and st.button(f"Paint with {DEFAULT} instead"):
            desk.choose(profile=DEFAULT, size=None, steps=None, guidance=None)
            st.rerun()


def seed(desk: Desk) -> None:
    """Show the seed, with a dice; before the first picture it can be fixed, later the picture is painted again."""
    current = desk.history.current
    shown = desk.choices.seed if current is None else current.seed
    number, dice, lock = st.columns([3, 1, 1], vertical_alignment="bottom")
    key = f"seed-{desk.name}-{desk.history.head}-{shown}"
    typed = partial(reseed, desk, key, shown)
    number.number_input("Seed", 0, 2**31 - 1, shown, 1, key=key, placeholder="any", on_change=typed)
    if dice.button("", icon=":material/casino:", key="dice", help="Another seed", disabled=not desk.idle):
        planted(desk, secrets.randbelow(2**31))
        st.rerun()
    locked = desk.choices.seed is not None
    icon, words = ("lock", "New pictures keep this seed") if locked else ("lock_open", "New pictures get any seed")
    if lock.button("", icon=f":material/{icon}:", key="seed-lock", help=words):
        desk.choose(seed=None if locked else (shown if shown is not None else secrets.randbelow(2**31)))
        st.rerun()


def reseed(desk: Desk, key: str, shown: int | None) -> None:
    """Take the seed that was typed, unless it is the one that is there."""
    if (typed := st.session_state[key]) not in (None, shown):
        planted(desk, int(typed))


def planted(desk: Desk, number: int) -> None:
    """Paint the current picture again with a seed, or keep it for the first one."""
    if desk.history.current is None or desk.choices.seed is not None:
        desk.choose(seed=number)
    if desk.history.current is not None:
        desk.repaint(number)


def size(desk: Desk) -> None:
    """Ask for the size of a first picture; later it is only shown."""
    if desk.turns:
        st.text_input("Size", told(desk.size), disabled=True, help="A new picture can have another size.")
        return
    sizes = SIZES[desk.choices.profile]
    index = sizes.index(desk.choices.size) if desk.choices.size in sizes else 0
    st.selectbox("Size", sizes, index=index, format_func=told, **bound(desk, "size"))


def told(size: tuple[int, int]) -> str:
    """Return a size in words."""
    return f"{size[0]} x {size[1]}"
