"""Singulars and articles of English nouns, misspelt plurals included, and the regular forms of verbs."""

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
OES = frozenset(("tomato", "potato", "hero", "mosquito", "tornado", "volcano", "mango", "buffalo", "echo"))
HUMANS = frozenset(("human", "german", "roman"))
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


def plural(noun: str) -> str:
    """Return the plural of a noun, by its last word; one that looks like a plural stays."""
    start, space, last = noun.rpartition(" ")
    for many, one in IRREGULAR.items():
        if last == one or (last.endswith(one) and one in ("man", "child") and last not in HUMANS):
            return start + space + last.removesuffix(one) + many
    if last in INVARIANT or (last.endswith("s") and next(singulars(last)) != last):
        return noun
    if last.endswith("y") and last[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if last.endswith(("s", "sh", "ch", "x", "z")) or last in OES else "s")


def is_plural(word: str) -> bool:
    """Tell whether an unlisted word looks like a plural."""
    return singular(word) != word


def article(phrase: str) -> str:
    """Return "a" or "an" as the phrase's first sound wants."""
    first = phrase.lower()
    if first.startswith(CONSONANT_SOUNDS):
        return "a"
    return "an" if first.startswith((*"aeiou", *VOWEL_SOUNDS)) else "a"


def verb_forms(base: str) -> list[str]:
    """Return the forms that a regular verb may have, both with and without a doubled last letter."""
    stem = base.removesuffix("e")
    third = base + "es" if base.endswith(("s", "sh", "ch", "x", "z", "o")) else base + "s"
    forms = [base, third]
    for root in (stem, base + base[-1]):
        forms += [root + "ing", root + "ed"]
    if base.endswith("y") and base[-2:-1] not in (*"aeiou", ""):
        forms += [base[:-1] + "ies", base[:-1] + "ied", base + "ing"]
    return forms


def present_participle(base: str) -> str:
    """Return the -ing form of a verb of one or two syllables: sitting, lying, dancing, sleeping."""
    if base.endswith("ie"):
        return base[:-2] + "ying"
    if base.endswith("e") and not base.endswith("ee"):
        return base[:-1] + "ing"
    vowels = [letter in "aeiou" for letter in base]
    short = len(base) > 2 and vowels[-3:] == [False, True, False] and sum(vowels) == 1 and base[-1] not in "wxy"
    return base + base[-1] * short + "ing"
