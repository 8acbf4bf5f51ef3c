"""Ollama's library for Python against a server that runs with `--demo`.

The scripted backend answers "You said: TEXT", calls a function whose name the text contains (`name=value` in
the text fills its arguments), answers a tool's output with "The tool said: OUTPUT", and `MODE:NAME` in the text
chooses an unhappy case.
"""

import asyncio
import base64
import json
from datetime import datetime

import httpx
from ollama import AsyncClient, Client, ResponseError
from pydantic import BaseModel

from runner import base_url, check, holds, main, raises, route, same

MODEL = "gpt-6-sol"
UNKNOWN = "no-such-model"
LONG = "a question that is a good deal longer than the few tokens which the answer may have"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
client = Client(host=base_url(), timeout=20)


class City(BaseModel):
    """A shape for structured output."""

    name: str
    population: int
    landmarks: list[str]


def get_weather(city: str) -> str:
    """
    Tells the weather.

    Args:
        city: The city's name.
    """
    return f"rain in {city}"


def get_time(city: str) -> str:
    """
    Tells the time.

    Args:
        city: The city's name.
    """
    return f"noon in {city}"


def user(text, **more):
    """A user's message."""
    return {"role": "user", "content": text, **more}


def chat(text, **more):
    """One whole or streamed reply to one user message."""
    return client.chat(**{"model": MODEL, "messages": [user(text)], **more})


def generate(prompt, **more):
    """One whole or streamed answer to a prompt."""
    return client.generate(model=MODEL, prompt=prompt, **more)


def last_of(lines):
    """The last line of a stream, which alone must be done and must have no text."""
    *before, last = list(lines)
    holds(before, "the stream has one line only")
    holds(last.done and not any(line.done for line in before), "the wrong lines are done")
    holds(all(line.eval_count is None for line in before), "counts before the end")
    return last


def counted(reply):
    """Fails unless a finished reply has its counts and times."""
    holds(reply.prompt_eval_count > 0 and reply.eval_count > 0, f"the counts are {reply!r}")
    holds(reply.total_duration > 0 and reply.load_duration > 0, f"the times are {reply!r}")
    parts = reply.prompt_eval_duration + reply.eval_duration
    holds(parts <= reply.total_duration, f"the times do not add up: {reply!r}")
    datetime.fromisoformat(reply.created_at.replace("Z", "+00:00"))


def joined(lines):
    """The text of a streamed chat."""
    return "".join(line.message.content or "" for line in lines)


def calls_of(lines):
    """Every call of a streamed chat."""
    return [call for line in lines for call in line.message.tool_calls or []]


def failed(status, call):
    """Fails unless the server refuses with this status and with words; returns the words."""
    error = raises(ResponseError, call)
    same(error.status_code, status, "status")
    holds(error.error and not error.error.startswith("{"), f"the error is {error.error!r}")
    return error.error


@check
def models_are_listed():
    models = client.list().models
    holds(MODEL in [model.model for model in models], f"{MODEL} is not listed")
    for model in models:
        holds(model.modified_at and model.details is not None, f"{model} is incomplete")
        same(len(bytes.fromhex(model.digest)), 32, "bytes of the digest")
        # Those of a server beside this one are named as it names them.
        holds(":" not in model.model or "embed" in model.model, f"{model.model} has a tag")


@check
def a_model_is_shown():
    for name in [MODEL, f"{MODEL}:latest"]:
        shown = client.show(name)
        if route() != "codex":
            # The other lists of models tell little more than names.
            holds({"completion", "tools"} <= set(shown.capabilities), f"{shown.capabilities}")
            continue
        lengths = [v for k, v in shown.modelinfo.items() if k.endswith(".context_length")]
        holds(len(lengths) == 1 and lengths[0] > 0, f"model_info is {shown.modelinfo}")
        family = shown.modelinfo["general.architecture"]
        holds(f"{family}.context_length" in shown.modelinfo, f"no length of {family}")
        for capability in ["completion", "tools", "thinking", "vision"]:
            holds(capability in shown.capabilities, f"capabilities are {shown.capabilities}")


