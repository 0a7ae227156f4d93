"""Texts and JSON that people wrote are cleaned, or refused in one line that names the place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eligen.assistant.chat_models.qwen import QwenChat
from eligen.tools.errors import UserError
from eligen.tools.installed import lora_file
from eligen.tools.profiles import get_profile
from eligen.tools.requests import GenerateRequest
from eligen.tools.userfolder import user_folder
from eligen.tools.userinput import parse_json, printable, read_json_lines, read_text, user_path, validated

LINE = {"prompt": "a cat", "width": 128, "height": 128, "seed": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red cat", "a red cat"),
        ("  a cat \n", "a cat"),
        ("a\x00 c\x1bat\x7f", "a cat"),
        ("a\tcat\nsleeps", "a cat sleeps"),
        ("a cat\u2028sleeps\u2029", "a cat sleeps"),
        ("a cat \ud800", "a cat"),
        ("un chat à l'été 🐈\u200d⬛", "un chat à l'été 🐈\u200d⬛"),
        ("\x01\x02", ""),
        ("a\x1b[31mcat\x1b[0m \x1b[38;5;9;1msleeps\x1b[K", "acat sleeps"),
        ("\x1b]8;;http://x\x1b\\a cat\x1b]8;;\x07", "a cat"),
        ("a cat\x1b[", "a cat["),
        ("a\x1b]0;red\ncat\x07", "a]0;red cat"),
    ],
)
def test_printable(text: str, expected: str):
    assert printable(text) == expected


@given(st.text())
def test_printable_text_stays_as_it_is_and_is_utf8(text: str):
    once = printable(text)
    assert printable(once) == once
    once.encode()


@pytest.mark.parametrize(
    "text", ["", "{", "{'a': 1}", "[1,]", '{"a": NaN}', '{"a": "\\ud800"}', "[" * 100_000, "nothing"]
)
def test_what_is_not_json_is_refused(text: str):
    with pytest.raises(UserError, match=r"^in\.jsonl, line 3: not JSON") as caught:
        parse_json(text, "in.jsonl, line 3")
    assert "\n" not in str(caught.value)


def test_json_lines_skip_blank_lines_and_keep_numbers(tmp_path: Path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n"\xe2\x80\xa8"\n')
    assert list(read_json_lines(path)) == [("in.jsonl, line 1", {"a": 1}), ("in.jsonl, line 4", "\u2028")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (LINE | {"colour": "red"}, "here: unknown field 'colour'"),
        ({"prompt": "a cat", "width": 128, "height": 128}, "here: field 'seed' is missing"),
        ([LINE], "here: the line is not a JSON object"),
        (LINE | {"entities": ["cat"]}, "here: entities.0 is not a JSON object"),
        (LINE | {"prompt": " "}, "here: prompt: a prompt is empty"),
        (LINE | {"seed": -1}, "here: seed: Input should be greater than or equal to 0"),
        (LINE | {"a\nb": 1, "c": 2}, "here: unknown field 'a\\nb' (and 1 more)"),
        (
            LINE | {"entities": [{"prompt": "a cat", "box": [0.5, 0, 0.25, 1]}]},
            "here: entities.0.box: box (0.5, 0.0, 0.25, 1.0) is empty: x1 must exceed x0 and y1 must exceed y0",
        ),
    ],
)
def test_the_reason_is_one_line(value: Any, expected: str):
    with pytest.raises(UserError) as caught:
        validated(GenerateRequest, value, "here")
    assert str(caught.value) == expected


def test_a_path_may_begin_with_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/a") == tmp_path / "a"
    assert user_path("a/~") == Path("a/~")


@pytest.mark.parametrize(
    "use",
    [
        user_path,
        QwenChat,
        lambda path: lora_file(path, None),
        lambda path: get_profile("flux-dev", environ={"ELIGEN_FLUX_DIR": path}),
    ],
)
def test_a_home_that_nobody_has_is_told(use: Callable[[str], Any]):
    with pytest.raises(UserError, match=r"^there is no home ~nobody-here$"):
        use("~nobody-here/x")


def test_a_home_that_nobody_has_cannot_be_the_programs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ELIGEN_HOME", "~nobody-here/x")
    with pytest.raises(UserError, match=r"^there is no home ~nobody-here$"):
        user_folder()


def test_files_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    for path in (tmp_path / "missing.txt", tmp_path / "latin.txt", tmp_path):
        with pytest.raises(UserError, match=path.name):
            read_text(path)
