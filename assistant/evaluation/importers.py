"""Published benchmarks as suites: GenEval, LMD, NSR-1K and the layout planning cases of this project.

Each importer takes a file in the form its authors publish and returns a suite that plans without pictures unless the
benchmark is about pictures; their rules of position are kept (checks/positions.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from eligen.assistant.evaluation.scenarios import Suite
from eligen.assistant.language.inflection import singular
from eligen.tools.errors import UserError
from eligen.tools.userinput import parse_json, read_json_lines, read_text, validated

COUNTED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {word: number for number, word in enumerate(COUNTED)}
LMD = re.compile(r"(?:.*\b)?(?P<how>with|without) (?P<what>.+)$")
LMD_SIDES = re.compile(r"(.+) on the (left|right|top|bottom) and (.+) on the (left|right|top|bottom)$")
SIDES = {"left": "left of", "right": "right of", "top": "above", "bottom": "below", "next": "next to"}

Raw = dict[str, Any]


def geneval(path: Path) -> Suite:
    """Return GenEval's evaluation_metadata.jsonl: tag, prompt, include and exclude with classes, counts, colours."""
    lines = list(read_json_lines(path))
    return _suite("geneval", (_raw(f"{_tag(v)}-{n:04}", [_tag(v)], _text(v, where), _geneval(v, where))
                              for n, (where, v) in enumerate(lines)), path)  # fmt: skip


def _geneval(value: Raw, where: str) -> Iterator[Raw]:
    include = _listed(value, "include", where)
    for item in include:
        selector = {"noun": item["class"]} | ({"looks": item["color"]} if "color" in item else {})
        least = {"count": {"of": {"noun": item["class"]}, "least": item["count"]}}
        yield {"attribute": {"of": item["class"], "looks": item["color"]}} if "color" in item else least
        if "position" in item:
            direction, other = item["position"]
            other_class = include[other]["class"]
            yield {"relation": {"a": selector, "is": direction, "b": {"noun": other_class}, "rule": "geneval"}}
    for item in value.get("exclude", ()):
        yield {"count": {"of": item["class"], "most": item["count"] - 1}}


def lmd(path: Path) -> Suite:
    """Return LMD's prompts: a JSON whose keys they are, as its cached layouts are, or a text file of one a line."""
    text = read_text(path)
    value = parse_json(text, path.name) if path.suffix == ".json" else text.split("\n")
    prompts = [prompt.strip() for prompt in dict.fromkeys(value) if isinstance(prompt, str) and prompt.strip()]
    made = []
    for number, prompt in enumerate(prompts):
        task, expected = _lmd(prompt, f"{path.name}, prompt {number + 1}")
        made.append(_raw(f"{task}-{number:04}", [task], prompt, expected))
    return _suite("lmd", made, path)


def _lmd(prompt: str, where: str) -> tuple[str, list[Raw]]:
    """Return the task of a prompt and what it asks for, by LMD's own templates."""
    match = LMD.match(prompt)
    what = match["what"] if match else ""
    if match and match["how"] == "without":
        return "negation", [{"absent": _singular(what)}]
    if sides := LMD_SIDES.match(what):
        first, side, second, _ = sides.groups()
        a, b = _bare(first), _bare(second)
        return "spatial", [{"relation": {"a": a, "is": SIDES[side], "b": b, "rule": "lmd"}}]
    parts = [part.split() for part in what.split(" and ")]
    if all(len(words) > 1 and words[0] in NUMBERS for words in parts):
        counts = [{"count": {"of": _singular(" ".join(words[1:])), "n": NUMBERS[words[0]]}} for words in parts]
        return "numeracy", counts
    if all(len(words) == 3 and words[0] in ("a", "an") for words in parts):
        return "attribution", [{"attribute": {"of": noun, "looks": look, "first": True}} for _, look, noun in parts]
    raise UserError(f"{where}: no prompt of LMD: {prompt[:80]!r}")


def nsr1k(path: Path) -> Suite:
    """Return NSR-1K's counting.val.json or spatial.val.json, by LayoutGPT: counts, or a relation of two objects."""
    value = parse_json(read_text(path), path.name)
    if not isinstance(value, list):
        raise UserError(f"{path.name}: not a list, as NSR-1K's files are")
    made = []
    for number, item in enumerate(value):
        where = f"{path.name}, entry {number + 1}"
        made.append(_raw(f"nsr-{item['id']}", _nsr_tags(item), _text(item, where), _nsr(item, where)))
    return _suite("nsr1k", made, path)


def _nsr_tags(item: Raw) -> list[str]:
    return [item["sub-type"]] if "sub-type" in item else [item.get("type", "spatial")]


def _nsr(item: Raw, where: str) -> list[Raw]:
    if "relation" in item:
        (a, *_), (b, *_) = _listed(item, "obj1", where), _listed(item, "obj2", where)
        relation = SIDES.get(str(item["relation"]).split()[0])
        if relation is None:
            raise UserError(f"{where}: unknown relation {item['relation']!r}")
        return [{"relation": {"a": a, "is": relation, "b": b, "rule": "nsr"}}]
    counts = _listed(item, "num_object", where)
    if item.get("sub-type") == "comparison" and len(counts) == 2:
        (a, n), (b, m) = counts
        word = "more" if n > m else "fewer" if n < m else "equal"
        return [{"count": {"of": a, "n": n}}, {"compare": {"a": a, "is": word, "b": b}}]
    return [{"count": {"of": noun, "n": n}} for noun, n in counts]


