"""What a first message says besides the picture: on whose behalf, what for, how welcome. It is left out."""

from __future__ import annotations

import re
from functools import cache

from eligen.assistant.language.lexicon import Lexicon


def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern in which a blank stands for one or more."""
    return re.compile(text.replace(" ", r"\s+"), re.IGNORECASE)


SENTENCE = re.compile(r"[^.;!?]+[.;!?]*\s*")
ABOUT_US = _pattern(r"(?:we|i|my|our|this|it|that|these|he|she|they)\b(?! (?:one|picture|image))")
ASKS = _pattern(
    r"(?:(?:so|and|now|please|kindly) |(?:can|could|would|will|might) (?:you|we|i) (?:please )?|let'?s )*"
    r"(?:draw|create|paint|show|make|generate|render|design|sketch|produce|give|put together|have|get|imagine|picture"
    r"|(?:i|we)(?:'d| would| want| need)|how about|start with)\b"
)
WHOSE = r"(?:the|a|an|our|my|her|his|their)"
PURPOSE = _pattern(rf"(?:(?:picture|imagine) this )?for {WHOSE} [^,:.;]{{1,60}}:\s*")
MADE = _pattern(
    r"(?:could|can|may|might) an? (?:picture|image|drawing|scene|painting) be "
    r"(?:made|drawn|painted|created|generated|produced) (?:of|with|showing) "
)
IDEA = _pattern(r"(?:there(?:'s| is) |here(?:'s| is) |so )*(?:this|an|my|the) idea[^,:.;]{0,40}:\s*")
WELCOME = _pattern(
    r" (?:would|will|might|could) be (?:(?:just|really|so|very) )?"
    r"(?:cool|nice|great|perfect|lovely|awesome|fun|good|wonderful|ideal|fantastic|fine|sweet|neat)(?=\s*(?:[,.!?]|$))"
)
SAYS = r"(?:says?|said|thinks?|thought|feels?|has decided|decided)(?: that)? (?:she|he|they|we|it) "
WANTS = r"(?:wants?|(?:would|'d) (?:like|love)|needs?|(?:has )?asked for|is asking for|is after|wishes for)"


def the_picture(text: str, lexicon: Lexicon) -> str:
    """Return a description without who asks for it and what it is for: "for our flyer: ...", "my son wants ..."."""
    text = WELCOME.sub("", text.lstrip())
    for opening in (PURPOSE, MADE, IDEA):
        text = text[found.end() :] if (found := opening.match(text)) else text
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
    someone = rf"(?:(?:my|our|the|her|his) (?:\w+ )?(?:{roles})|she|he|they)"
    company = r"(?: and (?:i|my \w+|her \w+|his \w+))?"
    return _pattern(rf"\A{someone}{company} (?:{SAYS})?{WANTS}(?: to (?:see|have))? ")
