"""The picture with its layout drawn over, to be changed by hand."""

from __future__ import annotations

import streamlit as st
from pydantic import ValidationError

from eligen.assistant.session import EligenError
from eligen.assistant.studio.desk import Desk
from eligen.assistant.studio.gestures import Gesture
from eligen.ui.pieces import colour, component, data_url, mask_url, picture_url

EMPTY: dict[str, object] = {"things": [], "image": None, "progress": None, "found": None}


def canvas(desk: Desk) -> None:
    """Show the canvas; what is done on it is done at the desk."""
    component("canvas")(key="canvas", data=shown(desk), on_edit_change=lambda: obey(desk))


def obey(desk: Desk) -> None:
    """Do what was done on the canvas, or say why not."""
    told = st.session_state["canvas"].get("edit")
    if told is None:
        return
    try:
        desk.gesture(Gesture.model_validate(dict(told)))
    except ValidationError:
        st.toast("That could not be understood.", icon=":material/error:")
    except EligenError as error:
        st.toast(str(error), icon=":material/error:")


def complain(desk: Desk) -> None:
    """Say why shapes could not be found, once in every window that was open then."""
    failures, key = desk.found.failures, f"failures-{desk.name}"
    count = len(failures)
    for why in failures[st.session_state.get(key, count) : count]:
        st.toast(why, icon=":material/error:")
    st.session_state[key] = count


def shown(desk: Desk) -> dict[str, object]:
    """Return what the canvas shows: the picture as far as it is painted, the layout as it will be, the progress."""
    history, layout, running = desk.history, desk.layout, desk.running
    width, height = desk.size
    data: dict[str, object] = EMPTY | {
        "width": width,
        "height": height,
        "seen": desk.seen,
        "busy": not desk.idle,
        "undo": history.undoable > 0,
        "redo": history.redoable > 0,
    }
    if layout is None:
        return data
    file = desk.picture
    preview = running.preview if running else None
    data["image"] = data_url(preview) if preview else picture_url(file) if file else blank(width, height)
    data["things"] = things(desk)
    if running is not None:
        data["progress"] = {"share": running.share, "text": str(running)}
    if picked := desk.found.picked:
        data["found"] = {"n": picked.n, "id": picked.id, "mask": mask_url(picked.mask)}
    return data


def things(desk: Desk) -> list[dict[str, object]]:
    """Return the things of the layout, from back to front, with their shapes where these are known."""
    layout, current = desk.layout, desk.history.current
    shapes = desk.shapes() if desk.idle and not desk.drafts else {}
    drawn = {entity.id for entity in current.layout.entities if entity.mask} if current else set()
    return [
        {
            "id": entity.id,
            "prompt": entity.prompt,
            "box": entity.box.as_list(),
            "colour": colour(index),
            "locked": entity.id in desk.locked,
            "hidden": entity.id in desk.hidden,
            "shape": mask_url(shapes[entity.id]) if entity.id in shapes else None,
            "drawn": entity.id in drawn,
        }
        for index, entity in enumerate(layout.entities if layout else ())
    ]


def blank(width: int, height: int) -> str:
    """Return an empty canvas as a picture."""
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"/>'
    return "data:image/svg+xml," + drawing.replace("<", "%3C").replace(">", "%3E").replace('"', "'").replace("#", "%23")
