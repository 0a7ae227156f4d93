"""The planner's node: a message becomes a plan, the plan a layout, and the layout what is to be painted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langgraph.config import get_stream_writer
from langgraph.types import Command

from eligen.assistant.agents.critic import repainted
from eligen.assistant.context import Context, Planner
from eligen.assistant.edits import apply
from eligen.assistant.history import History
from eligen.assistant.pictures import Pictures, mentioned
from eligen.assistant.plan import Option, Plan, Question, Redo, Undo
from eligen.assistant.routing import Settings, Step, steps
from eligen.assistant.state import State, as_json
from eligen.assistant.store import Store
from eligen.tools.errors import ToolError
from eligen.tools.layout import Layout

APPROVAL = "Shall I paint it?"
YES, NO = "yes, paint it", "no, leave it"


@dataclass(frozen=True)
class PlannerAgent:
    """Plans a turn from the session's rows; with `approve` a plan that paints is put to the user first.

    Where the plan has no use for what was attached, that is the picture to be changed, and planned for once it is in.
    """

    planner: Planner
    store: Store
    settings: Settings
    approve: bool = False

    def __call__(self, state: State) -> Command[Literal["upload", "painter", "record"]]:
        get_stream_writer()({"doing": "planning"})
        history = self.store.history if state.upload is None else self.store.history.add(state.upload)
        turn = {"turn": len(self.store.turns) + 1, "head": history.head, "tip": history.tip}
        fresh: dict[str, Any] = {"error": "", "layout": None, "steps": (), "tools": (), "candidates": ()}
        plan = Plan(reply="")
        try:
            if state.varied:
                plan, drawn = self._varied(state.varied, state.seed, state.locked)
            else:
                plan = self._plan(state, history)
                drawn = self._drawn(plan, history, state.locked)
        except ToolError as error:
            drawn = {"error": str(error)}
        unused = state.attachments and not mentioned(plan.model_dump_json()) & {*state.attachments}
        failed = "error" in drawn and history.current is not None
        if state.upload is None and unused and not failed:
            return Command(goto="upload")
        update = turn | fresh | {"plan": plan} | drawn
        return Command(goto="painter" if update["steps"] else "record", update=as_json(**update))

    def _plan(self, state: State, history: History) -> Plan:
        turns, pictures, attached = self.store.turns, self.store.pictures, state.attachments
        if state.upload is not None:
            attached = attached[1:]
        if not state.text:
            return Plan(reply=state.upload.reply if state.upload else "")
        question = turns[-1].question if turns else None
        if question is not None and (decided := decision(question, state.text)):
            return decided
        attachments = (*(turns[-1].attachments if question else ()), *attached)
        current = history.current
        context = Context(
            layouts=history.layouts,
            taken=history.ids,
            dialogue=tuple(message for turn in turns for message in turn.messages),
            question=question,
            picture=str(pictures.path(current.picture)) if current and current.picture else None,
            attachments=tuple(str(pictures.path(picture)) for picture in attachments),
            references=tuple(pictures.with_paths(named) for turn in turns for named in turn.names),
        )
        plan = pictures.with_hashes(self.planner.plan(state.text, context))
        if state.upload is not None:
            plan = plan.model_copy(update={"notices": (state.upload.reply, *plan.notices)})
        return approval(plan) if self.approve and plan.edits else plan

    def _drawn(self, plan: Plan, history: History, locked: Sequence[str]) -> dict[str, Any]:
        """Return where the plan's undos lead, the layout that its other edits make there, and the steps to paint it."""
        history, edits = history.follow(plan.edits)
        drawn: dict[str, Any] = {"head": history.head, "tip": history.tip}
        if not edits:
            return drawn
        old = history.current
        layout = apply(old.layout if old else None, edits, taken=history.ids)
        todo = steps(
            old.layout if old else None,
            layout,
            edits,
            picture=old.picture if old else None,
            settings=continued(self.settings, history, self.store.pictures),
        )
        check_locked(old.layout if old else None, layout, todo, locked)
        if not todo and old is not None and layout == old.layout:
            return drawn
        return drawn | {"layout": layout, "steps": todo, "tools": tuple(step.tool for step in todo)}

    def _varied(self, number: int, seed: int, locked: Sequence[str]) -> tuple[Plan, dict[str, Any]]:
        """Return a version's plan, and how to paint its layout once more from its parent, with another seed."""
        version = self.store.history.versions[number - 1]
        history = self.store.history.goto(version.parent)
        old = history.current
        todo = steps(
            old.layout if old else None,
            version.layout,
            [edit for edit in version.edits if not isinstance(edit, Undo | Redo)],
            picture=old.picture if old else None,
            settings=continued(self.settings, history, self.store.pictures).model_copy(update={"seed": seed}),
        )
        check_locked(None, version.layout, todo, locked)
        drawn = {"head": history.head, "tip": history.tip, "layout": version.layout, "steps": todo}
        return Plan(reply="Here is another one.", edits=version.edits), drawn | {
            "tools": tuple(step.tool for step in todo)
        }


def check_locked(old: Layout | None, new: Layout, todo: Sequence[Step], locked: Iterable[str]) -> None:
    """Raise ToolError when an entity that is locked would be another than in the old layout, or be painted anew."""
    again = {entity.id for step in todo for entity in repainted(step.request)}
    after = {entity.id: entity for entity in new.entities}
    for entity in (old or new).entities:
        if entity.id in locked and (after.get(entity.id) != entity or entity.id in again):
            raise ToolError(f"{entity.prompt} is locked: unlock it first")


def continued(settings: Settings, history: History, pictures: Pictures) -> Settings:
    """Return the settings with the size and the seed of the current picture, unless another seed was given since."""
    current = history.current
    if current is None or current.picture is None:
        return settings
    width, height = pictures.open(current.picture).size
    seed = history.seeds[-1] if settings.seed in history.seeds else settings.seed
    return settings.model_copy(update={"width": width, "height": height, "seed": seed})


def approval(plan: Plan) -> Plan:
    """Return the plan as a question whether to paint it; undo and redo need none."""
    if all(isinstance(edit, Undo | Redo) for edit in plan.edits):
        return plan
    question = Question(text=APPROVAL, options=(Option(label=YES, edits=plan.edits), Option(label=NO)))
    return plan.model_copy(update={"edits": (), "question": question})


def decision(question: Question, text: str) -> Plan | None:
    """Return what an approval's answer decides; None when the question is another or the answer a new message."""
    answer = text.casefold().strip(" .!")
    if question.text == APPROVAL and answer in (YES, "yes", "y", "ok"):
        return Plan(reply="Done.", edits=question.options[0].edits)
    if question.text == APPROVAL and answer in (NO, "no", "n"):
        return Plan(reply="I left it as it was.")
    return None
