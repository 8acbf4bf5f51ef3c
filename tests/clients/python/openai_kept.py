"""Responses that are kept by the server: read again, continued, deleted; and their token cap."""

import openai

from openai_sdk import MODEL, chat, client, flat_tool, respond
from runner import check, holds, raises, same

LONG = "a question that is a good deal longer than the tokens which the answer may have " * 3
WEATHER = flat_tool("get_weather", "city")


def call_of(response):
    """The one function call of a response."""
    calls = [item for item in response.output if item.type == "function_call"]
    same(len(calls), 1, "number of calls")
    return calls[0]


@check
def responses_end_at_max_output_tokens():
    whole = respond(LONG, max_output_tokens=16)
    events = list(respond(LONG, max_output_tokens=16, stream=True))
    same(events[-1].type, "response.incomplete", "last event")
    for response in [whole, events[-1].response]:
        same(response.status, "incomplete", "status")
        same(response.incomplete_details.reason, "max_output_tokens", "reason")
        text = response.output_text
        holds(text and len(text) < 150 and f"You said: {LONG}".startswith(text), f"it is {text!r}")
    streamed = [e.delta for e in events if e.type == "response.output_text.delta"]
    same("".join(streamed), whole.output_text, "streamed text")


@check
def a_response_is_retrieved():
    response = respond("hello there")
    kept = client.responses.retrieve(response.id)
    same(kept.id, response.id, "id")
    same(kept.status, "completed", "status")
    same(kept.output_text, "You said: hello there", "text")
    same(kept.usage, response.usage, "usage")
    same(kept.output, response.output, "output")
    events = list(respond("hello again", stream=True))
    kept = client.responses.retrieve(events[-1].response.id)
    same(kept.output_text, "You said: hello again", "text of a streamed one")
    raises(openai.NotFoundError, lambda: client.responses.retrieve("resp_none"))


@check
def a_response_that_is_not_stored_is_not_found():
    response = respond("hello there", store=False)
    same(response.output_text, "You said: hello there", "text")
    raises(openai.NotFoundError, lambda: client.responses.retrieve(response.id))


@check
def a_response_is_deleted():
    response = respond("hello there")
    client.responses.delete(response.id)
    raises(openai.NotFoundError, lambda: client.responses.retrieve(response.id))
    raises(openai.NotFoundError, lambda: client.responses.delete(response.id))


@check
def input_items_are_listed():
    response = respond("hello there")
    items = list(client.responses.input_items.list(response.id))
    same(len(items), 1, "number of items")
    same(items[0].role, "user", "role")
    same(items[0].content[0].text, "hello there", "text")
    holds(items[0].id, "the item has no id")
    asked = [{"role": "user", "content": text} for text in ["one", "two", "three"]]
    response = respond(asked)
    for order, wanted in [("asc", ["one", "two", "three"]), ("desc", ["three", "two", "one"])]:
        # Pages of two: the SDK asks for the next by the last id.
        items = client.responses.input_items.list(response.id, order=order, limit=2)
        same([item.content[0].text for item in items], wanted, f"texts in order {order}")


@check
def a_response_continues_another():
    for stream in [False, True]:
        first = respond("please use get_weather city=Oslo", tools=[WEATHER])
        output = {
            "type": "function_call_output",
            "call_id": call_of(first).call_id,
            "output": "rain",
        }
        second = respond([output], previous_response_id=first.id, tools=[WEATHER], stream=stream)
        if stream:
            second = list(second)[-1].response
        same(second.output_text, "The tool said: rain", "text")
        same(second.previous_response_id, first.id, "previous response")
        third = respond("and then", previous_response_id=second.id)
        same(third.output_text, "You said: and then", "third text")


@check
def an_unknown_previous_response_is_refused():
    wrong = (openai.BadRequestError, openai.NotFoundError)
    for stream in [False, True]:
        error = raises(
            wrong, lambda: respond("hello", previous_response_id="resp_none", stream=stream)
        )
        holds("resp_none" in error.message, f"it does not name the response: {error.message}")
        same(error.param, "previous_response_id", "param")


@check
def a_background_response_is_polled_and_streamed_again():
    response = respond("hello there", background=True)
    same(response.status, "queued", "status")
    same(response.background, True, "background")
    events = list(client.responses.retrieve(response.id, stream=True))
    same(events[-1].type, "response.completed", "last event")
    same([event.sequence_number for event in events], list(range(len(events))), "numbers")
    polled = client.responses.retrieve(response.id)
    same((polled.status, polled.output_text), ("completed", "You said: hello there"), "answer")
    rest = list(client.responses.retrieve(response.id, stream=True, starting_after=2))
    same(len(rest), len(events) - 3, "number of later events")
    streamed = list(respond("hello again", background=True, stream=True))
    same(streamed[0].response.status, "queued", "status of the first event")
    same(streamed[-1].response.output_text, "You said: hello again", "text")
    error = raises(openai.BadRequestError, lambda: respond("x", background=True, store=False))
    same(error.param, "background", "param")


@check
def a_background_response_is_cancelled():
    response = respond("MODE:stall-after", background=True)
    cancelled = client.responses.cancel(response.id)
    same((cancelled.id, cancelled.status), (response.id, "cancelled"), "response")
    same(client.responses.retrieve(response.id).status, "cancelled", "status")
    raises(openai.BadRequestError, lambda: client.responses.cancel(respond("hello").id))


@check
def stored_completions_are_listed_read_and_deleted():
    label = {"suite": "python", "run": "stored"}
    made = [chat(text, store=True, metadata=label) for text in ["one", "two", "three"]]
    for _ in chat("four", store=True, metadata=label, stream=True):
        pass
    pages = client.chat.completions.list(metadata=label, model=MODEL, limit=2)
    listed = [one.choices[0].message.content for one in pages]
    same(listed, [f"You said: {text}" for text in ["one", "two", "three", "four"]], "texts")
    one = client.chat.completions.retrieve(made[0].id)
    same(one.choices, made[0].choices, "choices")
    same(one.usage, made[0].usage, "usage")
    messages = list(client.chat.completions.messages.list(made[0].id))
    same([message.content for message in messages], ["one"], "messages")
    holds(messages[0].id, "the message has no id")
    changed = client.chat.completions.update(made[0].id, metadata={"suite": "other"})
    same(changed.metadata, {"suite": "other"}, "metadata")
    for one in {one.id for one in [*made, *client.chat.completions.list(metadata=label)]}:
        same(client.chat.completions.delete(one).deleted, True, "deleted")
        raises(openai.NotFoundError, lambda: client.chat.completions.retrieve(one))
    same(list(client.chat.completions.list(metadata=label)), [], "what is left")
