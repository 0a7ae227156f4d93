"""Requests hold everything which affects a picture, and refuse what no painter can paint."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eligen.tools.layout import Box, Entity, Layout
from eligen.tools.requests import GenerateRequest, InpaintRequest, Lora

LINE: dict[str, Any] = {
    "id": "meadow-1",
    "prompt": "a cat on a meadow",
    "width": 256,
    "height": 128,
    "seed": 7,
    "entities": [{"prompt": "a cat", "box": [0.1, 0.2, 0.5, 0.9]}],
}

ids = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", fullmatch=True)
side = st.integers(4, 128).map(lambda tokens: 16 * tokens)
loras = st.builds(Lora, name=st.text(), weight=st.floats(-10, 10), sha256=st.none() | st.text())
requests = st.builds(
    GenerateRequest,
    id=ids,
    prompt=st.text(min_size=1).filter(str.strip),
    width=side,
    height=side,
    seed=st.integers(0, 2**63 - 1),
    entities=st.just((Entity(prompt="a cat", box=Box(x0=0.1, y0=0.2, x1=1 / 3, y1=0.9)),)),
    profile=st.none() | st.text(),
    control=st.sampled_from(["none", "untrained", "eligen"]),
    steps=st.none() | st.integers(1, 200),
    guidance=st.none() | st.floats(0, 50),
    true_cfg=st.none() | st.floats(0, 50),
    negative_prompt=st.none() | st.text(),
    eligen_on_negative=st.booleans(),
    schedule=st.none() | st.sampled_from(["eligen", "flux"]),
    loras=st.lists(loras, max_size=3).map(tuple),
    versions=st.dictionaries(st.text(), st.text(), max_size=3),
)


@given(requests)
def test_json_round_trip_is_exact(request: GenerateRequest):
    assert GenerateRequest.model_validate_json(request.model_dump_json()) == request


def test_a_render_line_is_a_request():
    request = GenerateRequest.model_validate(LINE)
    assert request.entities == (Entity(prompt="a cat", box=Box(x0=0.1, y0=0.2, x1=0.5, y1=0.9)),)
    assert request.control == "eligen"
    assert request.layout == Layout(prompt="a cat on a meadow", entities=request.entities)


@pytest.mark.parametrize("missing", ["prompt", "width", "height", "seed"])
def test_fields_that_must_be_there(missing: str):
    with pytest.raises(ValidationError):
        GenerateRequest.model_validate({name: value for name, value in LINE.items() if name != missing})


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": ".hidden"},
        {"id": ".."},
        {"id": "../up"},
        {"id": "a/b"},
        {"id": "a\\b"},
        {"id": "a b"},
        {"id": "a\n"},
        {"id": "é"},
        {"id": "a" * 65},
        {"id": 7},
        {"width": 250},
        {"width": 0},
        {"width": -256},
        {"width": 48},
        {"width": 4096},
        {"width": 256.5},
        {"width": True},
        {"width": "256"},
        {"height": None},
        {"seed": -1},
        {"seed": 2**63},
        {"seed": 1.5},
        {"seed": True},
        {"seed": "7"},
        {"steps": 0},
        {"steps": 201},
        {"guidance": -1},
        {"guidance": float("nan")},
        {"true_cfg": 51},
        {"control": "full"},
        {"schedule": "euler"},
        {"loras": [{"name": "x", "weight": 11}]},
        {"loras": [{"weight": 1}]},
        {"cfg": 3},
        {"prompt": 7},
        {"prompt": ""},
        {"prompt": " \n"},
        {"prompt": ["a cat"]},
        {"entities": None},
        {"entities": [{"prompt": "a cat"}]},
        {"entities": [{"prompt": "a cat", "box": [0.5, 0, 0.4, 1]}]},
        {"entities": [{"prompt": "a cat", "box": [False, False, True, True]}]},
        {"entities": [{"prompt": "a cat", "box": ["0", "0", "1", "1"]}]},
        {"entities": [{"id": "cat-1", "prompt": "a cat", "box": [0, 0, 1, 1]}] * 2},
    ],
)
def test_bad_requests_are_refused(change: dict[str, Any]):
    with pytest.raises(ValidationError):
        GenerateRequest.model_validate(LINE | change)


def test_the_longest_id_is_accepted():
    assert GenerateRequest.model_validate(LINE | {"id": "a" * 64}).id == "a" * 64


def test_an_inpaint_needs_a_place():
    with pytest.raises(ValidationError, match="needs a mask"):
        InpaintRequest.model_validate(LINE | {"image": "a.png", "entities": []})
    assert InpaintRequest.model_validate(LINE | {"image": "a.png"}).mask is None
    assert InpaintRequest.model_validate(LINE | {"image": "a.png", "entities": [], "mask": "m.png"}).entities == ()


@pytest.mark.parametrize(
    "change", [{"strength": 0}, {"strength": 1.1}, {"grow": -1}, {"feather": 257}, {"image": None}]
)
def test_bad_inpaints_are_refused(change: dict[str, Any]):
    with pytest.raises(ValidationError):
        InpaintRequest.model_validate(LINE | {"image": "a.png"} | change)