@check
def an_unknown_model_is_not_found():
    for call in [
        lambda: client.show(UNKNOWN),
        lambda: chat("hello", model=UNKNOWN),
        lambda: list(chat("hello", model=UNKNOWN, stream=True)),
        lambda: client.generate(model=UNKNOWN, prompt="hello"),
    ]:
        words = failed(404, call)
        holds(UNKNOWN in words, f"the error does not name the model: {words}")


@check
def what_was_used_is_loaded():
    chat("hello")
    models = client.ps().models
    holds(any(loaded.model == MODEL for loaded in models), f"loaded are {models!r}")
    holds(all(loaded.expires_at > datetime.now(loaded.expires_at.tzinfo) for loaded in models), "it is over")


@check
def the_version_is_recent():
    # The library has no call for it; other clients refuse to work below 0.13.4.
    answer = httpx.get(base_url() + "/api/version").raise_for_status().json()
    version = [int(part) for part in answer["version"].split(".")]
    holds(len(version) == 3 and version >= [0, 13, 4], f"the version is {answer}")


@check
def chat_whole():
    reply = chat("hello there")
    same(reply.message.content, "You said: hello there")
    same(reply.message.role, "assistant")
    same((reply.model, reply.done, reply.done_reason), (MODEL, True, "stop"))
    same(reply.message.tool_calls, None, "calls")
    counted(reply)


@check
def chat_stream():
    lines = list(chat("hello there", stream=True))
    same(joined(lines), chat("hello there").message.content, "streamed text")
    last = last_of(lines)
    same((last.message.content, last.done_reason), ("", "stop"), "last line")
    counted(last)
    holds(all(line.message.role == "assistant" for line in lines), "a line has another role")
    holds(len([line for line in lines if line.message.content]) > 1, "the text came at once")
    same(asyncio.run(asynchronous("hello there")), joined(lines), "text of the async client")


async def asynchronous(text):
    """The text of a stream read with the asynchronous client."""
    own = AsyncClient(host=base_url(), timeout=20)
    stream = await own.chat(model=MODEL, messages=[user(text)], stream=True)
    return joined([line async for line in stream])


@check
def a_name_with_the_tag_latest_is_accepted():
    name = f"{MODEL}:latest"
    reply = chat("hello", model=name)
    same((reply.message.content, reply.model), ("You said: hello", name))
    lines = list(chat("hello", model=name, stream=True))
    same(joined(lines), "You said: hello", "streamed text")
    same(client.generate(model=name, prompt="hello").response, "You said: hello")


@check
def a_conversation_is_read():
    history = [
        {"role": "system", "content": "Be brief."},
        user("hello"),
        {"role": "assistant", "content": "You said: hello", "thinking": "A greeting."},
        user("and again"),
    ]
    same(client.chat(model=MODEL, messages=history).message.content, "You said: and again")


@check
def tool_call_whole():
    reply = chat("please use get_weather city=Oslo", tools=[get_weather, get_time])
    same(len(reply.message.tool_calls), 1, "number of calls")
    function = reply.message.tool_calls[0].function
    same((function.name, function.arguments), ("get_weather", {"city": "Oslo"}))
    same((reply.message.content, reply.done_reason), ("", "stop"))


@check
def tool_call_stream():
    lines = list(chat("please use get_weather city=Oslo", tools=[get_weather], stream=True))
    calls = calls_of(lines)
    same(len(calls), 1, "number of calls")
    same(calls[0].function.name, "get_weather")
    same(calls[0].function.arguments, {"city": "Oslo"})
    same(last_of(lines).done_reason, "stop")


