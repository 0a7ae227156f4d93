"""The vocabulary: names of trained nouns, the way to them from other words, and the notices."""

import json
from pathlib import Path

import inflect
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eligen.tools.errors import UserError
from eligen.tools.nounphrases import COLOURS, MATERIALS, article
from eligen.tools.vocabulary import Nearest, Noun, Vocabulary, shipped_thesaurus

LISTED = json.loads((Path(__file__).parents[1] / "training" / "vocabulary.json").read_text(encoding="utf-8"))
ENTRIES = [Noun.model_validate(value) for value in LISTED]
FULL = Vocabulary(ENTRIES)
FIRST = Vocabulary(ENTRIES[:50])


def written(folder: Path, value: object) -> Path:
    """Return the folder with a vocabulary.json of that value in it."""
    (folder / "vocabulary.json").write_text(json.dumps(value), encoding="utf-8")
    return folder


def test_every_name_of_a_noun_finds_it():
    named = [(entry.noun, name) for entry in ENTRIES for name in (entry.noun, entry.plural, *entry.synonyms)]
    found = [(noun, name) for noun, name in named if FULL.nearest(f"a big {name}") == Nearest(noun, "known")]
    assert found == named


def test_no_glyph_draws_two_nouns():
    assert len({entry.codepoint for entry in ENTRIES}) == len(ENTRIES)


@pytest.mark.parametrize(
    ("text", "noun", "name"),
    [
        ("a cat", "cat", "cat"),
        ("A Small CAT", "cat", "CAT"),
        ("three kitties", "cat", "kitties"),
        ("two mice", "mouse", "mice"),
        ("geese", "goose", "geese"),
        ("five sheep on a hill", "sheep", "sheep"),
        ("cacti", "cactus", "cacti"),
        ("several cactuses", "cactus", "cactuses"),
        ("a teddy bear", "teddy bear", "teddy bear"),
        ("a teddy-bear", "teddy bear", "teddy-bear"),
        ("two glasses of milk", "glass of milk", "glasses of milk"),
        ("cups of coffee", "cup", "cups of coffee"),
        ("a wooden bow and arrow", "bow and arrow", "bow and arrow"),
        ("a photo of a red fire engine", "fire truck", "fire engine"),
        ("a cat on a motorcycle", "cat", "cat"),
        ("a puma under a palm tree", "palm tree", "palm tree"),
        ("an orange and black tiger", "tiger", "tiger"),
        ("an orange", "orange", "orange"),
    ],
)
def test_find(text: str, noun: str, name: str):
    match = FULL.find(text)
    assert match is not None
    assert (match.noun, text[match.start : match.end]) == (noun, name)


@pytest.mark.parametrize("text", ["", "...", "red", "a baseball bat", "catalogue", "xyzzy"])
def test_find_finds_nothing(text: str):
    assert FULL.find(text) is None


@pytest.mark.parametrize(("text", "plural"), [("cats", True), ("cat", False), ("kitties", True), ("sheep", False)])
def test_find_tells_plurals(text: str, plural: bool):
    match = FULL.find(text)
    assert match is not None
    assert match.plural is plural


@pytest.mark.parametrize(
    ("prompt", "painted", "named"),
    [
        ("a puma on a rock", "a leopard on a rock", "puma"),
        ("two pumas", "two leopards", "pumas"),
        ("a small, red puma", "a small, red leopard", "puma"),
        ("a majestic flying puma", "a majestic flying leopard", "puma"),
        ("a puma wearing a hat", "a leopard wearing a hat", "puma"),
        ("a puma sitting on a chair", "a leopard sitting on a chair", "puma"),
        ("a black and white husky", "a black and white dog", "husky"),
        ("a photo of a lynx", "a photo of a leopard", "lynx"),
        ("a wooden dining table", "a wooden chair", "dining table"),
        ("a table made of wood", "a chair made of wood", "table"),
        ("a baseball bat", "a broom", "baseball bat"),
        ("some happy people", "some happy men", "people"),
        ("a sparrow", "a bird", "sparrow"),
        ("A mammoth", "An elephant", "mammoth"),
        ("an elefant", "an elephant", "elefant"),
        ("elefants", "elephants", "elefants"),
        ("a girafe", "a giraffe", "girafe"),
        ("a buterfly on a rock", "a butterfly on a rock", "buterfly"),
        ("a red hrose", "a red horse", "hrose"),
        ("a trafic light", "a traffic light", "trafic light"),
        ("a cat xyzzy", "a cat", "cat xyzzy"),
    ],
)
def test_translate(prompt: str, painted: str, named: str):
    translated, notices = FULL.translate(prompt)
    assert translated == painted
    noun = FULL.nearest(prompt)
    assert noun is not None
    assert notices == [f"'{named}' is not among the things this model knows; painted as '{noun.noun}'"]


@pytest.mark.parametrize(
    ("prompt", "painted"),
    [
        ("a tiger", "a lion"),
        ("a pickup in the rain", "a truck in the rain"),
        ("two geese", "two ducks"),
        ("a christmas tree", "a tree"),
        ("a van", "a bus"),
        ("a blue vase", "a blue cup"),
        ("women", "girls"),
        ("glasses of milk", "cups"),
    ],
)
def test_what_is_not_trained_yet_leads_to_what_is(prompt: str, painted: str):
    assert FIRST.translate(prompt)[0] == painted


