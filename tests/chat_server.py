"""A real HTTP server on loopback that speaks the OpenAI protocol and answers what a test has written."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One response: a status with a body, or a stream of events that may break off; `wait` comes first, in seconds."""

    body: str = ""
    status: int = 200
    events: tuple[str, ...] | None = None
    breaks: bool = False
    wait: float = 0.0
    kind: str = "application/json"


def said(text: str | None, reason: str | None = "stop", **fields: Any) -> Answer:
    """Return a whole chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text} | fields, "finish_reason": reason}
    return Answer(json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}))


def streamed(*pieces: str, reason: str | None = "stop", breaks: bool = False, more: tuple[str, ...] = ()) -> Answer:
    """Return a chat completion in pieces, then `more` events as they are."""
    deltas = [({"content": piece}, None) for piece in pieces] + ([({}, reason)] if reason else [])
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    events = [
        json.dumps(chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": end}]}) for delta, end in deltas
    ]
    return Answer(events=(*events, *more, *(() if breaks else ("[DONE]",))), breaks=breaks)


def error(status: int, message: str) -> Answer:
    """Return an error that the client may retry at once."""
    return Answer(json.dumps({"error": {"message": message, "type": "error", "code": status}}), status)


@dataclass
class ChatServer:
    """What is answered, in order, and what was asked: (path, headers, body) each; the models it says it has."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    models: tuple[str, ...] = ("tiny", "large")

    @property
    def bodies(self) -> list[Any]:
        """What was sent to the chat endpoint."""
        return [body for path, _, body in self.asked if path.endswith("/chat/completions")]


@contextmanager
def chat_server(*answers: Answer) -> Iterator[ChatServer]:
    """Yield a server that gives these answers and then closes."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append((self.path, dict(self.headers), body))
            answer = server.answers.pop(0) if server.answers else error(400, "the test wrote no more answers")
            time.sleep(answer.wait)
            self.respond(answer)

        def do_GET(self) -> None:
            server.asked.append((self.path, dict(self.headers), None))
            data = [{"id": name, "object": "model", "created": 1, "owned_by": "me"} for name in server.models]
            self.respond(Answer(json.dumps({"object": "list", "data": data})))

        def respond(self, answer: Answer) -> None:
            self.send_response(answer.status)
            if answer.status in (429, 500, 503):
                self.send_header("retry-after-ms", "1")
            if answer.events is None:
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(len(answer.body.encode())))
                self.end_headers()
                self.wfile.write(answer.body.encode())
                return
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for event in answer.events:
                    line = f"data: {event}\n\n".encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                if not answer.breaks:
                    self.wfile.write(b"0\r\n\r\n")
            except ConnectionError:  # the client has heard enough
                pass
            self.close_connection = True

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server = ChatServer(f"http://127.0.0.1:{http.server_port}/v1", list(answers))
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
