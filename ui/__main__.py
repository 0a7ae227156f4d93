"""`python -m eligen.ui OPTIONS FLAGS...`: the studio in this process, its models loading before the first visit.

OPTIONS is the JSON of `assistant.studio.studio.Options`, FLAGS are Streamlit's; `eligen ui` gives both.
"""

from __future__ import annotations

import sys
from pathlib import Path

from streamlit.web import cli

from eligen.assistant.studio.studio import Options, open_studio


def main(options: str, *flags: str) -> None:
    """Serve the page until interrupted."""
    open_studio(Options.model_validate_json(options))
    cli.main(["run", str(Path(__file__).with_name("app.py")), *flags], standalone_mode=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
