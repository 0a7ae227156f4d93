"""The parity tests on another folder, as somebody with one of their own would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from parity_folder import CASES, write_folder

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What became of each case: PASSED, FAILED or ERROR by the folder's name."""
    folder = tmp_path_factory.mktemp("parity")
    write_folder(folder)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/test_parity.py", "-v", "-p", "no:cacheprovider"],
        cwd=TESTS.parent,
        env=os.environ | {"ELIGEN_PARITY_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return dict(re.findall(r"::test_parity\[(\w+)\] (\w+)", ran.stdout)) or {"nothing ran": ran.stdout + ran.stderr}


def test_each_case_of_the_folder_is_one_test(outcomes: dict[str, str]) -> None:
    assert outcomes.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_other_dimensions_pass_and_a_wrong_number_fails(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name] == ("FAILED" if CASES[name].broken else "PASSED")
