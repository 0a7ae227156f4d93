"""Turns by hand: a planner that may be handed its next plan, and tells every plan it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eligen.assistant.context import Context, Planner
from eligen.assistant.plan import Plan

Ready = Callable[[Context], Plan]


@dataclass
class Handed:
    """Plans as another planner does, but for a message whose plan it was handed: that plan it gives.

    `on_plan` is told each plan and its context.
    """

    planner: Planner
    ready: Ready | None = None
    on_plan: Callable[[Plan, Context], None] = lambda plan, context: None

    def plan(self, text: str, context: Context) -> Plan:
        """Return the plan that was handed, in its context, once; else the other planner's."""
        ready, self.ready = self.ready, None
        plan = ready(context) if ready else self.planner.plan(text, context)
        self.on_plan(plan, context)
        return plan
