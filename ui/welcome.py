"""The first visit: examples, each a click away from a picture."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from eligen.assistant.studio.desk import Desk
from eligen.ui.chat import send
from eligen.ui.pieces import picture_url

FOLDER = Path(__file__).parent / "examples"
EXAMPLES = {
    "cat": "a red cat to the left of a blue car on a meadow",
    "boat": "a green boat on the sea under a yellow moon, at night",
    "umbrella": "a purple umbrella between two trees",
    "birds": "three yellow birds above a house",
    "snow": "a white rabbit next to a brown bear in the snow",
    "fruit": "two apples and a banana on a white background",
}


def welcome(desk: Desk) -> None:
    """Show the examples."""
    st.markdown("### Begin with one of these, or with words of your own")
    st.caption("You say what is where; a layout is planned, every thing is painted in its place. Then change anything.")
    with st.container(key="gallery"):
        for row in range(0, len(EXAMPLES), 3):
            for column, (name, prompt) in zip(st.columns(3), list(EXAMPLES.items())[row : row + 3], strict=True):
                with column:
                    st.image(picture_url(FOLDER / f"{name}.webp"), width="stretch")
                    if st.button(prompt, key=f"example-{name}", width="stretch", wrap=True):
                        send(desk, prompt)
    st.caption(
        ":material/add_photo_alternate: To edit a picture of yours, attach it in the chat and say what to change."
    )