@check
def tool_loop():
    for stream in [False, True]:
        messages = [user("please use get_weather city=Oslo")]
        call = chat("", messages=messages, tools=[get_weather]).message
        result = get_weather(**call.tool_calls[0].function.arguments)
        answer = {"role": "tool", "tool_name": "get_weather", "content": result}
        last = chat("", messages=[*messages, call, answer], tools=[get_weather], stream=stream)
        text = joined(last) if stream else last.message.content
        same(text, "The tool said: rain in Oslo")


@check
def parallel_tool_calls():
    text = "MODE:parallel-calls get_weather and get_time city=Oslo"
    tools = {"get_weather": get_weather, "get_time": get_time}
    message = chat(text, tools=list(tools.values())).message
    names = [call.function.name for call in message.tool_calls]
    same(sorted(set(names)), sorted(tools), "names")
    streamed = calls_of(chat(text, tools=list(tools.values()), stream=True))
    same(streamed, message.tool_calls, "streamed calls")
    # The results come in another order than the calls: only their names join them.
    results = [
        {"role": "tool", "tool_name": c.function.name, "content": tools[c.function.name](**c.function.arguments)}
        for c in reversed(message.tool_calls)
    ]
    last = chat("", messages=[user(text), message, *results], tools=list(tools.values())).message
    for result in results:
        holds(result["content"] in last.content, f"{result} is not in {last.content!r}")


@check
def thinking_is_shown():
    for think in [True, "high"]:
        message = chat("hello there", think=think).message
        holds(message.thinking, f"no thinking with {think}")
        same(message.content, "You said: hello there")
        lines = list(chat("hello there", think=think, stream=True))
        pieces = [line.message.thinking or "" for line in lines]
        same("".join(pieces), message.thinking, "streamed thinking")
        same(joined(lines), message.content, "streamed text")
        reply = generate("hello there", think=think)
        same((reply.thinking, reply.response), (message.thinking, message.content), "generated")


@check
def thinking_is_hidden():
    same(chat("hello", think=False).message.thinking, None, "thinking")
    lines = list(chat("hello", think=False, stream=True))
    same([line.message.thinking for line in lines if line.message.thinking], [], "thinking")
    same(generate("hello", think=False).thinking, None, "generated thinking")


@check
def format_json():
    # Nothing says "json" but the format, which is what the backend insists on.
    for text in ["answer in json", "answer"]:
        content = chat(text, format="json").message.content
        holds(isinstance(json.loads(content), dict), f"the content is {content!r}")
        same(joined(chat(text, format="json", stream=True)), content, "streamed text")
        same(generate(text, format="json").response, content, "generated text")


@check
def format_schema():
    schema = City.model_json_schema()
    content = chat("describe a city", format=schema).message.content
    City.model_validate_json(content)
    streamed = chat("describe a city", format=schema, stream=True, think=True)
    same(joined(streamed), content, "streamed text")
    same(generate("describe a city", format=schema).response, content, "generated text")


@check
def image_input():
    wanted = "You said: what is this\nImages received: 1."
    for image in [PIXEL, base64.b64decode(PIXEL)]:
        reply = chat("", messages=[user("what is this", images=[image])])
        same(reply.message.content, wanted)
        same(generate("what is this", images=[image]).response, wanted, "generated text")


@check
def generate_whole():
    reply = generate("hello there", system="Be brief.")
    same(reply.response, "You said: hello there")
    same((reply.model, reply.done, reply.done_reason), (MODEL, True, "stop"))
    counted(reply)


@check
def generate_stream():
    lines = list(generate("hello there", system="Be brief.", stream=True))
    same("".join(line.response or "" for line in lines), "You said: hello there")
    last = last_of(lines)
    same((last.response, last.done_reason), ("", "stop"), "last line")
    counted(last)


@check
def nothing_to_answer_loads_the_model():
    same(generate("").done_reason, "load")
    same(client.chat(model=MODEL, messages=[]).done_reason, "load")
    same(generate("", keep_alive=0).done_reason, "unload")


