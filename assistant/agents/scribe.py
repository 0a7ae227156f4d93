"""The scribe's node: writes a finished turn into the session's rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from langgraph.types import Command

from eligen.assistant.agents.critic import best
from eligen.assistant.history import History, Version
from eligen.assistant.plan import Plan
from eligen.assistant.routing import Settings
from eligen.assistant.state import Candidate, State
from eligen.assistant.store import Store
from eligen.assistant.turns import Turn
from eligen.tools.layout import Layout


@dataclass(frozen=True)
class ScribeAgent:
    """Writes a turn and its version, once however often it is run, and deletes the candidates that lost."""

    store: Store
    settings: Settings

    def __call__(self, state: State) -> Command[Literal["ask", "__end__"]]:
        if state.turn > len(self.store.turns):
            self._write(state)
        self.store.sweep()
        return Command(goto="ask" if state.plan.question else "__end__", update={"upload": None})

    def _write(self, state: State) -> None:
        history, plan, notices = self.store.history, state.plan, state.plan.notices
        if state.upload is not None:
            history = history.add(state.upload)
        kept = best(state.candidates) if state.candidates and not state.error else None
        reply = (
            f"I could not do that: {state.error}." if state.error else " ".join((plan.reply, *problems(kept))).strip()
        )
        if not state.error:
            history = History(versions=history.versions, head=state.head, tip=state.tip)
            if state.layout is not None:
                history = history.add(version(state.layout, plan, history, kept, reply))
        turn = Turn(
            number=state.turn,
            user=state.text,
            attachments=state.attachments,
            reply=reply,
            question=plan.question,
            error=state.error or None,
            tools=state.tools if kept else (),
            version=history.head,
            varied=state.varied,
            painted=kept is not None,
            tries=len(state.candidates),
            verdict=kept.verdict if kept else None,
            explanation=plan.explanation,
            names=plan.names,
            notices=tuple(dict.fromkeys((*notices, *(kept.notices if kept else ())))),
        )
        # In LangGraph Studio nobody opened the session, which is when settings are written otherwise.
        new = {"settings": self.settings.model_dump_json()} if self.store.fact("settings") is None else {}
        self.store.record(history, turn, **new)


def version(layout: Layout, plan: Plan, history: History, kept: Candidate | None, reply: str) -> Version:
    """Return the version that a turn adds to a history; where nothing was painted it keeps the picture it had."""
    before = history.current
    return Version(
        id=history.next_id,
        parent=history.head,
        layout=layout,
        picture=kept.picture if kept else before.picture if before else None,
        mask=kept.mask if kept else None,
        edits=plan.edits,
        requests=kept.requests if kept else (),
        seed=kept.requests[-1].seed if kept else 0,
        reply=reply,
    )


def problems(kept: Candidate | None) -> list[str]:
    """Return what the critic still finds wrong with a candidate, a sentence each."""
    failed = kept.verdict.failed if kept and kept.verdict else ()
    return [f"{finding.problem[0].upper()}{finding.problem[1:]}." for finding in failed]
