"""Hold the pipeline to the reference's numbers; ELIGEN_PARITY_DIR points to any folder of the same form.

`pytest tests/test_parity.py -rP | grep '^|'` prints the figures reached, as rows of docs/parity.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from parity import Case, cases


@pytest.mark.parametrize("path", cases(), ids=lambda path: path.name)
def test_parity(path: Path) -> None:
    Case(path).check_all()
