"""Messages before the first picture: those that describe none are answered, and nothing is painted."""

from __future__ import annotations

from collections.abc import Sequence

from eligen.assistant.dialogue.meanings import Request
from eligen.assistant.dialogue.messages import Spoken
from eligen.assistant.dialogue.reading import BACK, IDLE, readings
from eligen.assistant.dialogue.scene_questions import CAN
from eligen.assistant.language.lexicon import Lexicon

NO_PICTURE = "There is no picture yet: tell me what to draw."
REPLIES = {
    "greet": "Hello! Tell me what to draw.",
    "thanks": "You are welcome.",
    "ask help": f"I plan pictures and change them as you say. First tell me what to draw. {CAN}",
}
CHANGES = frozenset(
    ("remove", "keep only", "keep", "duplicate", "swap", "replace", "replace last", "put back", "change back", "fewer",
     "correct", "repeat", "regenerate", "lessen", "multiply", "mismade", "same size", "dislike", "style after")
)  # fmt: skip
WISHES = ("she", "he", "they")  # "she wants a fox" is no gift to anybody in a picture that is not there
POINTING = frozenset(("the", "this", "that", "these", "those"))
PRONOUNS = frozenset(("it", "him", "them", "both", "them all", "again", "one", "other", "others", "former", "latter"))


def reply_without_picture(spoken: Sequence[Spoken], lexicon: Lexicon) -> str | None:
    """Return the reply to a message that describes no picture but greets, asks or changes one; None where it does."""
    requests: list[Request] = []
    for sentence in spoken:
        best = readings(sentence.tokens, lexicon)[:1]
        if not best or not best[0].requests or best[0].unread:
            return None
        requests += best[0].requests
    if not all(map(_needs_picture, requests)):
        return None
    said = [REPLIES[request.do] for request in requests if request.do in REPLIES]
    return said[0] if said and {request.do for request in requests} <= IDLE | REPLIES.keys() else NO_PICTURE


def changes_what_is_attached(spoken: Sequence[Spoken], lexicon: Lexicon) -> bool:
    """Tell whether a message changes things of a picture sent with it: "make the cat in the photo blue"."""
    best = [reading for sentence in spoken for reading in readings(sentence.tokens, lexicon)[:1]]
    requests = [request for reading in best for request in reading.requests]
    return bool(requests) and len(best) == len(spoken) and all(map(_changes_what_is_there, requests))


def _changes_what_is_there(request: Request) -> bool:
    if request.get("PICTURED") or request.do in ("topic", "background"):
        return False
    spot = request.get("PLACE")
    references = [*(request.get("THINGS") or ()), *(request.get("other") or ()), *(spot.of if spot else ())]
    pointed = all(one.kind in PRONOUNS or one.text.split()[0] in POINTING for one in references)
    return request.do in ("scenery", *IDLE) or (bool(references) and pointed)


def _needs_picture(request: Request) -> bool:
    """Tell whether a request says nothing of a new picture: it chats, asks, goes back, or changes what is not there."""
    if request.do in BACK | REPLIES.keys() | {"nothing"} or request.do.startswith("ask"):
        return True
    if request.do == "give" and request.text.split()[0] in WISHES:
        return False
    references = [reference for name in ("THINGS", "other", "not") for reference in request.get(name) or ()]
    if request.do in CHANGES:
        return all(
            reference.kind in PRONOUNS or reference.text.startswith("the ") for reference in references
        ) and not (request.get("FIX") and request.get("FIX")[0] != "THINGS")
    return bool(references) and all(reference.kind in PRONOUNS for reference in references) and request.do != "topic"
