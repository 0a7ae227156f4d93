"""The README's example runs, and its links and commands lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from eligen.assistant.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    for line in re.findall(r"eligen .*", block)
]


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == (128, 128)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_links_into_the_repository_exist(target: str):
    assert target.startswith("https://") or (ROOT / target).exists()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_have_the_options_shown(words: list[str], capsys: pytest.CaptureFixture[str]):
    name = [word for word in words[1:] if not word.startswith("-")][:2]
    assert main([*name[: 2 if name == ["models", "vocabulary"] else 1], "--help"]) == 0
    shown = capsys.readouterr().out
    assert [word for word in words if word.startswith("--") and word not in shown] == []
