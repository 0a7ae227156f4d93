"""Singulars and articles of English nouns, misspelt plurals included."""

from __future__ import annotations

from collections.abc import Iterator

IRREGULAR = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "mice": "mouse",
    "geese": "goose",
    "feet": "foot",
    "teeth": "tooth",
    "oxen": "ox",
    "cacti": "cactus",
    "dice": "die",
    "octopi": "octopus",
    "hippopotami": "hippopotamus",
    "fungi": "fungus",
    "leaves": "leaf",
    "loaves": "loaf",
    "wolves": "wolf",
    "calves": "calf",
    "shelves": "shelf",
    "scarves": "scarf",
    "elves": "elf",
    "halves": "half",
    "knives": "knife",
    "wives": "wife",
    "gooses": "goose",
    "persons": "person",
}
INVARIANT = frozenset(("sheep", "fish", "deer", "moose", "bison", "aircraft", "species", "series", "squid", "salmon"))
SINGULAR_ENDINGS = ("ss", "us", "is", "'s")
VOWEL_SOUNDS = ("hour", "honest", "heir", "x-ray")
CONSONANT_SOUNDS = ("uni", "use", "usu", "ukul", "euro", "one", "once", "ufo", "usb", "ute")


def singulars(word: str) -> Iterator[str]:
    """Yield the singulars that a word may stand for, the likeliest first; the word itself where it is none."""
    if word in IRREGULAR:
        yield IRREGULAR[word]
        return
    if len(word) <= 3:
        yield word
        if word.endswith("s"):
            yield word[:-1]
        return
    for suffix in ("men", "women", "children", "people"):
        if word.endswith(suffix) and len(word) > len(suffix) + 2:
            yield word.removesuffix(suffix) + IRREGULAR[suffix]
            return
    if word.endswith("s") and word not in INVARIANT:
        if word.endswith("ies") and len(word) > 4:
            yield word[:-3] + "y"
        if word.endswith("ves"):
            yield from (word[:-3] + "f", word[:-3] + "fe")
        if word.endswith(("ches", "shes", "xes", "sses", "zes", "oes", "uses")):
            yield word[:-2]
        yield from (word, word[:-1]) if word.endswith(SINGULAR_ENDINGS) else (word[:-1], word)
    else:
        yield word


def singular(word: str) -> str:
    """Return the singular of a word that no dictionary lists."""
    if word.endswith("ves") and word not in IRREGULAR:
        return word[:-1]
    if word.endswith(SINGULAR_ENDINGS):
        return word
    return next(singulars(word))


def is_plural(word: str) -> bool:
    """Tell whether an unlisted word looks like a plural."""
    return singular(word) != word


def article(phrase: str) -> str:
    """Return "a" or "an" as the phrase's first sound wants."""
    first = phrase.lower()
    if first.startswith(CONSONANT_SOUNDS):
        return "a"
    return "an" if first.startswith((*"aeiou", *VOWEL_SOUNDS)) else "a"
