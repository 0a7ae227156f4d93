"""What a first message says besides the picture: on whose behalf and what for. It is left out."""

from __future__ import annotations

import re
from functools import cache

from eligen.assistant.language.lexicon import Lexicon

SENTENCE = re.compile(r"[^.;!?]+[.;!?]*\s*")
ABOUT_US = re.compile(r"(?:we|i|my|our|this|it|that|these|he|she|they)\b(?!\s+(?:one|picture|image))", re.IGNORECASE)
ASKS = re.compile(
    r"(?:so\s+|and\s+|now\s+|please\s+|kindly\s+|(?:can|could|would|will|might)\s+(?:you|we|i)\s+(?:please\s+)?|let'?s\s+)*"
    r"(?:draw|create|paint|show|make|generate|render|design|sketch|produce|give|put together|have|get|imagine|picture"
    r"|(?:i|we)(?:'d|\s+would|\s+want|\s+need)|how about|start with)\b",
    re.IGNORECASE,
)
PURPOSE = re.compile(
    r"(?:(?:picture|imagine) this\s+)?for\s+(?:the|a|an|our|my|her|his|their)\s[^,:.;]{1,60}:\s*", re.IGNORECASE
)
SAYS = r"(?:says?|said|thinks?|thought|feels?|has decided|decided)(?:\s+that)?\s+(?:she|he|they|we|it)\s+"
WANTS = (
    r"(?:wants?|would like|'d like|would love|'d love|needs?|asked for|has asked for|is asking for|is after|wishes for)"
)


def the_picture(text: str, lexicon: Lexicon) -> str:
    """Return a description without who asks for it and what it is for: "for our flyer: ...", "my son wants ..."."""
    text = PURPOSE.sub("", text.lstrip(), count=1) if PURPOSE.match(text.lstrip()) else text
    sentences = SENTENCE.findall(text)
    while len(sentences) > 1 and _is_context(sentences[0]) and ASKS.match(sentences[1]):
        sentences = sentences[1:]
    return _wish(lexicon).sub("", "".join(sentences), count=1) or text


def _is_context(sentence: str) -> bool:
    return bool(ABOUT_US.match(sentence)) and not ASKS.match(sentence)


@cache
def _wish(lexicon: Lexicon) -> re.Pattern[str]:
    """Return what matches "my daughter says she wants (to see)" at a text's start."""
    roles = "|".join(sorted(lexicon.set("roles"), key=len, reverse=True))
    someone = rf"(?:(?:my|our|the|her|his)\s+(?:\w+\s+)?(?:{roles})|she|he|they)"
    company = r"(?:\s+and\s+(?:i|my\s+\w+|her\s+\w+|his\s+\w+))?"
    return re.compile(rf"{someone}{company}\s+(?:{SAYS})?{WANTS}(?:\s+to\s+(?:see|have))?\s+", re.IGNORECASE)