@pytest.mark.parametrize("prompt", ["a red qwerty", "a xyzzy eating pizza", "zzyzx"])
def test_an_unknown_word_is_said(prompt: str):
    translated, (notice,) = FULL.translate(prompt)
    assert translated == prompt
    assert "painted as it stands" in notice
    assert FULL.nearest(prompt) is None


@pytest.mark.parametrize("prompt", ["", "red", "two wooden ones made of glass and", "a shiny golden", "on", "!?", "日"])
def test_words_that_describe_are_not_taken_for_things(prompt: str):
    translated, notices = FULL.translate(prompt)
    assert translated == prompt
    assert all("painted as it stands" in notice for notice in notices)


@pytest.mark.parametrize(
    ("phrase", "nearest"),
    [
        ("a cat", Nearest("cat", "known")),
        ("a puma", Nearest("leopard", "thesaurus")),
        ("an elefant", Nearest("elephant", "spelling")),
        ("a cat xyzzy", Nearest("cat", "phrase")),
        ("catt", Nearest("cat", "spelling")),
        ("a quorum", None),
    ],
)
def test_nearest_says_why(phrase: str, nearest: Nearest | None):
    assert FULL.nearest(phrase) == nearest


@pytest.mark.parametrize("vocabulary", [FULL, FIRST], ids=["full", "first 50"])
def test_every_name_of_the_thesaurus_leads_to_a_trained_noun(vocabulary: Vocabulary):
    assert [name for name in shipped_thesaurus() if vocabulary.nearest(name) is None] == []


def test_the_thesaurus_speaks_of_the_full_vocabulary():
    thesaurus = shipped_thesaurus()
    untold = [near for like in thesaurus.values() for near in like if near not in thesaurus and near not in FULL.nouns]
    assert untold == []


def test_another_thesaurus_serves_as_well():
    vocabulary = Vocabulary(ENTRIES[:2], thesaurus={"gryphon": ["phoenix", "dog"], "phoenix": ["cat"]})
    assert vocabulary.translate("a gryphon")[0] == "a dog"
    assert vocabulary.translate("a phoenix")[0] == "a cat"


def test_articles_agree():
    engine = inflect.engine()
    assert {noun: article(noun) for noun in FULL.nouns} == {noun: engine.a(noun).split()[0] for noun in FULL.nouns}


adjectives = st.lists(st.sampled_from(sorted(COLOURS | MATERIALS)), max_size=3)
names = st.sampled_from([name for entry in ENTRIES for name in (entry.noun, entry.plural, *entry.synonyms)])


@given(adjectives, names, st.sampled_from(["", " on a rock", " wearing a hat", ", shiny"]))
def test_known_prompts_stay(described: list[str], name: str, rest: str):
    prompt = " ".join(["the", *described, name]) + rest
    assert FULL.translate(prompt) == (prompt, [])


@given(
    st.one_of(
        st.text(), st.lists(names | st.sampled_from(["a", "of", "and", "puma", "red", ",", "elefants"])).map(" ".join)
    )
)
def test_nothing_raises_and_a_second_look_changes_no_noun(text: str):
    for vocabulary in (FULL, FIRST):
        match = vocabulary.find(text)
        assert match is None or match.noun in vocabulary.nouns
        translated, notices = vocabulary.translate(text)
        assert len(notices) <= 1
        assert notices or translated == text


def test_as_json_is_what_the_command_prints():
    assert FIRST.as_json()[0] == {"noun": "cat", "codepoints": ["1F408"], "synonyms": ["kitty", "kitten", "pussycat"]}
    assert [noun["noun"] for noun in FIRST.as_json()] == list(FIRST.nouns)


def test_load_reads_a_model_folder(tmp_path: Path):
    assert Vocabulary.load(written(tmp_path, LISTED[:7])).nouns == FULL.nouns[:7]


CAT = {"noun": "cat", "codepoint": "1F408", "plural": "cats"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "not a list of nouns"),
        ([], "not a list of nouns"),
        (["cat"], "noun 1: the line is not a JSON object"),
        ([{"noun": "cat"}], "codepoint"),
        ([CAT | {"codepoint": "cat"}], "codepoint"),
        ([CAT | {"codepoint": "FFFFFF"}], "codepoint"),
        ([CAT | {"noun": " "}], "noun"),
        ([CAT | {"glyph": 1}], "unknown field 'glyph'"),
        ([CAT, CAT], "'cat' repeats"),
        ([CAT, CAT | {"noun": "lion", "plural": "cats"}], "'cats' stands for 'cat' and for 'lion'"),
    ],
)
def test_a_malformed_vocabulary_is_the_users_to_mend(tmp_path: Path, value: object, said: str):
    with pytest.raises(UserError, match=said):
        Vocabulary.load(written(tmp_path, value))


def test_a_missing_or_broken_file_is_said(tmp_path: Path):
    with pytest.raises(UserError, match="no file"):
        Vocabulary.load(tmp_path)
    (tmp_path / "vocabulary.json").write_text("[{")
    with pytest.raises(UserError, match="not JSON"):
        Vocabulary.load(tmp_path)


@pytest.mark.parametrize("prompt", ["a beach", "a sunset over the sea", "Night in the city", "a snowy meadow"])
def test_scenery_is_no_unknown_noun(prompt: str):
    assert FULL.translate(prompt) == (prompt, [])
