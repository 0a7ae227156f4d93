"""Versions: a tree of thumbnails to go to, and two of them compared."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from eligen.assistant.history import Version
from eligen.assistant.studio.desk import Desk
from eligen.ui.pieces import component, picture_url

SIDE_BY_SIDE, SLIDER = "Side by side", "Slider"


def history(desk: Desk) -> None:
    """Show all versions; a click goes to one."""
    versions = desk.history.versions
    if not versions:
        return
    places, walked = spread(versions), {version.id for version in desk.history.line}
    data = {
        "busy": not desk.idle,
        "versions": [
            {
                "id": version.id,
                "parent": version.parent,
                "row": places[version.id][0],
                "column": places[version.id][1],
                "title": title(version),
                "image": thumbnail(desk, version.id),
                "current": version.id == desk.history.head,
                "walked": version.id in walked,
            }
            for version in versions
        ],
    }
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Versions**")
        if len(versions) > 1 and st.button("Compare", icon=":material/compare:", key="compare"):
            compare(desk)
    component("history")(key="history", data=data, on_goto_change=lambda: went(desk))


def went(desk: Desk) -> None:
    """Go to the version that was clicked."""
    if version := st.session_state["history"].get("goto"):
        desk.goto(int(version))


@st.dialog("Compare versions", width="large", icon=":material/compare:")
def compare(desk: Desk) -> None:
    """Show two versions, with a slider between them or side by side."""
    numbers = [version.id for version in desk.history.versions if version.picture]
    head = desk.history.head or numbers[-1]
    before = desk.history.versions[head - 1].parent or next((one for one in numbers if one != head), head)
    first, second, how = st.columns([2, 2, 2], vertical_alignment="bottom")
    left = first.selectbox("Left", numbers, index=numbers.index(before), format_func=lambda one: name(desk, one))
    right = second.selectbox("Right", numbers, index=numbers.index(head), format_func=lambda one: name(desk, one))
    way = how.segmented_control("Shown as", [SLIDER, SIDE_BY_SIDE], default=SLIDER, required=True)
    both = [{"image": thumbnail(desk, one, 1024), "title": f"Version {one}"} for one in (left, right)]
    if way == SLIDER:
        component("compare")(key="slider", data={"left": both[0], "right": both[1]})
        return
    for column, one in zip(st.columns(2), both, strict=True):
        column.image(str(one["image"]), caption=str(one["title"]), width="stretch")


def name(desk: Desk, version: int) -> str:
    """Return a version's number and what was done."""
    return f"{version} · {title(desk.history.versions[version - 1])}"


def title(version: Version) -> str:
    """Return what a version came from, short."""
    first = version.reply.split(". ")[0].rstrip(".")
    return first if len(first) <= 60 else first[:59] + "…"


def thumbnail(desk: Desk, version: int, most: int = 128) -> str | None:
    """Return a version's picture, small."""
    file = desk.picture_of(version)
    return picture_url(file, most) if file else None


def spread(versions: Sequence[Version]) -> dict[int, tuple[int, int]]:
    """Return where each version is drawn: (row, column). A first child goes on in its parent's row, others below."""
    places: dict[int, tuple[int, int]] = {}
    rows = 0
    taken: set[int] = set()
    for version in versions:
        row, column = places.get(version.parent, (-1, -1))
        if version.parent in taken or version.parent not in places:
            row, rows = rows, rows + 1
        taken.add(version.parent)
        places[version.id] = (row, column + 1)
    return places
