"""What pyproject.toml lists is what the folders hold."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("assistant", "prompts", "tools", "ui")
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def folder_name(folder: Path) -> str:
    """Return the import name of a package folder."""
    return ".".join(("eligen", *folder.relative_to(ROOT).parts))


def test_every_sub_package_is_listed():
    found = {folder_name(init.parent) for room in ROOMS for init in (ROOT / room).rglob("__init__.py")}
    assert found == set(SETUPTOOLS["packages"])


def test_every_module_lies_in_a_package():
    modules = [module for room in ROOMS for module in (ROOT / room).rglob("*.py")]
    assert [module for module in modules if not (module.parent / "__init__.py").exists()] == []


def test_each_room_is_mapped_to_its_folder():
    assert SETUPTOOLS["package-dir"] == {f"eligen.{room}": room for room in ROOMS}


@pytest.mark.parametrize("room", ROOMS)
def test_package_data_covers_every_other_file(room: str):
    folder = ROOT / room
    patterns = SETUPTOOLS["package-data"].get(folder_name(folder), [])
    covered = {path for pattern in patterns for path in folder.glob(pattern)}
    files = {path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert files - covered == set()
