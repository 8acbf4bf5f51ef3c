"""OpenAI's library for Python against a server that runs with `--demo`."""

import asyncio
import base64
import json

import openai
from openai import AsyncOpenAI
from pydantic import BaseModel

import openai_bounds  # noqa: F401 (its checks run too)
import openai_completions  # noqa: F401
import openai_kept  # noqa: F401
import openai_media  # noqa: F401
import openai_retries  # noqa: F401
import openai_sockets  # noqa: F401
from openai_sdk import (
    MODEL,
    OPTIONS,
    TIME,
    WEATHER,
    chat,
    client,
    deltas,
    finishes,
    flat_tool,
    joined,
    only_choice,
    respond,
)
from runner import check, holds, main, raises, route, same


class City(BaseModel):
    """A shape for structured output."""

    name: str
    population: int
    landmarks: list[str]


@check
def models_are_listed():
    models = list(client.models.list())
    holds(MODEL in [model.id for model in models], f"{MODEL} is not listed")
    for model in models:
        same(model.object, "model", "object")
        holds(isinstance(model.created, int) and model.owned_by, f"{model} is incomplete")


@check
def a_model_is_retrieved():
    same(client.models.retrieve(MODEL).id, MODEL)


@check
def an_unknown_model_is_not_found():
    error = raises(openai.NotFoundError, lambda: client.models.retrieve("no-such-model"))
    same(error.code, "model_not_found", "code")
    messages = [{"role": "user", "content": "hello"}]
    error = raises(
        openai.NotFoundError,
        lambda: client.chat.completions.create(model="no-such-model", messages=messages),
    )
    same(error.code, "model_not_found", "code")
    holds("no-such-model" in error.message, f"the message does not name the model: {error.message}")


@check
def chat_whole():
    completion = chat("hello there")
    choice = only_choice(completion)
    same(choice.message.content, "You said: hello there")
    same(choice.message.role, "assistant")
    same(choice.finish_reason, "stop")
    same(completion.object, "chat.completion")
    same(completion.model, MODEL)
    holds(completion.id and completion.created > 1_700_000_000, "id or created is missing")
    usage = completion.usage
    holds(usage.prompt_tokens > 0 and usage.completion_tokens > 0, f"usage is {usage}")
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total")


@check
def chat_stream():
    chunks = list(chat("hello there", stream=True))
    same(only_choice(chunks[0]).delta.role, "assistant", "first role")
    same(joined(chunks), only_choice(chat("hello there")).message.content, "streamed text")
    same(finishes(chunks), ["stop"], "finish reasons")
    same(len({chunk.id for chunk in chunks}), 1, "number of ids")
    holds(all(chunk.object == "chat.completion.chunk" for chunk in chunks), "wrong object")
    same(asyncio.run(asynchronous("hello there")), joined(chunks), "text of the async client")


async def asynchronous(text):
    """The text of a stream read with the asynchronous client."""
    async with AsyncOpenAI(**OPTIONS) as client:
        messages = [{"role": "user", "content": text}]
        stream = await client.chat.completions.create(model=MODEL, messages=messages, stream=True)
        return joined([chunk async for chunk in stream])


@check
def chat_stream_usage_comes_only_when_asked():
    plain = list(chat("hello", stream=True))
    holds(all(chunk.usage is None for chunk in plain), "usage that was not asked for")
    chunks = list(chat("hello", stream=True, stream_options={"include_usage": True}))
    same(len([chunk for chunk in chunks if chunk.usage]), 1, "chunks with usage")
    same(chunks[-1].choices, [], "choices of the usage chunk")
    usage = chunks[-1].usage
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total")
    holds(usage.prompt_tokens_details is not None, "no cached-token details")
    holds(usage.completion_tokens_details is not None, "no reasoning-token details")


