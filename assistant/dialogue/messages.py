"""From a message to its sentences: contractions written out, numbers and marks made plain words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from eligen.assistant.language.tokens import STOP, normalise, tokenise

NAMED = "@"  # what the name of a picture begins with
OWNERS = ("the", "my", "our", "your")
MOST_TOKENS = 80  # of one sentence; the rest is taken for another
TRAITS = (
    "places?|spots?|positions?|locations?|colou?rs?|size|shade|look|style|material|left|right|side|sails?|roof|windows?|doors?"
    "|eyes?|hair|fur|ears?|tail|nose|wings?|legs?|wheels?|leaves|stripes|face|beak|handle|lid|seat|feathers|mane|paws"
)
OWNED = rf"(?=\s+(?:[a-z]+\s+){{0,2}}(?:{TRAITS})\b)"
STATES = (
    "wrong|fine|good|bad|great|ok|okay|nice|perfect|missing|gone|too|not|still|way|really|ugly|boring|off|weird|odd"
    "|raining|snowing|in the|on the|at the|under|behind|next to|a bit|a little|a tad|much|so"
    "|kind of|sort of|pretty|quite|rather|hard"
    "|huge|tiny|boring|dull|ugly|silly|lost|big|small|enormous|giant|large|little|tall|short"
    "|dark|bright|empty|crooked|blurry|barely|hardly|just"
)
EXTREMES = "leftmost|rightmost|topmost|bottommost|biggest|largest|smallest|tallest|shortest|first|second|third|last"
SHADES = "red|orange|yellow|green|blue|purple|pink|brown|black|white|gr[ae]y|golden|silver|turquoise|teal"
NUMBERS = "one|two|three|four|five|six|seven|eight|nine|ten|\\d+"
OOPS = r"(?:no wait|no|sorry|oops|wait|er|uh|um|hm+|actually)"
MEANT = r"(?:i mean|i meant|i meant to say|or rather|make that|correction|scratch that)"
EDITING = rf"(?:(?:{OOPS}\s*,?\s+)*{MEANT}\s*,?|{OOPS}\s*,)"  # what one says before one puts oneself right
REWRITTEN = [
    (r"[\r\n]+", ". "),
    (r";", ","),
    (r"[\u2010\u2011]", "-"),
    (r"\s-+\s|[\u2013\u2014]|\.{2,}|\u2026", ", "),
    (r"\s*,?\s*\bi (?:really |do )?mean it\b(?=\s*(?:[.,!]|$))", ""),
    (rf"\b(?:{SHADES}|{NUMBERS})\s*,\s*{EDITING}\s+((?:{SHADES}|{NUMBERS})\b)", r"\1"),
    (rf"\b(?:the|an?)\s+[\w ]{{1,30}}?\s*,\s*{EDITING}\s+((?:the|an?)\s[\w ]+?)\s*,\s*(?=\w)", r"\1 "),
    (rf"(\w+\s+\w+)\s*,\s*({EDITING}\s+\w)", r"\1. \2"),
    (r"\s*(?:->|=>|\u2192)\s*", " to "),
    (r"\b(left|right)[- ]hand\b", r"\1"),
    (r"\b(top|bottom|upper|lower)\s+(left|right)\b", r"\1-\2"),
    (r"(\d)\s*%", r"\1 percent"),
    (r"\b(\d+)\s*x\b|\bx\s*(\d+)\b", r"\1\2 times"),
    (r",?\s*\b(?:is|are|was|were|does|do|did|has|have)n't\s+(?:it|that|this|they|he|she|you|we)\s*\?", "."),
    (
        r"(?:^|(?<=[.!?])\s*)for the (?=(?:very |exact )?(?:cent(?:er|re)|middle|[\w-]+ (?:corner|side|half|edge))\b)",
        "in the ",
    ),
    (r"\ba couple(?: of)? more\b", "two more"),
    (rf"\b({NUMBERS}|some|a few)( more)? (\w+s)\s*,\s*({SHADES}) ones\b", r"\1\2 \4 \3"),
    (r"\bkinda\b", "kind of"),
    (r"\bsorta\b", "sort of"),
    (r"\b(colou?r|size|style|background|time|number)'s(?=\s+(?:the|that|this|my|our|your|it)\b)", r"\1 is"),
    (
        r"\b(?:whichever|whatever)\s+(\w+)\s+is\s+(?:the\s+)?(?:further|farther|more|furthest|farthest|nearest|closest)"
        r"\s+(?:(?:to|on|towards?)\s+)?(?:the\s+)?(left|right|top|bottom)(?:\s+(?:edge|side|border))?\b",
        r"the \1 furthest to the \2",
    ),
    (r"\b(?:whichever|whatever)\s+(\w+)\s+is\s+(?:the\s+)?(\w+(?:er|est))\b", r"the \2 \1"),
    (r"\b(\w+)'s\s+(?:gotta|got to)\b", r"\1 has to"),
    (r"\bgotta\b", "have to"),
    (r"\by'know\b", "you know"),
    (r"\b(one|two|three|four|five|six|seven|eight|nine|ten)'s\b", r"\1 is"),
    (rf"\bthe\s+({EXTREMES})(?=\s*(?:[,.!?]|$))", r"the \1 one"),
    (rf"\b(\w+)'s(?=\s+(?:{SHADES})\s*(?:[,.!?]|$|though\b|now\b|and\b))", r"\1 is"),
    (r"\bgimme\b", "give me"),
    (r"\blemme\b", "let me"),
    (r"\bwanna\b", "want to"),
    (r"\bgonna\b", "going to"),
    (r"\bu\b", "you"),
    (r"(?<!\w)'em\b", "them"),
    (r"\b(he|she)'s(?=\s+(?:decided|asked|noticed|said|changed|got)\b)", r"\1 has"),
    (r"\bdont\b", "do not"),
    (r"\b(that|what|there|where)s\b", r"\1 is"),
    (r"\bim\b", "i am"),
    (r"\b(pls|plz|plse)\b", "please"),
    (r"\b(can|could|would|should|do|does|did|is|are|was|were|must|need|has|have)n't\b", r"\1 not"),
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"\blet's\b", "let us"),
    (r"\bi'm\b", "i am"),
    (r"\b(\w+)'d\b", r"\1 would"),
    (r"\b(\w+)'ll\b", r"\1 will"),
    (r"\b(\w+)'re\b", r"\1 are"),
    (r"\b(\w+)'ve\b", r"\1 have"),
    (
        r"\b(it|that|this|there|what|where|who|he|she|here|how|everything|whatever|which|nothing|something|everybody)'s\b",
        r"\1 is",
    ),
    (rf"'s\b{OWNED}|(?<=s)'{OWNED}", " s"),
    (rf"\b(\w+)'s(?=\s+(?:{STATES})\b)", r"\1 is"),
    (rf"\bits(?=\s+(?:{STATES})\b)", "it is"),
    (r"\bmore\s+(one|two|three|four|five)\b(?=\s+\w)", r"\1 more"),
    (r"\b(?:(?:ha){2,}h?|(?:he){2,}|lol|lmao|rofl|xd)\b", ""),
]
RULES = [(re.compile(pattern, re.IGNORECASE), new) for pattern, new in REWRITTEN]
DECIMAL = re.compile(r"\b(\d{1,3})[.,](\d{1,2})\s*(?:x|times|percent|%)?(?!\d)", re.IGNORECASE)


@dataclass(frozen=True)
class Spoken:
    """One sentence of a message: its words, and whether a question mark ended it."""

    tokens: tuple[str, ...]
    asks: bool = False


def sentences(text: str, names: Sequence[str] = ()) -> list[Spoken]:
    """Return the sentences of a message, in lower case; "the dog's colour" becomes "the dog s colour".

    `names` of pictures become single words: "my logo" becomes "@logo".
    """
    text = text.replace("\u2019", "'")
    text = DECIMAL.sub(_percent, text)
    for pattern, new in RULES:
        text = pattern.sub(new, text)
    found: list[Spoken] = []
    words: list[str] = []
    for token in [*tokenise(normalise(text)), "."]:
        if token not in STOP:
            words.append(token)
        if (token in STOP or len(words) >= MOST_TOKENS) and any(word[0].isalnum() for word in words):
            found.append(Spoken(tuple(words), token == "?"))
        if token in STOP or len(words) >= MOST_TOKENS:
            words = []
    numbered = [sentence for sentence in found if not sentence.tokens[0].isdecimal() or len(sentence.tokens) > 1]
    return [replace(sentence, tokens=_named(sentence.tokens, names)) for sentence in numbered or found]


def _named(tokens: tuple[str, ...], names: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a sentence with names, and "the" or "my" before them, as single words."""
    found: list[str] = []
    at = 0
    while at < len(tokens):
        start = at + (tokens[at] in OWNERS)
        name = next((n for n in names if tokens[start : start + len(n.split())] == tuple(n.split())), "")
        found.append(f"{NAMED}{name}" if name else tokens[at])
        at = start + len(name.split()) if name else at + 1
    return tuple(found)


def _percent(match: re.Match[str]) -> str:
    """Return a decimal factor such as "1.5 times" in percent."""
    return (
        f"{round(float(f'{match[1]}.{match[2]}') * (1 if '%' in match[0] or 'percent' in match[0] else 100))} percent"
    )
