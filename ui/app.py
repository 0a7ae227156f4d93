"""The studio's page: the chat left, the picture right, and what belongs to it beside that."""

from __future__ import annotations

import streamlit as st

from eligen.assistant.session import EligenError
from eligen.assistant.studio.desk import Desk
from eligen.assistant.studio.studio import Studio, open_studio
from eligen.ui.canvas import canvas, complain
from eligen.ui.chat import chat
from eligen.ui.export import export
from eligen.ui.history import history
from eligen.ui.pieces import ICON, styled
from eligen.ui.references import references
from eligen.ui.settings import settings
from eligen.ui.things import things
from eligen.ui.top import top
from eligen.ui.welcome import welcome

LIVE, IDLE = 0.5, 2.0  # seconds between two looks at the desk


def page() -> None:
    """Draw the page."""
    st.set_page_config("Eligen studio", str(ICON), "wide", "collapsed")  # an icon by name would be fetched from afar
    styled()
    studio = open_studio()
    desk = seat(studio)
    st.session_state["revision"] = desk.revision
    top(studio, desk)
    left, right = st.columns([4, 9], gap="medium")
    with left:
        chat(desk)
    with right:
        if desk.layout is None and desk.idle and not desk.turns:
            welcome(desk)
            with st.expander("Settings", icon=":material/tune:"):
                settings(studio, desk)
        else:
            design(studio, desk)
    st.fragment(watch, run_every=IDLE)(desk)


def seat(studio: Studio) -> Desk:
    """Return the desk of the session that the address names, a new one where it names none.

    From then on the window keeps to it: what a browser tells may carry an address of before.
    """
    name = st.session_state.get("seat") or st.query_params.get("session")
    try:
        desk = studio.desk(name or studio.fresh_name())
        _ = desk.turns  # opens it
    except EligenError as error:
        st.error(f"{error}. Here is a new picture instead.", icon=":material/error:")
        desk = studio.desk(studio.fresh_name())
    if st.session_state.get("seat") != desk.name or st.query_params.get("session") != desk.name:
        st.session_state["seat"] = st.query_params["session"] = desk.name
    return desk


def design(studio: Studio, desk: Desk) -> None:
    """Show the picture with its versions, and the panel beside it."""
    complain(desk)
    middle, panel = st.columns([5, 4], gap="medium")
    with middle:
        st.fragment(picture, run_every=None if desk.idle else LIVE)(desk)
        history(desk)
    with panel, st.container(key="panel"):
        tabs = st.tabs(["Things", "References", "Settings", "Export"], key="tabs", on_change="rerun")
        shows = (lambda: things(desk), lambda: references(desk), lambda: settings(studio, desk), lambda: export(desk))
        for tab, show in zip(tabs, shows, strict=True):
            if tab.open:
                with tab:
                    show()


def picture(desk: Desk) -> None:
    """Show the canvas, and what was done on it but is not painted."""
    canvas(desk)
    if desk.drafts:
        with st.container(horizontal=True, vertical_alignment="center"):
            many = len(desk.drafts)
            if st.button(f"Paint {many} change{'s' if many > 1 else ''}", icon=":material/brush:", type="primary"):
                desk.paint()
            if st.button("Discard", type="tertiary"):
                desk.discard()
    watch(desk)


def watch(desk: Desk) -> None:
    """Draw the page again when the desk has changed since, by a turn that ended or in another window."""
    if st.session_state["revision"] != desk.revision:
        st.rerun(scope="app")


page()
