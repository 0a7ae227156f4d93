"""The arrows between the rooms run one way, and the language side stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARROWS = {
    "assistant": {"assistant", "prompts", "tools"},
    "benchmarks": {"assistant", "benchmarks", "tools", "training"},
    "prompts": {"prompts"},
    "tools": {"tools"},
    "training": {"tools", "training"},
    "ui": {"assistant", "ui"},
}
MODULES = sorted(path for room in ARROWS for path in (ROOT / room).rglob("*.py"))
HEAVY = {
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "peft",
    "langgraph",
    "langchain_core",
    "streamlit",
    "openai",
    "llguidance",
}
LIGHT = [
    "eligen.assistant.agents.model_planner",
    "eligen.assistant.agents.rules",
    "eligen.assistant.chat_models",
    "eligen.assistant.cli",
    "eligen.assistant.composition",
    "eligen.assistant.context",
    "eligen.assistant.dialogue.planner",
    "eligen.assistant.edits",
    "eligen.assistant.evaluation.engines",
    "eligen.assistant.evaluation.pages",
    "eligen.assistant.history",
    "eligen.assistant.plan",
    "eligen.assistant.placement",
    "eligen.assistant.planning",
    "eligen.assistant.routing",
    "eligen.assistant.studio.gestures",
    "eligen.tools.errors",
    "eligen.tools.installed",
    "eligen.tools.layout",
    "eligen.tools.metadata",
    "eligen.tools.requestfiles",
    "eligen.tools.requests",
    "eligen.tools.userinput",
    "eligen.tools.vocabulary",
]


def imported(source: str, folder: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a module of a folder imports, at any depth of its code."""
    package = ("eligen", *folder.parts)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) + "." if node.level else ""
            yield from (f"{base}{node.module or ''}.{alias.name}".replace("..", ".") for alias in node.names)


def rooms(source: str, folder: Path) -> set[str]:
    """Return the rooms that a module of a folder reaches."""
    return {room for name in imported(source, folder) if (room := room_of(name))}


def room_of(name: str) -> str | None:
    """Return the room that an import name reaches, None for other libraries."""
    first, *rest = name.split(".")
    if first == "eligen":
        return rest[0] if rest else "eligen"
    return first if first in {"benchmarks", "training"} else None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path):
    folder = path.relative_to(ROOT).parent
    assert rooms(path.read_text(encoding="utf-8"), folder) <= ARROWS[folder.parts[0]]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import eligen.tools.layout", {"tools"}),
        ("from eligen import tools", {"tools"}),
        ("from eligen.assistant.plan import Plan", {"assistant"}),
        ("from . import rules", {"assistant"}),
        ("from ..plan import Plan", {"assistant"}),
        ("from ...tools import layout", {"tools"}),
        ("def paint():\n    import training.scenes", {"training"}),
        ("import toolshed, json", set()),
    ],
)
def test_imports_are_read_as_python_reads_them(source: str, expected: set[str]):
    assert rooms(source, Path("assistant/agents")) == expected


@pytest.mark.parametrize("module", LIGHT)
def test_the_language_side_imports_nothing_heavy(module: str):
    probe = f"import sys, {module}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
