"""What is painted with: nothing here must be touched."""

from __future__ import annotations

import secrets

import streamlit as st

from eligen.assistant.studio.desk import Desk
from eligen.assistant.studio.studio import Studio

SIZES = {
    "mini": ((128, 128), (192, 128), (128, 192), (256, 256)),
    "flux-dev": ((1024, 1024), (1216, 832), (832, 1216), (512, 512)),
}


def settings(studio: Studio, desk: Desk) -> None:
    """Show all settings, each of which works from the next turn on."""
    choices, engine = desk.choices, desk.engine
    profile = engine.profile
    names = list(studio.profiles)
    st.selectbox(
        "Models",
        names,
        index=names.index(choices.profile),
        key="profile",
        help=profile.summary,
        on_change=lambda: desk.choose(profile=st.session_state["profile"], size=None, steps=None, guidance=None),
    )
    if engine.error:
        st.error(engine.error, icon=":material/error:")
        if st.button("Try again", icon=":material/replay:"):
            engine.start()
            st.rerun()
    count(desk)
    seed(desk)
    steps, guidance = st.columns(2)
    steps.number_input(
        "Steps",
        1,
        200,
        choices.steps or profile.steps,
        key=f"steps-{choices.profile}",
        help="More steps are slower and a little better.",
        on_change=lambda: desk.choose(steps=st.session_state[f"steps-{choices.profile}"]),
    )
    guidance.number_input(
        "Guidance",
        0.0,
        20.0,
        choices.guidance or profile.guidance_scale,
        0.5,
        key=f"guidance-{choices.profile}",
        help="How closely the picture follows the words.",
        on_change=lambda: desk.choose(guidance=st.session_state[f"guidance-{choices.profile}"]),
    )
    size(desk)
    st.toggle(
        "Paint each change at once",
        choices.at_once,
        key="at_once",
        help="Else changes by hand are gathered until you paint them.",
        on_change=lambda: desk.choose(at_once=st.session_state["at_once"]),
    )
    st.toggle(
        "Look at every picture, and paint again what failed",
        choices.critic,
        key="critic",
        on_change=lambda: desk.choose(critic=st.session_state["critic"]),
    )
    planner(desk)


def count(desk: Desk) -> None:
    """Ask how many pictures to choose from."""
    st.segmented_control(
        "Pictures to choose from",
        [1, 2, 4],
        default=desk.choices.candidates,
        required=True,
        key="candidates",
        on_change=lambda: desk.choose(candidates=st.session_state["candidates"]),
    )


def seed(desk: Desk) -> None:
    """Show the seed, with a dice; before the first picture it can be fixed, later the picture is painted again."""
    current = desk.history.current
    shown = desk.choices.seed if current is None else current.seed
    number, dice, lock = st.columns([3, 1, 1], vertical_alignment="bottom")
    key = f"seed-{desk.history.head}-{shown}"
    number.number_input("Seed", 0, 2**31 - 1, shown, 1, key=key, placeholder="any", on_change=lambda: reseed(desk, key))
    if dice.button("", icon=":material/casino:", key="dice", help="Another seed", disabled=not desk.idle):
        planted(desk, secrets.randbelow(2**31))
        st.rerun()
    locked = desk.choices.seed is not None
    icon, words = ("lock", "New pictures keep this seed") if locked else ("lock_open", "New pictures get any seed")
    if lock.button("", icon=f":material/{icon}:", key="seed-lock", help=words):
        desk.choose(seed=None if locked else (shown if shown is not None else secrets.randbelow(2**31)))
        st.rerun()


def reseed(desk: Desk, key: str) -> None:
    """Take the seed that was typed."""
    if (typed := st.session_state[key]) is not None:
        planted(desk, int(typed))


def planted(desk: Desk, number: int) -> None:
    """Paint the current picture again with a seed, or keep it for the first one."""
    if desk.history.current is None or desk.choices.seed is not None:
        desk.choose(seed=number)
    if desk.history.current is not None:
        desk.repaint(number)


def size(desk: Desk) -> None:
    """Ask for the size, which a session keeps from its first picture on."""
    sizes = SIZES[desk.choices.profile]
    if desk.turns:
        kept = f"{desk.size[0]} x {desk.size[1]}"
        st.text_input("Size", kept, disabled=True, help="A new picture can have another size.")
        return
    st.selectbox(
        "Size",
        sizes,
        index=sizes.index(desk.choices.size) if desk.choices.size in sizes else 0,
        format_func=lambda one: f"{one[0]} x {one[1]}",
        key="size",
        on_change=lambda: desk.choose(size=st.session_state["size"]),
    )


def planner(desk: Desk) -> None:
    """Ask who reads the messages."""
    st.text_input(
        "Planner",
        desk.choices.planner,
        key="planner",
        help="rules, or a language model: qwen:FOLDER, openai:MODEL@URL",
        on_change=lambda: desk.choose(planner=st.session_state["planner"].strip() or "rules"),
    )
