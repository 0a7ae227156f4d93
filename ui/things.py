"""The things of the layout as a list: what each is, whether it may be changed, its cut-out."""

from __future__ import annotations

import streamlit as st

from eligen.assistant.plan import Edit, Regenerate, Remove, Stack
from eligen.assistant.session import EligenError
from eligen.assistant.studio.desk import Desk
from eligen.assistant.studio.files import cut_out_file
from eligen.assistant.studio.gestures import renamed
from eligen.ui.pieces import colour


def things(desk: Desk) -> None:
    """List the things, the one in front first."""
    layout = desk.layout
    if layout is None or not layout.entities:
        st.caption("Nothing is in the picture yet. Say what to paint, or draw a box on the picture.")
        return
    ids = [entity.id for entity in layout.entities]
    for index in reversed(range(len(ids))):
        thing(desk, index)
    st.caption("In front first. Drag, resize and rename on the picture too.")
    if layout.background or layout.style:
        words = ", ".join(filter(None, (layout.background, layout.style)))
        st.markdown(f"**Background and style**  \n{words}")


def thing(desk: Desk, index: int) -> None:
    """Show one thing and what can be done with it."""
    layout = desk.layout
    assert layout is not None
    entity = layout.entities[index]
    locked, hidden = entity.id in desk.locked, entity.id in desk.hidden
    key = f"{entity.id}-{desk.history.head}"
    st.html(f"<style>.st-key-thing-{entity.id} {{ --colour: {colour(index)}; }}</style>")
    with st.container(key=f"thing-{entity.id}", gap=None):
        field = f"prompt-{key}-{entity.prompt}"
        st.text_input(
            entity.id,
            entity.prompt,
            key=field,
            disabled=locked or not desk.idle,
            label_visibility="collapsed",
            on_change=lambda: rename(desk, entity.id, entity.prompt, st.session_state[field].strip()),
        )
        with st.container(horizontal=True, gap="small", key=f"act-{entity.id}"):
            if small("lock" if locked else "lock_open", "Keep by hand as it is", f"lock-{key}"):
                desk.lock(entity.id)
                st.rerun()
            if small("visibility_off" if hidden else "visibility", "Show its box on the picture", f"hide-{key}"):
                desk.hide(entity.id)
                st.rerun()
            still = locked or not desk.idle
            if small("refresh", "Paint it again, differently", f"redo-{key}", still):
                do(desk, f"Painted {entity.prompt} again", Regenerate(ids=(entity.id,)))
            if small("arrow_upward", "Bring forward", f"up-{key}", still or index == len(layout.entities) - 1):
                do(desk, "Changed the order of things", swapped(desk, index, index + 1))
            if small("arrow_downward", "Send backward", f"down-{key}", still or index == 0):
                do(desk, "Changed the order of things", swapped(desk, index, index - 1))
            if small("delete", "Remove", f"remove-{key}", still):
                do(desk, f"Removed {entity.prompt}", Remove(ids=(entity.id,)))
            st.download_button(
                "",
                data=lambda: cut_out_file(desk, entity.id),
                file_name=f"{entity.id}.png",
                mime="image/png",
                icon=":material/content_cut:",
                help="Download it cut out",
                key=f"cut-{key}",
                type="tertiary",
                disabled=not desk.idle or not desk.engine.ready,
                on_click="ignore",
            )


def rename(desk: Desk, entity_id: str, old: str, new: str) -> None:
    """Have a thing described anew, unless nothing was said."""
    if new and new != old:
        desk.edit(f"Changed {old} to {new}", lambda context: (renamed(entity_id, old, new),))


def small(icon: str, words: str, key: str, disabled: bool = False) -> bool:
    """Show a small button without a label; return whether it was pressed."""
    return st.button("", icon=f":material/{icon}:", help=words, key=key, type="tertiary", disabled=disabled)


def swapped(desk: Desk, one: int, other: int) -> Stack:
    """Return the edit that exchanges two things in the order."""
    assert desk.layout is not None
    ids = [entity.id for entity in desk.layout.entities]
    ids[one], ids[other] = ids[other], ids[one]
    return Stack(ids=tuple(ids))


def do(desk: Desk, said: str, edit: Edit) -> None:
    """Have an edit made, and draw the page again."""
    try:
        desk.edit(said, lambda context: (edit,))
    except EligenError as error:
        st.toast(str(error), icon=":material/error:")
    else:
        st.rerun()
