"""`eligen eval`: scripted evaluations of agents, with a report that can fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eligen.assistant.commands.options import note, say
from eligen.assistant.commands.painting import progress
from eligen.tools.errors import UserError

if TYPE_CHECKING:
    from eligen.assistant.evaluation.report import Report
    from eligen.assistant.evaluation.scenarios import Suite

REPORT = Path("eligen-report")


def evaluate(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(help="Suites: names (--list), .yaml files, or FORMAT:FILE of a benchmark.", show_default=False),
    ] = None,
    suite: Annotated[
        list[str] | None, typer.Option("--suite", metavar="NAME", help="The same as naming it. Repeatable.")
    ] = None,
    report: Annotated[
        Path, typer.Option("--report", metavar="DIR", help="The folder for report.json and report.html; kept to go on.")
    ] = REPORT,
    agent: Annotated[
        list[str] | None,
        typer.Option(
            "--agent",
            metavar="[NAME,]KEY=VALUE,...",
            help="Who is tested: planner=, critic=on|off, control=, profile=, label=, ...; or a plug-in. Repeatable.",
        ),
    ] = None,
    evaluator: Annotated[
        list[str] | None,
        typer.Option("--evaluator", metavar="NAME[,KEY=VALUE...]", help="Measure this too. Repeatable."),
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, max=1000, help="How often each is played.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Whence all seeds come.")] = 0,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="A fixed sample of N scenarios of each suite.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=256, metavar="N", help="So many at once.")] = 1,
    engine: Annotated[str, typer.Option("--engine", help="local, or ray (an extra).")] = "local",
    address: Annotated[
        str | None, typer.Option("--address", help="With --engine ray: a cluster. [default: one started here]")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--compare", metavar="A B", help="Compare two reports; 1 when B is worse in anything."),
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of suites.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the suites that ship.")] = False,
) -> int:
    """Play scenarios with agents and report how well they did.

    Exit code 1 when a suite's pass bar is missed. The same command goes on where it was stopped.
    """
    from eligen.assistant.evaluation.catalogue import get_suite, shipped

    if schema:
        from eligen.assistant.evaluation.scenarios import schema as described

        say(json.dumps(described(), indent=2))
        return 0
    if listed:
        for name in shipped():
            say(f"{name}: {get_suite(name).about}")
        return 0
    if compare is not None:
        return _compare(*compare, report)
    sources = [*(scenarios or ()), *(suite or ())]
    if not sources:
        raise UserError(f"name suites to play: {', '.join(shipped())}, or a .yaml file")
    sys.path.insert(0, str(Path.cwd()))  # plug-ins may lie here
    suites = [get_suite(source, limit=limit) for source in sources]
    if len({one.name for one in suites}) < len(suites):
        raise UserError("two suites have the same name")
    made = _run(suites, agent or ["label=eligen"], evaluator or (), report, repeats, seed, (engine, workers, address))
    return _told(made, report)


def _run(
    suites: Sequence[Suite],
    agents: Sequence[str],
    more: Sequence[str],
    folder: Path,
    repeats: int,
    seed: int,
    where: tuple[str, int, str | None],
) -> Report:
    from eligen.assistant.evaluation.agents import label_of
    from eligen.assistant.evaluation.engines import get_engine
    from eligen.assistant.evaluation.evaluators import PAINTED, PLANNED, get_evaluator
    from eligen.assistant.evaluation.evaluators.base import Evaluator, Gatherer
    from eligen.assistant.evaluation.pages import write_page, write_summary
    from eligen.assistant.evaluation.report import make_report, write_report
    from eligen.assistant.evaluation.results import PICTURES, Rows
    from eligen.assistant.evaluation.runner import cases, run

    if len({label_of(text) for text in agents}) < len(agents):
        raise UserError("two agents have the same label")
    name, workers, address = where
    engine = get_engine(name, workers=workers, address=address)
    known = {text: get_evaluator(text) for text in more}
    each = tuple(text for text, one in known.items() if isinstance(one, Evaluator))
    todo = cases(
        suites, agents, lambda suite: (*(PAINTED if suite.paint else PLANNED), *each), repeats=repeats, seed=seed
    )
    gatherers = [one for one in known.values() if isinstance(one, Gatherer)]
    with closing(Rows(folder)) as rows:
        with progress("cases", "case", total=len(todo)) as bar:
            run(todo, rows, engine, lambda left: bar.update(len(todo) - left - bar.n))
        made = make_report(suites, todo, rows, seed=seed, repeats=repeats, gatherers=gatherers)
        write_report(made, folder)
        write_page(made, folder, folder / PICTURES)
        write_summary(made, folder)
    return made


def _told(report: Report, folder: Path) -> int:
    """Print what matters of a report; return the exit code."""
    from eligen.assistant.evaluation.pages import interval, number

    for one in report.measures:
        if not one.tag and not one.measure.startswith("check:"):
            value = number(one.found.mean, one.share) if one.found else f"not measured: {one.why or 'nothing to'}"
            ends = f"  ({interval(one)}, n = {one.found.cases})" if one.found and interval(one) else ""
            say(f"{one.suite:<12} {one.agent:<20} {one.measure:<30} {value}{ends}")
    for bar in report.bars:
        if not bar.passed:
            reached = "not measured" if bar.mean is None else f"{bar.mean:.3g}"
            note(f"{bar.suite}, {bar.agent}: {bar.measure} is {reached}, the bar is {bar.bar}")
    say(str(folder / "report.html"))
    return 0 if report.passed else 1


def _compare(a: Path, b: Path, folder: Path) -> int:
    from eligen.assistant.evaluation.comparison import WORSE, compare_reports, lines
    from eligen.assistant.evaluation.pages import write_comparison
    from eligen.assistant.evaluation.report import read_report

    found = compare_reports(read_report(a), read_report(b))
    for line in lines(found):
        say(line)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error
    say(str(write_comparison(found, folder / "comparison.html")))
    return 1 if any(one.finding == WORSE for one in found) else 0
