"""Anthropic's library for Python against a server that runs with `--demo`."""

import base64
import json

import anthropic
from anthropic import beta_tool
from pydantic import BaseModel

from anthropic_sdk import MODEL, THINKING, TIME, WEATHER, ask, asking, calls, client, notices, text_of
from runner import check, holds, main, raises, route, same

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()


class City(BaseModel):
    """A shape for structured output."""

    name: str
    population: int


@check
def message_whole():
    message = ask("hello", system="Be brief.")
    same((message.type, message.role, message.model), ("message", "assistant", MODEL))
    same(text_of(message), "You said: hello")
    same((message.stop_reason, message.stop_sequence), ("end_turn", None))
    usage = message.usage
    holds(usage.input_tokens >= 0 and usage.output_tokens > 0, f"{usage} has no counts")
    same(usage.output_tokens_details.thinking_tokens >= 0, True, "thinking tokens")


@check
def message_stream():
    events = list(client.messages.create(**asking("hello héllo ✓ 日本語", stream=True)))
    same(events[0].type, "message_start")
    same([event.type for event in events[-2:]], ["message_delta", "message_stop"])
    pieces = [event.delta.text for event in events if event.type == "content_block_delta"]
    same("".join(pieces), "You said: hello héllo ✓ 日本語")
    holds(events[-2].usage.output_tokens > 0, "the end has no counts")


@check
def stream_helper():
    with client.messages.stream(**asking("hello", thinking=THINKING)) as stream:
        same("".join(stream.text_stream), "You said: hello")
        message = stream.get_final_message()
    same([block.type for block in message.content], ["thinking", "text"])
    holds(message.content[0].thinking and message.content[0].signature, "the thinking is empty")
    same(message.stop_reason, "end_turn")


@check
def tool_call_whole():
    message = ask("Use get_weather for city=Paris", tools=[WEATHER])
    same((calls(message), message.stop_reason), ([("get_weather", {"city": "Paris"})], "tool_use"))


@check
def tool_call_stream():
    with client.messages.stream(**asking("Use get_weather for city=Paris", tools=[WEATHER])) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        message = stream.get_final_message()
    same(json.loads("".join(pieces)), {"city": "Paris"})
    same(calls(message), [("get_weather", {"city": "Paris"})])


@check
def tool_choice_forces_a_call():
    choice = {"type": "tool", "name": "get_time", "disable_parallel_tool_use": True}
    message = ask("hello", tools=[WEATHER, TIME], tool_choice=choice)
    same([name for name, _ in calls(message)], ["get_time"])
    same(calls(ask("get_weather", tools=[WEATHER], tool_choice={"type": "none"})), [])


@check
def parallel_tool_calls():
    text = "Use get_weather and get_time for city=Oslo"
    with client.messages.stream(**asking(text, tools=[WEATHER, TIME])) as stream:
        streamed = stream.get_final_message()
    for message in (ask(text, tools=[WEATHER, TIME]), streamed):
        same(calls(message), [("get_weather", {"city": "Oslo"}), ("get_time", {"city": "Oslo"})])


@check
def tool_runner():
    asked = []

    @beta_tool
    def get_weather(city: str) -> str:
        """Weather of a city.

        Args:
            city: The city.
        """
        asked.append(city)
        return "21 degrees"

    text = "Use get_weather for city=Paris"
    runner = client.beta.messages.tool_runner(**asking(text, tools=[get_weather]))
    last = runner.until_done()
    same((asked, text_of(last)), (["Paris"], "The tool said: 21 degrees"))


@check
def thinking_round_trip():
    tools = {
        "tools": [WEATHER],
        "thinking": {"type": "adaptive", "display": "omitted"},
        "output_config": {"effort": "high"},
    }
    first = ask("Use get_weather for city=Paris", **tools)
    # A server of another maker has no reasoning to hand out.
    if route() != "api":
        same((first.content[0].type, first.content[0].thinking), ("thinking", ""))
    call = next(block for block in first.content if block.type == "tool_use")
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "21", "is_error": False}]
    messages = [
        {"role": "user", "content": "Use get_weather for city=Paris"},
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results},
    ]
    second = ask("", **tools, messages=messages)
    same(text_of(second), "The tool said: 21")
    foreign = {"type": "thinking", "thinking": "x", "signature": "ErUBCkYIBxgCIkDm"}
    messages[1] = {"role": "assistant", "content": [foreign, *first.content[1:]]}
    same(text_of(ask("", **tools, messages=messages)), "The tool said: 21")


