"""Language models: an OpenAI-compatible server over a real socket and the real client."""

import json
import logging
import socket
import traceback
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pytest
from chat_server import Answer, chat_server, error, said, streamed
from PIL import Image

from eligen.assistant.agents.model_planner import BLIND, ModelPlanner
from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.chat_models import get_chat_model
from eligen.assistant.chat_models.base import ChatMessage
from eligen.assistant.chat_models.endpoint import MOST_CHARACTERS, OpenAIChat, key_for
from eligen.assistant.chat_models.qwen import QwenChat
from eligen.assistant.commands.planners import get_planner
from eligen.assistant.context import Context
from eligen.assistant.plan import Describe
from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.layout import Box, Entity, Layout

SECRET = "sk-secret-0123456789"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
ASKED = [ChatMessage("system", "be brief"), ChatMessage("user", "hello")]
PICTURED = [ChatMessage("user", "what is it?", (Image.new("RGB", (8, 8), "red"),))]
CAT = Entity(id="cat-1", prompt="a cat", box=Box(x0=0.4, y0=0.4, x1=0.6, y1=0.8))
CONTEXT = Context(layouts=(Layout(prompt="a cat", entities=(CAT,)),))
BLUE = json.dumps(
    {"reply": "Blue.", "question": None, "edits": [{"op": "describe", "id": "cat-1", "prompt": "a blue cat"}]}
)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def chat(url: str, **options: float) -> OpenAIChat:
    return OpenAIChat("tiny", url, **options)


@pytest.mark.parametrize(
    ("name", "model", "url"),
    [
        ("openai:gpt-5", "gpt-5", "https://api.openai.com/v1"),
        ("openai:qwen2.5vl:7b@http://localhost:11434/v1", "qwen2.5vl:7b", "http://localhost:11434/v1"),
        ("openai:@cf/meta/llama@https://host.example/v1/", "@cf/meta/llama", "https://host.example/v1"),
        ("openai:Qwen/Qwen3-VL-8B@http://[::1]:8000/v1", "Qwen/Qwen3-VL-8B", "http://[::1]:8000/v1"),
    ],
)
def test_servers_are_named_by_model_and_address(name: str, model: str, url: str):
    made = get_chat_model(name)
    assert isinstance(made, OpenAIChat)
    assert (made.model, made.base_url) == (model, url)


def test_local_models_are_named_by_folder_or_hub_name(tmp_path: Path):
    folder, hub = get_chat_model(f"qwen:{tmp_path}"), get_chat_model("qwen:Qwen/Qwen3-VL-4B-Instruct@v1.2")
    assert isinstance(folder, QwenChat)
    assert isinstance(hub, QwenChat)
    assert (folder.source, folder.revision) == (str(tmp_path), None)
    assert (hub.source, hub.revision) == ("Qwen/Qwen3-VL-4B-Instruct", "v1.2")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gpt-5", "unknown model 'gpt-5': write qwen:FOLDER"),
        ("openai:", "unknown model 'openai:'"),
        ("qwen:", "unknown model 'qwen:'"),
        ("qwen:./no/such/folder", "no model folder at ./no/such/folder"),
        ("openai:m@http://", "not the address of a server"),
        ("openai:m@https://me:pw@host.example/v1", "must hold no password and no query"),
        ("openai:m@https://host.example/v1?key=1", "must hold no password and no query"),
        ("openai:m@http://host:port/v1", "not the address of a server"),
        ("openai:m@http://[::1/v1", "not the address of a server"),
    ],
)
def test_names_that_are_none_are_refused(name: str, reason: str):
    with pytest.raises(UserError, match=reason) as raised:
        get_chat_model(name)
    assert "pw" not in str(raised.value)


def test_the_address_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    assert OpenAIChat("tiny").base_url == "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://host.example/v1", SECRET),
        ("http://localhost:1/v1", SECRET),
        ("http://127.0.0.1:1/v1", SECRET),
        ("http://[::1]:1/v1", SECRET),
        ("http://192.168.0.7:1/v1", ""),
        ("http://host.example/v1", ""),
    ],
)
def test_a_key_never_travels_unencrypted(url: str, sent: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", f" {SECRET}\n")
    assert key_for(url) == sent


def test_openai_itself_needs_a_key_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UserError, match="wants a key: set OPENAI_API_KEY"):
        OpenAIChat("gpt-5").reply(ASKED)
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\nX-Header: 1")
    with pytest.raises(UserError, match="holds characters that no key has") as raised:
        OpenAIChat("gpt-5").reply(ASKED)
    assert SECRET not in str(raised.value)


def test_a_server_is_asked_for_the_schema_and_shown_the_images(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with chat_server(said('{"a": 1}')) as server:
        assert chat(server.url).reply([*ASKED, *PICTURED], schema=SCHEMA) == '{"a": 1}'
    ((path, headers, body),) = server.asked
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert body["model"] == "tiny"
    assert body["temperature"] == 0
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert body["messages"][:2] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]
    image, text = body["messages"][2]["content"]
    assert text == {"type": "text", "text": "what is it?"}
    kind, _, data = image["image_url"]["url"].partition(";base64,")
    assert kind == "data:image/jpeg"
    assert Image.open(BytesIO(b64decode(data))).size == (8, 8)


