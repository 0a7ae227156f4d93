"""What is measured of a played scenario: small classes with one method each, and how to name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eligen.assistant.evaluation.agents import built, parsed, plugged
from eligen.assistant.evaluation.evaluators.base import Evaluator, Gatherer
from eligen.assistant.evaluation.evaluators.expected import Expected
from eligen.assistant.evaluation.evaluators.spent import Spent
from eligen.tools.errors import UserError

GROUP = "eligen.evaluators"
OURS = "eligen.assistant.evaluation.evaluators"
NAMED = {
    "entities": f"{OURS}.entities:Entities",
    "likeness": f"{OURS}.likeness:Likeness",
    "locality": f"{OURS}.locality:Locality",
    "drift": f"{OURS}.locality:Drift",
    "references": f"{OURS}.references:References",
    "agreement": f"{OURS}.entities:Agreement",
    "lpips": f"{OURS}.locality:Lpips",
    "quality": f"{OURS}.quality:Quality",
    "fid": f"{OURS}.quality:Fid",
}
PLANNED = ("expected", "spent")
PAINTED = (*PLANNED, "entities", "likeness", "locality", "drift", "references", "agreement")


def get_evaluator(text: str) -> Evaluator | Gatherer:
    """Return the evaluator of NAME,key=value,...: one of this project's, an entry point's or MODULE:OBJECT's.

    UserError when there is none of that name or it takes no such option.
    """
    name, options = parsed(text)
    if not name:
        raise UserError(f"{text!r}: an evaluator needs a name")
    own: dict[str, Callable[..., Any]] = {"expected": Expected, "spent": Spent}
    make = own.get(name) or plugged(GROUP, NAMED.get(name, name))
    made = built(make, options, text)
    if not isinstance(made, Evaluator | Gatherer):
        raise UserError(f"{text!r} makes no evaluator: it has neither evaluate nor gather")
    return made