@check
def chat_stream_helper():
    messages = [{"role": "user", "content": "hello there"}]
    with client.chat.completions.stream(model=MODEL, messages=messages) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    holds("content.delta" in kinds and "content.done" in kinds, f"events are {kinds}")
    same(only_choice(final).message.content, "You said: hello there")


@check
def chat_accepts_fields_the_backend_refuses():
    reply = client.chat.completions.with_raw_response.create(
        model=MODEL,
        messages=[{"role": "user", "content": "hello"}],
        temperature=0.2,
        top_p=0.9,
        seed=7,
        user="someone",
        metadata={"purpose": "test"},
        max_completion_tokens=2000,
        frequency_penalty=0.1,
        presence_penalty=0.1,
    )
    same(only_choice(reply.parse()).message.content, "You said: hello")
    notices = reply.headers.get("x-chatmock-notices", "")
    honoured = ["temperature", "top_p", "metadata"] if route() == "api" else []
    for field in honoured:
        holds(field not in notices, f"{field} is in the notices: {notices!r}")
    for field in {"temperature", "top_p", "seed", "metadata"} - set(honoured):
        holds(field in notices, f"{field} is not in the notices: {notices!r}")


@check
def tool_call_whole():
    choice = only_choice(chat("please use get_weather city=Oslo", tools=[WEATHER, TIME]))
    same(choice.finish_reason, "tool_calls")
    same(len(choice.message.tool_calls), 1, "number of calls")
    call = choice.message.tool_calls[0]
    same(call.type, "function")
    same(call.function.name, "get_weather")
    same(json.loads(call.function.arguments), {"city": "Oslo"})
    holds(call.id, "the call has no id")


@check
def tool_call_stream():
    chunks = list(chat("please use get_weather city=Oslo", tools=[WEATHER], stream=True))
    pieces = [piece for delta in deltas(chunks) for piece in delta.tool_calls or []]
    same({piece.index for piece in pieces}, {0}, "indexes")
    same(pieces[0].function.name, "get_weather")
    same(pieces[0].type, "function")
    holds(pieces[0].id, "the first piece has no id")
    holds(all(piece.function.name is None for piece in pieces[1:]), "the name comes twice")
    arguments = "".join(piece.function.arguments or "" for piece in pieces)
    same(json.loads(arguments), {"city": "Oslo"})
    same(finishes(chunks), ["tool_calls"], "finish reasons")


@check
def tool_choice_forces_a_call():
    forced = {"type": "function", "function": {"name": "get_time"}}
    choice = only_choice(chat("city=Rome", tools=[WEATHER, TIME], tool_choice=forced))
    same([call.function.name for call in choice.message.tool_calls], ["get_time"])
    same(json.loads(choice.message.tool_calls[0].function.arguments), {"city": "Rome"})
    choice = only_choice(chat("use get_time", tools=[TIME], tool_choice="none"))
    same(choice.message.tool_calls, None, "calls under tool_choice none")


@check
def tool_loop():
    messages = [{"role": "user", "content": "please use get_weather city=Oslo"}]
    for stream in [False, True]:
        reply = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
        message = only_choice(reply).message
        answered = {
            "role": "tool",
            "tool_call_id": message.tool_calls[0].id,
            "content": "rain, 8 degrees",
        }
        history = [*messages, message, answered]
        last = client.chat.completions.create(
            model=MODEL, messages=history, tools=[WEATHER], stream=stream
        )
        text = joined(list(last)) if stream else only_choice(last).message.content
        same(text, "The tool said: rain, 8 degrees")


