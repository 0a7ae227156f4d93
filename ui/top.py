"""The top of the page: which picture this is, all others, and what is being loaded."""

from __future__ import annotations

import streamlit as st

from eligen.assistant.studio.desk import Desk
from eligen.assistant.studio.engine import STAGES, Engine
from eligen.assistant.studio.studio import Studio


def top(studio: Studio, desk: Desk) -> None:
    """Show the top of the page."""
    with st.container(horizontal=True, vertical_alignment="center", key="top"):
        st.markdown("**:material/palette: Eligen**", width="content")
        if st.button("New picture", icon=":material/add:", type="tertiary", key="new"):
            go(studio.fresh_name())
        others = [name for name in studio.sessions if name != desk.name]
        if others:
            with st.popover("Open", icon=":material/folder_open:", type="tertiary"):
                name = st.selectbox("A picture of before", others, index=None, key=f"open-{desk.name}")
                if name:
                    go(name)
        with st.popover("Keys", icon=":material/keyboard:", type="tertiary"):
            st.markdown(KEYS)
        with st.container(key="status", width="content"):
            st.fragment(loading, run_every=None if desk.engine.ready or desk.engine.error else 1.0)(desk.engine)


def go(session: str) -> None:
    """Sit down at another desk."""
    st.session_state["seat"] = st.query_params["session"] = session
    st.rerun()


KEYS = """
| key | does |
|---|---|
| `V` `B` `P` `E` `W` | select, draw a box, paint, erase, pick a shape |
| `Tab`, arrows, `Shift`+arrows | choose a box, nudge it, nudge it far |
| `Enter`, `Delete`, `[` `]` | rename, remove, send back, bring forward |
| `H`, `Esc` | hide the boxes, let go |
| `Ctrl`+`Z`, `Ctrl`+`Shift`+`Z` | undo, redo |
"""


def loading(engine: Engine) -> None:
    """Show what is being loaded, or with what is painted."""
    if engine.error:
        st.badge("not loaded: see Settings", icon=":material/error:", color="red", width="content")
    elif not engine.ready:
        share = (engine.done + 0.5) / (len(STAGES) + 0.5)
        st.progress(min(share, 1.0), text=f"Loading {engine.profile.name}: {engine.stage}", width=320)
    else:
        st.badge(f"{engine.profile.name} is ready", icon=":material/check:", color="green", width="content")
        if not st.session_state.get("loaded"):
            st.session_state["loaded"] = True
            st.rerun(scope="app")
