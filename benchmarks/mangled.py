"""What broken replies of a language model do to a layout: nothing. python -m benchmarks.mangled [--count N] [--seed N]

Valid plans are broken in every way that models break them; each reply is all that the planner ever gets. After each the
layout must be whole, what no edit names must be bit-equal, and nothing may have been opened, run or connected to.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import process_time

from benchmarks.mangler import KINDS, ORDER, TOKENS, mangled
from eligen.assistant.agents.model_planner import ModelPlanner
from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.chat_models.base import ChatMessage, OnToken, Schema
from eligen.assistant.context import Context, Message
from eligen.assistant.edits import apply
from eligen.assistant.items import MOST
from eligen.assistant.plan import Compose, Edit, Plan, Redo, Style, Transfer, Undo
from eligen.tools.errors import EligenError
from eligen.tools.layout import Box, Entity, Layout

MESSAGE = "make the cat blue"
RULES = "planned by rules instead"
ATTACHED = ("photo.png", f"{ORDER}.png")
PETS = Layout(
    prompt="a cat and two dogs",
    entities=(
        Entity(id="cat-1", prompt="a red cat", box=Box(x0=0.4, y0=0.4, x1=0.6, y1=0.8)),
        Entity(id="dog-1", prompt=f'a sign that reads "{ORDER}"', box=Box(x0=0.1, y0=0.4, x1=0.3, y1=0.8)),
        Entity(id="dog-2", prompt=f"a dog {TOKENS}", box=Box(x0=0.7, y0=0.4, x1=0.9, y1=0.8)),
    ),
    background="a meadow",
)
CONTEXTS = (
    Context(),
    Context(layouts=(PETS,), dialogue=(Message(role="user", text=TOKENS),), attachments=ATTACHED),
    Context(layouts=(PETS.model_copy(update={"entities": PETS.entities[:1]}), PETS), attachments=ATTACHED),
)
EVENTS = {
    *("open", "exec", "os.system", "os.exec", "os.posix_spawn", "os.remove", "os.rename"),
    *("subprocess.Popen", "socket.connect"),
}


class Echo:
    """A model that answers everything with one text."""

    vision = False

    def __init__(self, text: str) -> None:
        self.text = text

    def reply(
        self, messages: Sequence[ChatMessage], *, schema: Schema | None = None, on_token: OnToken | None = None
    ) -> str:
        return self.text


def outcome(reply: str, context: Context) -> str:
    """Return what a reply led to; AssertionError when it did any harm."""
    before = context.model_dump_json()
    with watched() as seen:
        try:
            plan = ModelPlanner(Echo(reply), fallback=RulesPlanner()).plan(MESSAGE, context)
        except EligenError as error:
            plan = Plan(reply=str(error), notices=(RULES,))
    assert not seen, f"planning did {seen}"
    assert context.model_dump_json() == before
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    rules = any(RULES in notice for notice in plan.notices)
    for edits in (plan.edits, *(option.edits for option in plan.question.options)) if plan.question else (plan.edits,):
        if edits:
            check(edits, context)
    return "rules" if rules else "asked" if plan.question else "planned"


def check(edits: Sequence[Edit], context: Context) -> None:
    """Raise AssertionError when a plan's edits cannot be applied to the context, or break more than they name."""
    undone = sum(edit.steps for edit in edits if isinstance(edit, Undo))
    layouts = context.layouts[: max(len(context.layouts) - undone, 0)]
    changes = [edit for edit in edits if not isinstance(edit, Undo | Redo)]
    if not changes:
        return
    old = layouts[-1] if layouts else None
    new = apply(old, changes)
    assert Layout.model_validate_json(new.model_dump_json()) == new
    assert len(new.entities) <= MOST
    paths = {edit.reference for edit in changes if isinstance(edit, Style | Transfer)}
    paths |= {path for entity in new.entities for path in (entity.reference, entity.mask)}
    assert paths <= {None, *context.attachments}
    if old is not None and not any(isinstance(edit, Compose) for edit in changes):
        named = {value for edit in changes for value in _ids(edit)}
        kept = {entity.id: entity for entity in new.entities}
        assert all(kept.get(entity.id) == entity for entity in old.entities if entity.id not in named)
        if not any(edit.op == "background" for edit in changes):
            assert new.background == old.background


def _ids(edit: Edit) -> set[str]:
    fields = edit.model_dump(include={"id", "ids", "first", "second"})
    return {name for value in fields.values() for name in ([value] if isinstance(value, str) else value)}


@contextmanager
def watched() -> Iterator[list[str]]:
    """Yield a list that fills with the EVENTS that the interpreter reports meanwhile."""
    if not _seen:
        _seen.append([])
        for context in CONTEXTS:  # loads templates and word lists
            with suppress(EligenError):
                ModelPlanner(Echo(""), fallback=RulesPlanner()).plan(MESSAGE, context)
        sys.addaudithook(lambda event, values: _seen[-1].append(f"{event} {values}") if event in EVENTS else None)
    _seen.append([])
    yield _seen[-1]
    _seen[1:] = []


_seen: list[list[str]] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    results: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    slowest = 0.0
    for number, context in enumerate(CONTEXTS):
        count = options.count // len(CONTEXTS) + (number < options.count % len(CONTEXTS))
        for kind, reply in mangled(count, options.seed + number, first_picture=not context.layouts):
            start = process_time()
            results[kind][outcome(reply, context)] += 1
            slowest = max(slowest, process_time() - start)
    print(f"{'broken by':<12}  replies  planned  asked  rules")
    for kind, found in results.items():
        print(f"{kind:<12}  {found.total():7}  {found['planned']:7}  {found['asked']:5}  {found['rules']:5}")
    print(f"{options.count} replies: no crash, no layout harmed, nothing opened or run; {slowest:.2f} s of CPU at most")


if __name__ == "__main__":
    main()