def test_without_a_schema_text_is_asked_for():
    with chat_server(said("hi")) as server:
        assert chat(server.url).reply(ASKED) == "hi"
    assert "response_format" not in server.bodies[0]
    assert server.asked[0][1]["authorization"] == "Bearer none"


def forms(bodies: list) -> list[tuple]:
    """Return (form, temperature, images) of each request."""
    return [
        (body.get("response_format", {}).get("type"), body.get("temperature"), "image_url" in json.dumps(body))
        for body in bodies
    ]


def test_a_server_that_knows_no_schema_is_asked_more_plainly_and_so_from_then_on():
    refusal = error(400, "response_format.type must be text")
    with chat_server(refusal, refusal, refusal, said('{"a": 1}'), said('{"a": 2}')) as server:
        model = chat(server.url)
        assert model.reply(ASKED, schema=SCHEMA) == '{"a": 1}'
        assert model.reply(ASKED, schema=SCHEMA) == '{"a": 2}'
        assert model.vision
    assert forms(server.bodies) == [
        ("json_schema", 0, False),
        ("json_schema", None, False),
        ("json_object", None, False),
        (None, None, False),
        (None, None, False),
    ]


@pytest.mark.parametrize(
    "refusal", [error(400, "no vision"), error(422, "image_url"), error(500, "image input is not supported")]
)
def test_a_model_without_vision_gets_text_alone_and_the_plan_says_so(refusal: Answer, tmp_path: Path):
    Image.new("RGB", (16, 16)).save(tmp_path / "photo.png")
    context = CONTEXT.model_copy(update={"attachments": (str(tmp_path / "photo.png"),)})
    tries = 3 if refusal.status == 500 else 1
    with chat_server(*[refusal] * 4 * tries, said(BLUE)) as server:
        model = chat(server.url)
        plan = ModelPlanner(model).plan("make the cat blue", context)
    assert plan.notices == (BLIND,)
    assert not model.vision
    assert forms(server.bodies)[-1] == ("json_schema", 0, False)


def test_a_server_that_refuses_everything_is_quoted_once():
    with chat_server(*[error(400, "the context is 4096 tokens\nand no more")] * 9) as server:
        with pytest.raises(UserError, match=r"refuses to plan with 'tiny': the context is 4096 tokens and no more$"):
            chat(server.url).reply(PICTURED, schema=SCHEMA)
        assert len(server.bodies) == 8


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(status: int):
    busy = error(status, "busy")
    with chat_server(busy, busy, said("hi")) as server:
        assert chat(server.url).reply(ASKED) == "hi"
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("status", "reason"), [(429, "is busy, or its quota is used up: gone"), (503, "answered with error 503: gone")]
)
def test_a_server_that_stays_busy_is_given_up(status: int, reason: str):
    with chat_server(*[error(status, "gone")] * 3) as server, pytest.raises(UserError, match=reason):
        chat(server.url).reply(ASKED)


def test_a_server_that_is_down_is_said_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(UserError, match=f"cannot reach {url}: does the server run"):
            chat(url, max_retries=0).reply(ASKED)


@pytest.mark.parametrize("listener", [None, lambda piece: None], ids=["whole", "streamed"])
def test_a_server_that_hangs_is_given_up(listener):
    with (
        chat_server(Answer("{}", wait=0.6)) as server,
        pytest.raises(UserError, match=r"no answer from .* within 0\.1 s"),
    ):
        chat(server.url, timeout=0.1, max_retries=0).reply(ASKED, on_token=listener)


def test_an_unknown_model_is_answered_with_those_there_are():
    with (
        chat_server(error(404, "no such model")) as server,
        pytest.raises(UserError, match="knows no model 'tiny': it has tiny, large"),
    ):
        chat(server.url).reply(ASKED)
    with chat_server(error(404, "not found")) as server:
        server.models = ()
        with pytest.raises(UserError, match=r"is this an address that ends in /v1\? \(not found\)"):
            chat(server.url).reply(ASKED)


