"""Nothing twice: what the library asks again after a lost connection is answered once, with and without a key."""

import json
import socket
import threading
import urllib.request
from urllib.parse import urlsplit

from openai import OpenAI

from openai_sdk import MODEL, OPTIONS
from runner import base_url, check, holds, same


def turns(program):
    """The number of turns that the server has on record of a program."""
    with urllib.request.urlopen(base_url() + "/usage?by=client") as reply:
        rows = json.load(reply)["rows"]
    return sum(row["turns"] for row in rows if row["name"] == program)


def asking(program, cut, **more):
    """A relay that loses its first connection, and a client that asks through it under a program's name."""
    relay = Cutting(urlsplit(base_url()).port, cut)
    headers = {"User-Agent": program}
    url = f"http://127.0.0.1:{relay.port}/v1"
    return relay, OpenAI(**{**OPTIONS, "base_url": url, "max_retries": 2, "default_headers": headers, **more})


@check
def a_retry_after_a_lost_connection_spends_once():
    # Lost as the answer begins to come back, or after the server has sent it all.
    for number, cut in enumerate(["beginning", "end"]):
        for stream in [False, True]:
            program = f"retries-python-{number}-{stream}"
            relay, client = asking(program, cut)
            with relay:
                messages = [{"role": "user", "content": "hello"}]
                raw = client.chat.completions.with_raw_response.create(
                    model=MODEL, messages=messages, stream=stream
                )
                same(raw.headers.get("idempotent-replayed"), "true", "header")
                answer = raw.parse()
                text = text_of(answer) if stream else answer.choices[0].message.content
            same(text, "You said: hello", "text")
            same([relay.lost, turns(program)], [1, 1], f"lost connections and turns, {cut}, {stream}")


@check
def a_key_spends_once():
    program = "keys-python"
    relay, client = asking(program, "beginning")
    key = {"Idempotency-Key": "key of python"}
    with relay:
        same(client.responses.create(model=MODEL, input="hello", extra_headers=key).output_text, "You said: hello")
        again = client.responses.with_raw_response.create(model=MODEL, input="hello", extra_headers=key)
    same([again.headers.get("idempotent-replayed"), turns(program)], ["true", 1], "header and turns")
    holds(again.parse().output_text == "You said: hello", "another text")


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


class Cutting:
    """A port that leads to the server, and whose first connection is lost: at the beginning or at the end of the answer,
    of which the client gets nothing."""

    def __init__(self, port, cut):
        self.target, self.cut, self.lost = port, cut, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                here, _ = self.listener.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self.target))
            if self.lost == 0:
                self.lost = 1
                lose(here, there, self.cut)
                continue
            for source, sink in [(here, there), (there, here)]:
                threading.Thread(target=pump, args=(source, sink), daemon=True).start()


def lose(here, there, cut):
    """Hands a request over and loses both connections; what has come back by then is lost, too."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += here.recv(65536)
    head, body = request.split(b"\r\n\r\n", 1)
    while len(body) < length_of(head):
        body += here.recv(65536)
    there.sendall(head + b"\r\n\r\n" + body)
    answer = there.recv(1 << 20)
    while cut == "end" and not answer.endswith(b"\r\n0\r\n\r\n") and not whole(answer):
        answer += there.recv(1 << 20)
    there.close()
    here.close()


def whole(answer):
    """Whether an answer with a length has come as a whole."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = length_of(head)
    return bool(end) and length is not None and len(body) >= length


def length_of(head):
    fields = (line.split(b":", 1) for line in head.split(b"\r\n")[1:])
    return next((int(value) for name, value in fields if name.lower() == b"content-length"), None)


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
