"""The rules planner: plans by grammar and lexicon, without a language model."""

from __future__ import annotations

from eligen.assistant.composition import compose
from eligen.assistant.context import Context
from eligen.assistant.language.lexicon import Lexicon, lexicon
from eligen.assistant.plan import Plan
from eligen.tools.errors import ToolError

SINGLE_SENTENCES = "the rules planner reads single sentences only so far: the layout was kept"


class RulesPlanner:
    """Plans a first picture from one English sentence, and edits of a picture from the sentences after it."""

    def __init__(self, words: Lexicon | None = None) -> None:
        self.lexicon = words or lexicon()

    def plan(self, text: str, context: Context) -> Plan:
        """Return the plan for a message; UserError when it is empty."""
        if context.layout is None and context.question is None:
            return compose(text, self.lexicon)
        return self._edit(text, context)

    def _edit(self, text: str, context: Context) -> Plan:
        """Return the plan for a message about the current picture, or for an answer."""
        raise ToolError(SINGLE_SENTENCES)
