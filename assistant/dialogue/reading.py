"""What messages ask for, by themselves: their requests, and which kinds of message they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from eligen.assistant.context import Context, Message
from eligen.assistant.dialogue.grammar import Reading, grammar
from eligen.assistant.dialogue.meanings import Request
from eligen.assistant.dialogue.messages import Spoken, sentences
from eligen.assistant.dialogue.sentence import Sentence
from eligen.assistant.dialogue.wordlists import WordLists, wordlists
from eligen.assistant.language.lexicon import Lexicon
from eligen.assistant.language.tokens import number

WH = frozenset(("what", "which", "who", "whose", "whom", "where", "when", "why", "how"))
BE = frozenset(("is", "are", "was", "were", "am", "does", "did", "has"))
ASKED = frozenset(("you", "we", "i", "they"))
SEVERAL = frozenset(("the", "these", "those", "both", "all", "any"))
IDLE = frozenset(("keep", "nothing", "dislike", "thanks", "greet", "topic"))
BACK = frozenset(("undo", "undo all", "redo", "regret"))
SIZES, MOVES = frozenset(("resize", "enlarge", "reduce")), frozenset(("move", "raise", "lower", "centre"))
SEEN_TO = {"mismade": SIZES, "undersized": SIZES, "misplaced": MOVES, "misplaced inward": MOVES}
MOST_UNREAD = 2
MISSPELT = 0.2


@lru_cache(maxsize=512)
def readings(tokens: tuple[str, ...], lexicon: Lexicon) -> tuple[Reading, ...]:
    """Return the ways to read a sentence that leave few of its words unread, the likeliest first.

    A sentence that makes no sense is read again with its slips of the pen put right.
    """
    found = _readings(tokens, lexicon)
    respelt = tuple(wordlists(lexicon).respelt(token) for token in tokens)
    better = _readings(respelt, lexicon) if respelt != tokens else ()
    return better if better and (not found or better[0].cost + MISSPELT < found[0].cost) else found


def _readings(tokens: tuple[str, ...], lexicon: Lexicon) -> tuple[Reading, ...]:
    found = grammar(lexicon).read(tokens)
    return tuple(reading for reading in found if _readable(reading, len(tokens), wordlists(lexicon)))


def _readable(reading: Reading, length: int, lists: WordLists) -> bool:
    """Tell whether a reading passes over nothing that could matter: a few small words, or one aside.

    Fragments without a verb must be read as a whole.
    """
    asides = [unread for unread in reading.unread if " " in unread]
    words = [unread for unread in reading.unread if " " not in unread]
    if reading.unread and all(request.loose or request.do in IDLE for request in reading.requests):
        return False
    small = all(word in lists.set("harmless") or word.endswith("ly") or not word[0].isalpha() for word in words)
    return small and len(asides) <= 1 and len(words) <= min(MOST_UNREAD, length // 4)


@lru_cache(maxsize=512)
def asks(sentence: Spoken, lexicon: Lexicon) -> bool:
    """Tell whether a sentence asks something and is no polite order such as "how about a tree?"."""
    rules = grammar(lexicon)
    text, at = Sentence(sentence.tokens, rules), 0
    while openings := [end for end in rules.openings(text, at) if end < len(text)]:
        if _opens_question(text, at, sentence.asks):
            break
        at = openings[0]
    plea = any(hit.end > at + 1 for hit in rules.match("@plea", text, at))
    return _opens_question(text, at, sentence.asks) and not plea


def _opens_question(text: Sentence, at: int, marked: bool) -> bool:
    """Tell whether a question's first word stands there: "which", "is the", "do you"; `marked` by a question mark."""
    word, following = (*text.tokens[at : at + 2], ".")[:2]
    if word in ("where", "when"):
        return marked or following in BE | {"do", "can"}
    if word in WH:
        return marked or word != "what" or following in BE | {"do"}
    about = word == "do" and (following in ASKED or (marked and following in SEVERAL))
    return (word in BE and marked) or about


def unknown_words(spoken: Sequence[Spoken], lists: WordLists) -> str:
    """Return a message no word of which is known, but for fillers, and that has no article or number; "" for others."""
    words = [token for sentence in spoken for token in sentence.tokens if token[0].isalpha()]
    strange = [word for word in words if word not in lists.polite]
    known = any(lists.knows(word) or number(word, lists.lexicon) is not None for word in strange)
    return "" if known else " ".join(strange)


def requests_of(text: str, context: Context, lexicon: Lexicon) -> list[Request]:
    """Return the requests of a message of a dialogue in its likeliest reading."""
    return without_remarks(requests_in(sentences(text, names_of(context)), lexicon), ())


def requests_in(spoken: Sequence[Spoken], lexicon: Lexicon) -> list[Request]:
    """Return the requests of sentences, each in its likeliest reading."""
    best = (reading for sentence in spoken for reading in readings(sentence.tokens, lexicon)[:1])
    return [request for reading in best for request in reading.requests]


def names_of(context: Context) -> tuple[str, ...]:
    """Return the names that pictures have, the longest first."""
    return tuple(sorted({named.name for named in context.references}, key=len, reverse=True))


def changing(requests: Sequence[Request]) -> list[Request]:
    """Return the requests that change the layout."""
    return [r for r in requests if r.do not in IDLE | BACK and not r.do.startswith("ask")]


def without_remarks(requests: Sequence[Request], later: Sequence[Request]) -> list[Request]:
    """Return requests with complaints that later ones see to ("it is too big, shrink it a bit") made mere topics."""

    def seen_to(request: Request, at: int) -> bool:
        named = {reference.noun for reference in request.get("THINGS") or ()}
        return any(
            one.do in SEEN_TO[request.do] and all(ref.noun in (None, *named) for ref in one.get("THINGS") or ())
            for one in (*requests[at + 1 :], *later)
        )

    return [
        replace(request, do="topic") if request.do in SEEN_TO and seen_to(request, at) else request
        for at, request in enumerate(requests)
    ]


def answers(reading: Reading) -> bool:
    """Tell whether a reading changes nothing, and takes in the word that the question is about."""
    back = any(request.do in BACK for request in reading.requests)
    return not changing(reading.requests) and not back and not WH & set(reading.unread)


def is_question(message: Message) -> bool:
    """Tell whether a message of the assistant asks something back."""
    return message.role == "assistant" and message.text.rstrip().endswith("?")
