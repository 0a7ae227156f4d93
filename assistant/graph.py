"""The graph of one turn: planner, painter and critic; a question in between where one is needed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from eligen.assistant.agents.critic import RETRIES, CriticAgent, Eye
from eligen.assistant.agents.painter import LazyPainter, PainterAgent, Paints
from eligen.assistant.agents.planner import PlannerAgent
from eligen.assistant.agents.scribe import ScribeAgent
from eligen.assistant.agents.upload import UploadAgent
from eligen.assistant.context import Planner
from eligen.assistant.routing import Settings
from eligen.assistant.state import State
from eligen.assistant.store import Store, session_folder

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph


def build_graph(
    *,
    planner: Planner,
    painter: Paints,
    eye: Eye | None,
    store: Store,
    settings: Settings,
    critic: bool = True,
    retries: int = RETRIES,
    approve: bool = False,
) -> StateGraph[State]:
    """Return the graph of a session's turns, to be compiled with a checkpointer.

    With an eye, attached pictures are understood and, with `critic`, painted ones judged; what failed is painted again,
    at most `retries` times.

    Its input is {"text", "attachments"}. A question interrupts it, and with `approve` so does every plan that paints;
    `Command(resume=answer)` goes on. Progress comes as custom stream events.
    """
    graph = StateGraph(State)
    graph.add_node("planner", PlannerAgent(planner, store, settings, approve))
    graph.add_node("upload", UploadAgent(eye, store, settings))
    graph.add_node("painter", PainterAgent(painter, store.pictures))
    graph.add_node("record", ScribeAgent(store, settings))
    graph.add_node("ask", ask)
    graph.add_edge(START, "planner")
    if eye is not None and critic:
        graph.add_node("critic", CriticAgent(eye, store.pictures, retries))
    graph.add_edge("painter", "critic" if eye is not None and critic else "record")
    return graph


def studio() -> CompiledStateGraph[State]:
    """Return the graph of the session `studio`, without a checkpointer: LangGraph Studio brings its own."""
    return _studio()


@cache
def _studio() -> CompiledStateGraph[State]:
    from eligen.assistant.agents.eyes import get_eye
    from eligen.assistant.agents.rules import RulesPlanner
    from eligen.tools.profiles import get_profile

    profile = get_profile()
    graph = build_graph(
        planner=RulesPlanner(),
        painter=LazyPainter(profile=profile),
        eye=get_eye(profile),
        store=Store(session_folder("studio")),
        settings=Settings(width=profile.width, height=profile.height, seed=0),
    )
    return graph.compile()


def ask(state: State) -> Command[Literal["planner"]]:
    """Wait for the answer to the question that was just recorded: a text, or {"text", "attachments"}."""
    question = state.plan.question
    assert question is not None
    answer: Any = interrupt({"question": question.text, "options": [option.label for option in question.options]})
    update = {"text": answer} if isinstance(answer, str) else answer
    return Command(goto="planner", update={"attachments": [], "turn": 0} | update)