def planbench(path: Path) -> Suite:
    """Return planning cases of the form {"id", "prompt", "checks"} or {"id", "turns": [{"user", "checks"}]}."""
    made = []
    for where, value in read_json_lines(path):
        turns = value.get("turns") or [{"user": _text(value, where), "checks": _listed(value, "checks", where)}]
        tags = [str(value[name]) for name in ("source", "task") if name in value]
        played = [{"say": turn["user"], "expect": [_case(check, where) for check in turn["checks"]]} for turn in turns]
        made.append({"id": value["id"], "tags": tags, "turns": played})
    return _suite("planbench", made, path)


def _case(check: Raw, where: str) -> Raw:
    """Return a planning case's check as an expectation."""
    kind = next((name for name in check if name not in ("soft", "note")), "")
    if kind not in CASES:
        raise UserError(f"{where}: unknown check {kind!r}")
    return {CASES[kind][0]: CASES[kind][1](check[kind])} | ({"soft": True} if check.get("soft") else {})


def _selector(value: Raw) -> Raw:
    names = {"object": "noun", "color": "looks", "other": "others", "turn": "turn", "pick": "pick", "all": "all"}
    found = {names[name]: item for name, item in value.items() if name in names}
    return found | ({"turn": found["turn"] + 1} if "turn" in found else {})


def _turn(value: Raw) -> Raw:
    return {"turn": value["turn"] + 1} if "turn" in value else {}


def _of(value: Raw) -> Raw:
    return {"of": _selector(value["object"])}


def _count(value: Raw) -> Raw:
    names = {"n": "n", "min": "least", "max": "most"}
    return {"of": _selector(value)} | {names[name]: value[name] for name in names if name in value}


def _attribute(value: Raw) -> Raw:
    first = {"first": True} if value.get("which") == "first" else {}
    return {"of": {"noun": value["object"]}, "looks": value["color"], "n": value.get("n", 1)} | first


def _relation(value: Raw) -> Raw:
    rule = {"rule": value["rule"]} if "rule" in value else {}
    return {"a": _selector(value["a"]), "is": value["rel"], "b": _selector(value["b"])} | rule


def _pair(value: Raw) -> Raw:
    return {"a": _selector(value["a"]), "b": _selector(value["b"])}


def _place(value: Raw) -> Raw:
    return _of(value) | {"place_of": _selector(value["of"])} | _turn(value)


CASES: dict[str, tuple[str, Any]] = {
    "count": ("count", _count),
    "absent": ("absent", lambda value: {"of": _selector(value)}),
    "compare": ("compare", lambda v: _pair(v) | {"is": {">": "more", "<": "fewer", "==": "equal"}[v["op"]]}),
    "attribute": ("attribute", _attribute),
    "relation": ("relation", _relation),
    "between": ("between", lambda v: {"of": _selector(v["a"]), "a": _selector(v["b"]), "b": _selector(v["c"])}),
    "larger": ("larger", _pair),
    "region": ("region", lambda v: _region(v)),
    "background": ("background", lambda value: {"words": value["words"]}),
    "style": ("style", lambda value: {"words": value["words"]}),
    "unchanged": ("unchanged", lambda v: {"these": [*map(_selector, v["objects"])],
                                          "but": [*map(_selector, v.get("except", ()))]}),
    "same_as": ("same_as", _turn),
    "takes_place": ("takes_place", _place),
    "restored": ("restored", _place),
    "copied": ("copied", lambda value: _of(value) | {"n": value.get("n", 1)}),
    "swapped": ("swapped", _pair),
    "size": ("resized", lambda v: _of(v) | {"to": v["dir"]} | ({"factor": v["factor"]} if "factor" in v else {})),
    "moved": ("moved", lambda value: _of(value) | {"to": value["dir"]}),
    "keeps_size": ("keeps_size", _of),
    "keeps_box": ("keeps_box", _of),
    "becomes": ("becomes", lambda v: _of(v) | {"looks": v["color"]} | ({"lost": v["not"]} if v.get("not") else {})),
}  # fmt: skip


def _region(value: Raw) -> Raw:
    selector = value["object"] if isinstance(value["object"], dict) else value
    return {"of": _selector(selector), "where": value["where"], "tracked": bool(value.get("track"))}


def _suite(name: str, scenarios: Iterable[Raw], path: Path) -> Suite:
    try:
        made = list(scenarios)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{path.name}: not in the form of {name} ({error!r})") from None
    return validated(Suite, {"name": name, "paint": False, "scenarios": made}, path.name)


def _raw(name: str, tags: list[str], text: str, expected: Iterable[Raw]) -> Raw:
    return {"id": name, "tags": tags, "turns": [{"say": text, "expect": list(expected)}]}


def _text(value: Raw, where: str) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("prompt"), str):
        raise UserError(f"{where}: field 'prompt' is missing")
    return value["prompt"]


def _tag(value: Raw) -> str:
    return str(value.get("tag", "geneval"))


def _listed(value: Raw, name: str, where: str) -> list[Any]:
    if not isinstance(value.get(name), list):
        raise UserError(f"{where}: field {name!r} is missing")
    return list(value[name])


def _bare(phrase: str) -> str:
    return re.sub(r"^an? ", "", phrase.strip())


def _singular(noun: str) -> str:
    *first, last = noun.split()
    return " ".join((*first, singular(last)))
