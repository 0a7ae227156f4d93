"""Text to words: normalising, splitting, and numbers."""

from __future__ import annotations

import re
import unicodedata

from eligen.assistant.language.lexicon import Lexicon

WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|\d+(?:k|d|s|st|nd|rd|th)?\b|\d+|[,.;:!?()&/]")
COMMA, STOP = frozenset(",:()"), frozenset(".;!?")


def normalise(text: str) -> str:
    """Return the text trimmed, on one line, without control or format characters, with plain quotes."""
    text = unicodedata.normalize("NFC", text).replace("\u2019", "'")
    spaced = "".join(c if unicodedata.category(c)[0] != "C" else " " if c in "\t\n\r\v\f" else "" for c in text)
    return " ".join(spaced.split())


def tokenise(text: str) -> list[str]:
    """Return the lower-case words, numbers and punctuation marks of a normalised text."""
    return WORD.findall(text.lower())


def is_mark(token: str) -> bool:
    """Tell whether a token is punctuation."""
    return not token[0].isalnum()


def number(token: str, lexicon: Lexicon) -> int | None:
    """Return the value of a number in digits or words ("7", "seven", "twenty-one"); None for other words."""
    if token.isdecimal():
        return int(token[:9])
    if token in lexicon.numbers:
        return lexicon.numbers[token]
    tens, _, units = token.partition("-")
    if tens in lexicon.numbers and units in lexicon.numbers:
        return lexicon.numbers[tens] + lexicon.numbers[units]
    return None