@check
def structured_output_is_parsed():
    message = client.messages.parse(**asking("Which city?", output_format=City))
    holds(isinstance(message.parsed_output, City), f"{message.parsed_output!r} is no City")


@check
def image_input():
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "text", "text": "look"}, {"type": "image", "source": source}]
    message = ask("", messages=[{"role": "user", "content": content}])
    holds("Images received: 1." in text_of(message), text_of(message))


@check
def a_stop_sequence_is_named():
    message = client.messages.create(**asking("alpha STOP beta", stop_sequences=["STOP"]))
    same((message.stop_reason, message.stop_sequence), ("stop_sequence", "STOP"))
    same(text_of(message), "You said: alpha ")


@check
def max_tokens_end_the_answer():
    message = ask("one two three four five six seven", max_tokens=3)
    same((message.stop_reason, text_of(message)), ("max_tokens", "You said: on"))


@check
def a_web_search_has_links():
    tools = [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}]
    message = ask("Perform a web search for the query: oslo", tools=tools)
    found = next(block for block in message.content if block.type == "web_search_tool_result")
    holds(found.content[0].url and found.content[0].title, "there is no link")
    holds(message.content[-1].citations[0].url == found.content[0].url, "nothing is cited")
    same(message.usage.server_tool_use.web_search_requests, 1)


@check
def tokens_are_counted():
    counted = client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "hello"}])
    long = client.messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": "hello " * 1000}], tools=[WEATHER]
    )
    holds(0 < counted.input_tokens < long.input_tokens, f"{counted} and {long}")


@check
def models_are_paged():
    models = list(client.models.list(limit=2))
    names = [model.id for model in models]
    holds(MODEL in names and f"claude-{MODEL}" in names, f"{MODEL} is not in {names}")
    holds(all(model.display_name and model.created_at for model in models), "a model is incomplete")


@check
def a_model_is_retrieved():
    same(client.models.retrieve(MODEL).id, MODEL)
    same(client.models.retrieve("claude-opus-5-5").id, "claude-opus-5-5")


@check
def an_unknown_model_is_not_found():
    error = raises(anthropic.NotFoundError, lambda: client.models.retrieve("no-such-model"))
    same(error.body["error"]["type"], "not_found_error")
    error = raises(anthropic.NotFoundError, lambda: ask("hello", model="no-such-model"))
    holds(error.request_id.startswith("req_"), f"{error.request_id} is no id")


@check
def names_of_claude_models_are_answered():
    asked = asking("hello", model="claude-opus-5-5")
    raw = client.messages.with_raw_response.create(**asked)
    same((raw.parse().model, text_of(raw.parse())), ("claude-opus-5-5", "You said: hello"))
    holds("model=changed" in raw.headers["x-chatmock-notices"], "it is not said")


@check
def fields_without_effect_are_noticed():
    found = notices("hello", extra_body={"top_k": 5, "no_such_member": 1, "safeguards": [{}]})
    same(found, "top_k=ignored, no_such_member=ignored")


@check
def a_bad_role_is_a_bad_request():
    messages = [{"role": "tool", "content": "x"}]
    error = raises(anthropic.BadRequestError, lambda: ask("", messages=messages))
    holds("messages.0.role: " in str(error), str(error))


@check
def failures_are_errors_of_their_kind():
    for mode, kind in (
        ("429-rate", anthropic.RateLimitError),
        ("429", anthropic.RateLimitError),
        ("overloaded", anthropic.OverloadedError),
        ("usage-not-included", anthropic.PermissionDeniedError),
    ):
        raises(kind, lambda: ask(f"MODE:{mode}"))


@check
def a_prompt_that_is_too_long_is_told_in_numbers():
    error = raises(anthropic.BadRequestError, lambda: ask("MODE:fail-context"))
    if route() == "api":
        # Its list of models has no windows.
        return
    holds("prompt is too long: " in str(error) and " tokens > " in str(error), str(error))


@check
def a_cut_whole_reply_raises():
    raises(anthropic.APIStatusError, lambda: ask("MODE:cut"))


@check
def a_cut_stream_raises():
    def read():
        with client.messages.stream(**asking("MODE:cut")) as stream:
            return stream.get_final_message()

    raises(anthropic.APIError, read)


if __name__ == "__main__":
    main()
