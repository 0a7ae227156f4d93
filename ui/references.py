"""Reference pictures: dropped here, they lend their style, become a thing's look, or are edited."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from eligen.assistant.plan import Style, Transfer
from eligen.assistant.session import EligenError
from eligen.assistant.studio.desk import Desk
from eligen.ui.chat import PICTURES
from eligen.ui.pieces import picture_url

FOR_ONE_THING: tuple[tuple[str, str, Callable[[str, str], Style | Transfer]], ...] = (
    ("Make a thing look like it", "Made {} look like {}", lambda name, picture: Transfer(id=name, reference=picture)),
    ("Paint a thing in its style", "Painted {} like {}", lambda name, picture: Style(ids=(name,), reference=picture)),
)


def references(desk: Desk) -> None:
    """Take pictures, and show what each can be used for."""
    dropped = st.file_uploader(
        "Drop pictures here", type=PICTURES, accept_multiple_files=True, key=f"drop-{desk.name}", disabled=not desk.idle
    )
    if not dropped:
        st.caption(
            "A picture can be edited, lend its style to the whole picture or to one thing, or give a thing its look. "
            "Pictures can also be pasted into the chat."
        )
    for number, upload in enumerate(dropped):
        try:
            file = kept(desk, upload.file_id, upload.name, upload.getvalue())
        except EligenError as error:
            st.error(str(error), icon=":material/broken_image:")
            continue
        reference(desk, number, file, upload.name)


def kept(desk: Desk, upload: str, name: str, content: bytes) -> Path:
    """Return the file of an upload, written once."""
    files: dict[str, Path] = st.session_state.setdefault("uploads", {})
    if upload not in files:
        files[upload] = desk.keep(name, content)
    return files[upload]


def reference(desk: Desk, number: int, file: Path, name: str) -> None:
    """Show one reference picture with its uses."""
    entities = desk.layout.entities if desk.layout else ()
    with st.container(border=True):
        left, right = st.columns([1, 2])
        left.image(picture_url(file, 240), width="stretch")
        with right:
            if st.button("Edit this picture", key=f"edit-{number}", width="stretch", disabled=not desk.idle):
                send_file(desk, file)
            if st.button(
                "Use its style", key=f"style-{number}", width="stretch", disabled=not (desk.idle and entities)
            ):
                use(desk, f"Took the style of {name}", file, lambda picture: Style(reference=picture))
        for words, said, edit in FOR_ONE_THING if entities else ():
            chosen = st.selectbox(
                words,
                entities,
                index=None,
                format_func=lambda entity: entity.prompt,
                placeholder=f"{words} …",
                label_visibility="collapsed",
                key=f"{words}-{number}-{desk.history.head}",
                disabled=not desk.idle,
            )
            if chosen is not None:
                use(desk, said.format(chosen.prompt, name), file, partial(edit, chosen.id))


def send_file(desk: Desk, file: Path) -> None:
    """Have a picture opened for editing."""
    desk.send("", [file])
    st.rerun()


def use(desk: Desk, said: str, file: Path, made: Callable[[str], Style | Transfer]) -> None:
    """Take a picture over, as a style or as the look of a thing."""
    desk.edit(said, lambda context: [made(context.attachments[0])], [file])
    st.rerun()