def test_a_missing_key_is_asked_for():
    with (
        chat_server(error(401, "who are you?")) as server,
        pytest.raises(UserError, match="wants a key: set OPENAI_API_KEY"),
    ):
        chat(server.url).reply(ASKED)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_a_key_reaches_nothing_but_the_server(
    status: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    for name in ("openai", "httpx2", "httpcore2"):
        caplog.set_level(logging.DEBUG, logger=name)
    with chat_server(*[error(status, f"the key {SECRET} is wrong")] * 9) as server:
        planner = get_planner(f"openai:tiny@{server.url}")
        with pytest.raises(UserError) as raised:
            planner.plan("make the cat blue", CONTEXT)
    assert server.asked[0][1]["authorization"] == f"Bearer {SECRET}"
    model = planner.model
    shown = [*traceback.format_exception(raised.value), repr(model), str(vars(model)), repr(planner), caplog.text]
    assert caplog.text
    assert SECRET not in "".join(shown)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said(""), "the answer is empty"),
        (said(None), "the answer is empty"),
        (said(None, refusal="I would\nrather not"), "the model refused: I would rather not"),
        (said('{"a": 1', "length"), "the answer was cut off after 7 characters"),
        (said("x" * (MOST_CHARACTERS + 1)), "the answer was cut off"),
        (Answer('{"choices": []}'), "is no chat completion"),
        (Answer('{"choices": 5}'), "is no chat completion"),
        (Answer('{"choices": {"index": 0}}'), "is no chat completion"),
        (Answer('{"choices": [{"message": null}]}'), "is no chat completion"),
        (Answer('["a"]'), "is no chat completion"),
        (Answer('{"choices": [{"mess'), "is no chat completion"),
        (Answer("<html>Welcome</html>", kind="text/html"), "is no chat completion"),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_an_answer_that_is_no_whole_one_is_the_models_fault(answer: Answer, reason: str):
    with chat_server(answer) as server, pytest.raises(ModelOutputError, match=reason):
        chat(server.url).reply(ASKED)


def test_an_answer_is_streamed_to_who_listens():
    pieces: list[str] = []
    with chat_server(streamed('{"a"', ": ", "1}"), streamed("{}", reason=None)) as server:
        assert chat(server.url).reply(ASKED, on_token=pieces.append) == '{"a": 1}'
        assert chat(server.url).reply(ASKED, on_token=pieces.append) == "{}"
    assert pieces == ['{"a"', ": ", "1}", "{}"]
    assert server.bodies[0]["stream"] is True


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (streamed('{"a"', reason=None, breaks=True), "broke off"),
        (streamed('{"a"', reason=None, more=('{"error": {"message": "out of memory"}}',)), "broke off"),
        (streamed('{"a"', reason=None, more=('{"choices": [{"del',)), "broke off"),
        (streamed('{"a"', reason=None, more=('{"choices": 5}', "7")), "broke off"),
        (streamed('{"a"', reason=None, more=('{"choices": [{"index": 0}]}',)), "broke off"),
        (streamed('{"a"', reason=None, more=('{"choices": [7]}',)), "broke off"),
        (streamed('{"a"', reason=None, more=('{"choices": {"index": 0}}',)), "broke off"),
        (streamed(reason=None, more=('{"choices": [{"delta": {"refusal": {"a": 1}}}]}',)), "the model refused"),
        (streamed('{"a": 1', reason="length"), "cut off after 7 characters"),
        (streamed(*["very " * 1000] * 100), "cut off after"),
        (streamed(), "the answer is empty"),
        (Answer("<html>Welcome</html>", kind="text/html"), "the answer is empty"),
    ],
    ids=[
        "connection",
        "error",
        "half an event",
        "no events",
        "no delta",
        "no choice",
        "no list",
        "odd refusal",
        "length",
        "endless",
        "empty",
        "page",
    ],
)
def test_a_stream_that_does_not_end_well_is_the_models_fault(answer: Answer, reason: str):
    with chat_server(answer) as server, pytest.raises(ModelOutputError, match=reason):
        chat(server.url).reply(ASKED, on_token=lambda piece: None)


def test_a_listeners_own_error_is_not_swallowed():
    def listener(piece: str) -> None:
        raise ValueError("mine")

    with chat_server(streamed("a", "b")) as server, pytest.raises(ValueError, match="mine"):
        chat(server.url).reply(ASKED, on_token=listener)


@pytest.mark.parametrize("listener", [None, lambda piece: None], ids=["whole", "streamed"])
def test_a_planner_recovers_on_the_second_try_over_the_wire(listener):
    first, second = (said("Sure!"), said(BLUE)) if listener is None else (streamed("{", breaks=True), streamed(BLUE))
    with chat_server(first, second) as server:
        plan = ModelPlanner(chat(server.url), on_token=listener).plan("make the cat blue", CONTEXT)
    assert plan.edits == (Describe(id="cat-1", prompt="a blue cat"),)
    assert "cannot be used" in server.bodies[1]["messages"][-1]["content"]


def test_a_planner_is_chosen_by_name_and_falls_back_on_rules():
    with chat_server(said("no"), said("no"), said("no")) as server:
        plan = get_planner(f"openai:tiny@{server.url}").plan("a red cat", Context())
    assert plan.notices[-1].endswith("planned by rules instead")
    assert plan.edits
    with pytest.raises(UserError, match="unknown planner 'gpt': known are rules, qwen:FOLDER"):
        get_planner("gpt")


def test_a_key_alone_switches_nothing_to_a_network(monkeypatch: pytest.MonkeyPatch):
    with chat_server() as server:
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert isinstance(get_planner("rules"), RulesPlanner)
        get_planner("rules").plan("a red cat", Context())
    assert server.asked == []
