"""The rules planner: plans by grammar and lexicon, without a language model."""

from __future__ import annotations

from eligen.assistant.composition import compose
from eligen.assistant.context import Context
from eligen.assistant.dialogue.planner import plan_message
from eligen.assistant.language.lexicon import Lexicon, lexicon
from eligen.assistant.language.tokens import normalise
from eligen.assistant.plan import Compose, Plan


class RulesPlanner:
    """Plans a first picture from one English sentence, and edits of a picture from the sentences after it."""

    def __init__(self, words: Lexicon | None = None) -> None:
        self.lexicon = words or lexicon()

    def plan(self, text: str, context: Context) -> Plan:
        """Return the plan for a message; UserError when it is empty."""
        return plan_message(text, context, self.lexicon, self._compose)

    def _compose(self, text: str) -> Plan:
        """Return the plan of a new picture; where nothing in a text is known to be a thing, it may lack its article."""
        plan = compose(text, self.lexicon)
        if not plan.notices or _shows(plan):
            return plan
        named = compose(f"a {text}", self.lexicon)
        (edit,) = named.edits
        assert isinstance(edit, Compose)
        layout = edit.layout.model_copy(update={"prompt": normalise(text)})
        return named.model_copy(update={"edits": (Compose(layout=layout),)}) if _shows(named) else plan


def _shows(plan: Plan) -> bool:
    """Tell whether the picture of a plan shows anything."""
    (edit,) = plan.edits
    assert isinstance(edit, Compose)
    return bool(edit.layout.entities or edit.layout.background or edit.layout.style)
