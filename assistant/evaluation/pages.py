"""A report as one HTML file, with its pictures inside, and its tables as Markdown."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from eligen.assistant.evaluation.comparison import SAME
from eligen.assistant.evaluation.report import CaseReport, Measured, Report
from eligen.assistant.evaluation.statistics import Difference
from eligen.assistant.pictures import Pictures
from eligen.tools.errors import UserError

if TYPE_CHECKING:
    from eligen.assistant.evaluation.played import PlayedTurn

SIDE, QUALITY = 224, 80
MOST_PICTURED = 120
PAGE = "report.html"


def write_page(report: Report, folder: Path, pictures: Path) -> Path:
    """Write report.html into a folder and return its path; UserError when it cannot be written."""
    return _write(folder / PAGE, report=report, picture=partial(_drawn, Pictures(pictures)))


def write_comparison(found: Sequence[Difference], path: Path) -> Path:
    """Write a comparison as a page of its own."""
    return _write(path, report=None, comparisons=found)


def _write(path: Path, **values: object) -> Path:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "interval": interval}
    template = environment.from_string((files(__package__) / PAGE).read_text(encoding="utf-8"))
    known = {"comparisons": (), "picture": None, "most": MOST_PICTURED, "rows": table} | values
    return _written(path, template.render(known))


def _written(path: Path, text: str) -> Path:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return path


def write_summary(report: Report, folder: Path) -> Path:
    """Write report.md, the tables alone, into a folder and return its path; UserError when it cannot be written."""
    lines = []
    for suite, about in report.suites.items():
        lines += [
            f"## {suite}",
            "",
            about,
            "",
            _row("measure", *report.agents),
            _row(*["---"] * (1 + len(report.agents))),
        ]
        rows = [row for row in table(report, suite, tagged=False) if not row[0].startswith("check:")]
        lines += [_row(name, *(_cell(one) for one in cells)) for name, _, cells in rows]
        lines.append("")
    found = [one for one in report.comparisons if one.finding != SAME]
    if report.comparisons:
        lines += [f"## Differences from {report.comparisons[0].a}", ""]
        lines += [f"- {one.b}, {one.suite}: {one.measure} {number(one.difference)}, {one.finding} "
                  f"(p {one.adjusted:.3g}, {one.cases} scenarios)" for one in found]  # fmt: skip
        lines += [] if found else ["None that chance alone would not explain."]
    return _written(folder / "report.md", "\n".join(lines).rstrip() + "\n")


def _cell(one: Measured | None) -> str:
    if one is None:
        return ""
    if one.found is None:
        return f"not measured: {one.why or 'nothing to measure'}"
    ends = f" ({interval(one)})" if interval(one) else ""
    return f"{number(one.found.mean, one.share)}{ends}, n = {one.found.cases}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def table(report: Report, suite: str, *, tagged: bool) -> list[tuple[str, str, list[Measured | None]]]:
    """Return (measure, tag, one cell an agent) of a suite's rows, those of tags or the others; checks come last."""
    cells = {(one.measure, one.tag, one.agent): one for one in (*report.measures, *report.timing) if one.suite == suite}
    known = dict.fromkeys((measure, tag) for measure, tag, _ in cells if bool(tag) == tagged)
    rows = sorted(known, key=lambda row: row[0].startswith("check:"))
    return [(name, tag, [cells.get((name, tag, agent)) for agent in report.agents]) for name, tag in rows]


def number(value: float, share: bool = False) -> str:
    """Return a number as people read it."""
    if share:
        return f"{100 * value:.1f} %"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def interval(one: Measured) -> str:
    """Return the ends of a measure's interval, "" where it has none."""
    if one.found is None or one.found.low is None or one.found.high is None:
        return ""
    return f"{number(one.found.low, one.share)} to {number(one.found.high, one.share)}"


def _drawn(pictures: Pictures, case: CaseReport, turn: PlayedTurn) -> str:
    """Return a turn's picture with its layout drawn over as a data address, "" where there is none."""
    if turn.picture is None or turn.layout is None:
        return ""
    from eligen.tools.overlay import draw_layout

    drawn = draw_layout(pictures.open(turn.picture), turn.layout.without_files())
    drawn.thumbnail((SIDE, 4 * SIDE))
    buffer = BytesIO()
    drawn.save(buffer, format="WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
