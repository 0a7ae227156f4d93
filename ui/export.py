"""Files to take away: the picture, its layout, its layers, the whole session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from eligen.assistant.studio.desk import Desk
from eligen.assistant.studio.files import layers_file, layout_file, picture_file, session_file

ORA, JSON, ZIP = "image/openraster", "application/json", "application/zip"
PICTURE = "With its layout and seed inside."
LAYERS = "The background and each thing cut out by its shape, for Krita, GIMP and others."
LAYOUT = "`eligen render` paints the layout again from it."
SESSION = "All versions and all that was said; `eligen sessions import` opens it again."


def export(desk: Desk) -> None:
    """Offer the current version in every form."""
    if desk.picture is None:
        st.caption("There is nothing to export before the first picture.")
        return
    name = f"{desk.name}-{desk.history.head}"
    offered: tuple[tuple[str, str, str, str, Callable[[], bytes], str], ...] = (
        ("Picture (PNG)", "image", f"{name}.png", "image/png", partial(picture_file, desk), PICTURE),
        ("Layers (OpenRaster)", "layers", f"{name}.ora", ORA, partial(layers_file, desk), LAYERS),
        ("Layout (JSON)", "data_object", f"{name}.json", JSON, partial(layout_file, desk), LAYOUT),
        ("Whole session (zip)", "folder_zip", f"{desk.name}.zip", ZIP, partial(session_file, desk), SESSION),
    )
    for label, icon, file, mime, make, words in offered:
        st.download_button(
            label,
            data=make,
            file_name=file,
            mime=mime,
            icon=f":material/{icon}:",
            help=words,
            key=f"export-{icon}",
            width="stretch",
            on_click="ignore",
            disabled=not desk.idle or (icon == "layers" and not desk.engine.ready),
        )
