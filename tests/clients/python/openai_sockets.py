"""The Responses API over a WebSocket: plain, chained, with tools, in lanes, with errors, and after a reconnection."""

import socket
import threading
import time
from urllib.parse import urlsplit

from openai_sdk import MODEL, OPTIONS, client, flat_tool
from openai import OpenAI
from runner import base_url, check, holds, same

ENDS = ("response.completed", "response.failed", "response.incomplete", "error")
WEATHER = flat_tool("get_weather", "city")


def ask(connection, text, **more):
    """Sends one request and returns its events, the last one included."""
    connection.response.create(model=MODEL, input=text, **more)
    return answer(connection)


def answer(connection):
    events = []
    for event in connection:
        events.append(event)
        if event.type in ENDS:
            return events
    raise AssertionError(f"the connection ended after {[event.type for event in events]}")


def done(events):
    same(events[-1].type, "response.completed", "last event")
    return events[-1].response


@check
def a_socket_answers():
    with client.responses.connect() as connection:
        for text in ["hello there", "and again"]:
            events = ask(connection, text)
            response = done(events)
            same(response.output_text, f"You said: {text}", "text")
            deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
            same("".join(deltas), response.output_text, "streamed text")
            same(events[0].type, "response.created", "first event")


@check
def a_socket_continues_what_is_not_stored():
    with client.responses.connect() as connection:
        first = done(ask(connection, "one", store=False))
        second = done(ask(connection, "two", store=False, previous_response_id=first.id))
        same(second.previous_response_id, first.id, "previous response")
        with client.responses.connect() as other:
            lost = ask(other, "three", store=False, previous_response_id=second.id)[-1]
        same(lost.type, "error", "event on another connection")
        same(lost.error.code, "previous_response_not_found", "code")
        same((lost.status, lost.error.param), (400, "previous_response_id"), "status and param")


@check
def a_socket_calls_tools():
    with client.responses.connect() as connection:
        first = done(ask(connection, "please use get_weather city=Oslo", tools=[WEATHER], store=False))
        calls = [item for item in first.output if item.type == "function_call"]
        same(len(calls), 1, "number of calls")
        output = {"type": "function_call_output", "call_id": calls[0].call_id, "output": "rain"}
        more = {"tools": [WEATHER], "store": False, "previous_response_id": first.id}
        same(done(ask(connection, [output], **more)).output_text, "The tool said: rain", "text")


@check
def a_socket_has_lanes():
    with client.responses.connect() as connection:
        for lane in ["a", "b"]:
            connection.response.create(model=MODEL, input=f"I am {lane}", stream_id=lane)
        texts = {}
        while len(texts) < 2:
            event = connection.recv()
            holds(event.type != "error", f"it is {event!r}")
            if event.type == "response.completed":
                texts[event.stream_id] = event.response.output_text
        same(texts, {"a": "You said: I am a", "b": "You said: I am b"}, "texts by lane")


@check
def a_socket_lives_on_after_an_error():
    with client.responses.connect() as connection:
        error = ask(connection, "MODE:429-rate")[-1]
        same((error.type, error.status), ("error", 429), "event")
        holds(error.error.message, "it says nothing")
        unknown = ask(connection, "hello", background=True)[-1]
        same((unknown.type, unknown.error.param), ("error", "background"), "event")
        same(done(ask(connection, "still here")).output_text, "You said: still here", "text")


@check
def a_warm_up_is_continued():
    with client.responses.connect() as connection:
        warm = done(ask(connection, "I was held", generate=False, store=False))
        same((warm.output, warm.usage.output_tokens), ([], 0), "output and tokens")
        same(done(ask(connection, "go", store=False, previous_response_id=warm.id)).output_text, "You said: go", "text")


@check
def a_socket_that_breaks_is_opened_again():
    with Relay(urlsplit(base_url()).port) as relay:
        options = {**OPTIONS, "base_url": f"http://127.0.0.1:{relay.port}/v1"}
        again, broken = [], threading.Event()

        def reconnecting(event):
            again.append(event)
            broken.set()

        manager = OpenAI(**options).responses.connect(
            on_reconnecting=reconnecting, initial_delay=0.05
        )
        with manager as connection:
            done(ask(connection, "hello"))
            relay.cut()
            # Only a read opens the connection again, and no request is sent again by the library.
            threading.Thread(target=say_again, args=(connection, broken), daemon=True).start()
            same(done(answer(connection)).output_text, "You said: hello again", "text")
        same(len(again), 1, "number of reconnections")


def say_again(connection, broken):
    # What is written before the library has seen the end is lost, and nobody would answer it.
    broken.wait()
    while True:
        try:
            return connection.response.create(model=MODEL, input="hello again")
        except Exception:
            time.sleep(0.05)


class Relay:
    """A port that leads to the server, and whose connections can be cut."""

    def __init__(self, port):
        self.target = port
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()

    def accept(self):
        while True:
            try:
                here, _ = self.listener.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self.target))
            self.open += [here, there]
            for source, sink in [(here, there), (there, here)]:
                threading.Thread(target=pump, args=(source, sink), daemon=True).start()

    def cut(self):
        open_now, self.open = self.open, []
        for each in open_now:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