@check
def parallel_tool_calls():
    text = "MODE:parallel-calls get_weather and get_time city=Oslo"
    calls = only_choice(chat(text, tools=[WEATHER, TIME])).message.tool_calls
    holds(len(calls) >= 2, f"{len(calls)} calls")
    same(len({call.id for call in calls}), len(calls), "number of ids")
    names, arguments = {}, {}
    chunks = list(chat(text, tools=[WEATHER, TIME], stream=True))
    for piece in (piece for delta in deltas(chunks) for piece in delta.tool_calls or []):
        names[piece.index] = names.get(piece.index) or piece.function.name
        arguments[piece.index] = arguments.get(piece.index, "") + (piece.function.arguments or "")
    same(sorted(names), list(range(len(calls))), "indexes")
    whole = [(call.function.name, json.loads(call.function.arguments)) for call in calls]
    streamed = [(names[index], json.loads(arguments[index])) for index in sorted(names)]
    same(streamed, whole, "streamed calls")
    same(finishes(chunks), ["tool_calls"], "finish reasons")


@check
def structured_output_is_parsed():
    messages = [{"role": "user", "content": "describe a city"}]
    choice = only_choice(
        client.chat.completions.parse(model=MODEL, messages=messages, response_format=City)
    )
    holds(isinstance(choice.message.parsed, City), f"parsed is {choice.message.parsed!r}")
    with client.chat.completions.stream(
        model=MODEL, messages=messages, response_format=City
    ) as stream:
        final = only_choice(stream.get_final_completion())
    same(final.message.parsed, choice.message.parsed, "streamed value")


@check
def json_mode():
    choice = only_choice(chat("answer in json", response_format={"type": "json_object"}))
    holds(isinstance(json.loads(choice.message.content), dict), "the content is not an object")


PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@check
def image_input():
    base64.b64decode(PIXEL, validate=True)
    image = {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}
    parts = [
        {"type": "text", "text": "what is this"},
        {"type": "image_url", "image_url": image},
    ]
    content = only_choice(chat(parts)).message.content
    holds(content.startswith("You said: what is this"), f"content is {content!r}")


@check
def reasoning_is_shown():
    asked = {"reasoning_effort": "high"}
    if route() == "api":
        # A model that does not reason refuses the question, so it is not asked unless a client does.
        holds(not hasattr(only_choice(chat("hello")).message, "reasoning_content"), "asked unasked")
        asked["extra_body"] = {"reasoning": {"summary": "auto"}}
    message = only_choice(chat("hello", **asked)).message
    reasoning = getattr(message, "reasoning_content", None)
    holds(reasoning, "no reasoning_content")
    chunks = list(chat("hello", stream=True, **asked))
    streamed = [getattr(delta, "reasoning_content", None) or "" for delta in deltas(chunks)]
    same("".join(streamed), reasoning, "streamed reasoning")
    same(joined(chunks), message.content, "streamed text")


@check
def responses_whole():
    response = respond("hello there")
    same(response.output_text, "You said: hello there")
    same(response.status, "completed")
    same(response.object, "response")
    same(response.model, MODEL)
    holds(response.id and response.created_at, "id or created_at is missing")
    holds(all(item.id for item in response.output), "an item has no id")
    usage = response.usage
    same(usage.total_tokens, usage.input_tokens + usage.output_tokens, "total")


@check
def responses_stream():
    events = list(respond("hello there", stream=True))
    kinds = [event.type for event in events]
    same(kinds[0], "response.created", "first event")
    same(kinds[-1], "response.completed", "last event")
    private = [kind for kind in kinds if kind.startswith("codex.") or kind == "keepalive"]
    same(private, [], "events of the backend's own")
    numbers = [event.sequence_number for event in events]
    same(numbers, sorted(set(numbers)), "sequence numbers")
    opened = set()
    for event in events:
        if event.type == "response.output_item.added":
            opened.add(event.output_index)
        elif event.type == "response.output_item.done":
            opened.remove(event.output_index)
        elif hasattr(event, "output_index"):
            holds(event.output_index in opened, f"{event.type} outside its item")
    same(opened, set(), "items left open")
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    same(text, "You said: hello there", "streamed text")
    same(events[-1].response.output_text, text, "text of the last event")