@check
def num_predict_ends_the_answer():
    options = {"num_predict": 5, "temperature": 0.2, "seed": 7, "top_k": 20}
    for call in [chat, generate]:
        whole, lines = call(LONG, options=options), list(call(LONG, options=options, stream=True))
        for reply in [whole, last_of(lines)]:
            same((reply.done, reply.done_reason), (True, "length"))
            holds(0 < reply.eval_count <= 5, f"eval_count is {reply.eval_count}")
        text = whole.message.content if call is chat else whole.response
        holds(text and len(text) < 40 and f"You said: {LONG}".startswith(text), f"it is {text!r}")
        streamed = joined(lines) if call is chat else "".join(line.response for line in lines)
        same(streamed, text, "streamed text")


@check
def a_stop_ends_the_answer():
    for stop, wanted in [(["beta"], "You said: alpha "), (["zeta", "a gam"], "You said: alpha bet")]:
        options = {"stop": stop}
        reply = chat("alpha beta gamma", options=options)
        same((reply.message.content, reply.done_reason), (wanted, "stop"))
        streamed = chat("alpha beta gamma", options=options, stream=True)
        same(joined(streamed), wanted, "streamed text")
        same(generate("alpha beta gamma", options=options).response, wanted, "generated text")


@check
def a_listed_model_is_pulled():
    same(client.pull(MODEL).status, "success")
    lines = list(client.pull(MODEL, stream=True))
    same(lines[-1].status, "success", "last status")


@check
def an_unknown_model_is_not_pulled():
    for call in [lambda: client.pull(UNKNOWN), lambda: list(client.pull(UNKNOWN, stream=True))]:
        words = failed(404, call)
        holds(UNKNOWN in words, f"the error does not name the model: {words}")


@check
def embeddings_are_made():
    made = client.embed(model="embed", input=["hello", "hi"], dimensions=2)
    same([list(vector) for vector in made.embeddings], [[5, 0.5], [2, 0.5]], "vectors")
    same((made.model, made.prompt_eval_count), ("embed", 6), "model and tokens")
    same(list(client.embeddings(model="embed", prompt="hello").embedding), [5, 0.5, 0.25], "vector")
    words = failed(404, lambda: client.embed(model="nope", input="hello"))
    holds("not found" in words, f"the error does not say what is not there: {words}")


@check
def models_cannot_be_changed():
    failed(400, lambda: client.create(model="own", from_=MODEL))
    failed(400, lambda: list(client.create(model="own", from_=MODEL, stream=True)))
    failed(400, lambda: client.push(MODEL))
    failed(400, lambda: client.copy(MODEL, "own"))
    for name in [MODEL, UNKNOWN]:
        error = raises(ResponseError, lambda: client.delete(name))
        holds(error.status_code in [400, 404] and error.error, f"deleting: {error}")


@check
def a_bad_request_is_explained():
    words = failed(400, lambda: chat("", messages=[{"role": "wizard", "content": "hello"}]))
    holds("wizard" in words, f"the error does not name the role: {words}")


@check
def a_rate_limit_is_an_error():
    for call in [chat, generate]:
        failed(429, lambda: call("MODE:429"))
        failed(429, lambda: list(call("MODE:429", stream=True)))


@check
def a_cut_whole_reply_raises():
    for call in [chat, generate]:
        error = raises(ResponseError, lambda: call("MODE:cut"))
        holds(error.status_code >= 500 and error.error, f"the error is {error}")


@check
def a_cut_stream_raises():
    for call in [chat, generate]:
        lines = []

        def read(call=call, lines=lines):
            for line in call("MODE:cut", stream=True):
                lines.append(line)

        error = raises(ResponseError, read)
        holds(error.error, "no words")
        holds(lines and not any(line.done for line in lines), f"the lines are {lines!r}")


if __name__ == "__main__":
    main()
