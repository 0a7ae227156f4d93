"""Suites by name: those that ship, files, and published benchmarks."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from eligen.assistant.evaluation import importers
from eligen.assistant.evaluation.coco import coco
from eligen.assistant.evaluation.scenarios import Suite, read_suite
from eligen.tools.errors import UserError

FORMATS: dict[str, Callable[[Path], Suite]] = {
    "coco": coco,
    "geneval": importers.geneval,
    "lmd": importers.lmd,
    "nsr1k": importers.nsr1k,
    "planbench": importers.planbench,
}


def shipped() -> dict[str, Path]:
    """Return the suites that ship with this package, by name."""
    folder = Path(str(files("eligen.assistant.evaluation") / "suites"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def get_suite(source: str, *, limit: int | None = None) -> Suite:
    """Return a shipped suite by name, the suite of a file, or FORMAT:FILE of a published benchmark.

    With a `limit` it is a sample of so many scenarios, the same ones every time. UserError when there is no such suite.
    """
    kind, colon, path = source.partition(":")
    if colon and kind in FORMATS:
        suite = FORMATS[kind](Path(path))
    elif source in shipped():
        suite = read_suite(shipped()[source])
    elif Path(source).suffix in (".yaml", ".yml", ".json"):
        suite = read_suite(Path(source))
    else:
        raise UserError(
            f"no suite {source!r}: name one of {', '.join(shipped())}, a .yaml file, "
            f"or FORMAT:FILE with a format of {', '.join(FORMATS)}"
        )
    if limit is None or limit >= len(suite.scenarios):
        return suite
    kept = set(random.Random(0).sample(range(len(suite.scenarios)), limit))
    return suite.model_copy(update={"scenarios": tuple(s for n, s in enumerate(suite.scenarios) if n in kept)})