@check
def responses_stream_helper():
    with client.responses.stream(model=MODEL, input="hello there") as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    holds("response.output_text.delta" in kinds, f"events are {kinds}")
    same(final.output_text, "You said: hello there")


@check
def responses_structured_output_is_parsed():
    parsed = client.responses.parse(model=MODEL, input="describe a city", text_format=City)
    holds(isinstance(parsed.output_parsed, City), f"output_parsed is {parsed.output_parsed!r}")
    with client.responses.stream(
        model=MODEL, input="describe a city", text_format=City
    ) as stream:
        final = stream.get_final_response()
    same(final.output_parsed, parsed.output_parsed, "streamed value")


@check
def responses_tool_loop():
    tools = [flat_tool("get_weather", "city")]
    asked = {"role": "user", "content": "please use get_weather city=Oslo"}
    response = respond([asked], tools=tools)
    calls = [item for item in response.output if item.type == "function_call"]
    same(len(calls), 1, "number of calls")
    same(json.loads(calls[0].arguments), {"city": "Oslo"})
    output = {"type": "function_call_output", "call_id": calls[0].call_id, "output": "rain"}
    history = [asked, *response.output, output]
    same(respond(history, tools=tools).output_text, "The tool said: rain")


@check
def a_length_limit_is_reported():
    same(only_choice(chat("MODE:incomplete-length")).finish_reason, "length")
    same(finishes(list(chat("MODE:incomplete-length", stream=True))), ["length"])
    response = respond("MODE:incomplete-length")
    same(response.status, "incomplete")
    same(response.incomplete_details.reason, "max_output_tokens")


@check
def a_refusal_is_reported():
    message = only_choice(chat("MODE:refusal")).message
    holds(message.refusal, "no refusal")
    holds(not message.content, f"content beside a refusal: {message.content!r}")
    streamed = [delta.refusal or "" for delta in deltas(list(chat("MODE:refusal", stream=True)))]
    same("".join(streamed), message.refusal, "streamed refusal")


@check
def a_bad_role_is_a_bad_request():
    messages = [{"role": "user", "content": "hello"}, {"role": "wizard", "content": "hello"}]
    error = raises(
        openai.BadRequestError,
        lambda: client.chat.completions.create(model=MODEL, messages=messages),
    )
    same(error.param, "messages[1].role", "param")
    same(error.type, "invalid_request_error", "type")
    holds("wizard" in error.message, f"the message does not name the role: {error.message}")


@check
def a_rate_limit_carries_retry_after():
    for call in [
        lambda: chat("MODE:429"),
        lambda: list(chat("MODE:429", stream=True)),
        lambda: respond("MODE:429"),
    ]:
        error = raises(openai.RateLimitError, call)
        wait = error.response.headers.get("retry-after", "")
        holds(wait.isdigit() and int(wait) > 0, f"retry-after is {wait!r}")


@check
def an_overloaded_backend_is_a_server_error():
    for call in [
        lambda: chat("MODE:503"),
        lambda: list(chat("MODE:503", stream=True)),
        lambda: respond("MODE:503"),
    ]:
        error = raises(openai.InternalServerError, call)
        same(error.status_code, 503, "status")


@check
def a_cut_whole_reply_raises():
    for call in [lambda: chat("MODE:cut"), lambda: respond("MODE:cut")]:
        error = raises(openai.InternalServerError, call)
        holds(error.message, "no message")


@check
def a_cut_stream_raises():
    error = raises(openai.APIError, lambda: list(chat("MODE:cut", stream=True)))
    holds(error.message, "no message")


@check
def a_cut_responses_stream_is_reported():
    # The SDK raises for an error event with a nested object and hands the others on; both tell the caller.
    try:
        events = list(respond("MODE:cut", stream=True))
    except openai.APIError as error:
        holds(error.message, "no message")
    else:
        holds(events[-1].type in ["error", "response.failed"], f"it ends with {events[-1].type}")


if __name__ == "__main__":
    main()
