"""The legacy API of plain prompts: `POST /v1/completions`."""

import openai

from openai_sdk import MODEL, client
from runner import check, holds, raises, same

LONG = "a prompt that is a good deal longer than the few tokens which the answer may have"


def complete(prompt, **more):
    """One whole or streamed completion."""
    return client.completions.create(model=MODEL, prompt=prompt, **more)


def texts(completion):
    """The texts of the choices, whose indexes must rise from zero."""
    indexes = [choice.index for choice in completion.choices]
    same(indexes, list(range(len(indexes))), "indexes")
    return [choice.text for choice in completion.choices]


def joined(chunks):
    """The texts of a stream's choices by their indexes, each of which must end once."""
    found, ended = {}, []
    for choice in (choice for chunk in chunks for choice in chunk.choices):
        found[choice.index] = found.get(choice.index, "") + choice.text
        if choice.finish_reason:
            ended.append(choice.index)
    same(sorted(ended), sorted(found), "choices that end")
    return found


@check
def completion_whole():
    completion = complete("hello there")
    same(texts(completion), ["You said: hello there"])
    same(completion.choices[0].finish_reason, "stop")
    same(completion.object, "text_completion")
    same(completion.model, MODEL)
    holds(completion.id and completion.created > 1_700_000_000, "id or created is missing")
    usage = completion.usage
    holds(usage.prompt_tokens > 0 and usage.completion_tokens > 0, f"usage is {usage}")
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total")


@check
def completion_stream():
    chunks = list(complete("hello there", stream=True))
    same(joined(chunks), {0: "You said: hello there"})
    same(chunks[-1].choices[0].finish_reason, "stop")
    same(len({chunk.id for chunk in chunks}), 1, "number of ids")
    holds(all(chunk.object == "text_completion" for chunk in chunks), "wrong object")
    holds(not any(chunk.usage for chunk in chunks), "usage that was not asked for")
    chunks = list(complete("hello there", stream=True, stream_options={"include_usage": True}))
    same([len(chunk.choices) for chunk in chunks if chunk.usage], [0], "choices beside the usage")
    usage = chunks[-1].usage
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total")


@check
def completions_of_several_prompts():
    completion = complete(["one", "two"])
    same(texts(completion), ["You said: one", "You said: two"])
    streamed = joined(list(complete(["one", "two"], stream=True)))
    same(streamed, {0: "You said: one", 1: "You said: two"}, "streamed texts")
    wanted = ["You said: one"] * 2 + ["You said: two"] * 2
    same(texts(complete(["one", "two"], n=2)), wanted, "texts of two for each")
    same(texts(complete(["one"])), ["You said: one"], "text of a list of one")


@check
def completion_gives_several_choices():
    completion = complete("hello there", n=2)
    same(texts(completion), ["You said: hello there"] * 2)
    usage, one = completion.usage, complete("hello there").usage
    holds(usage.completion_tokens > one.completion_tokens, f"{usage} beside {one}")
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total")
    streamed = joined(list(complete("hello there", n=2, stream=True)))
    same(streamed, {0: "You said: hello there", 1: "You said: hello there"}, "streamed texts")


@check
def completion_echoes_the_prompt():
    same(texts(complete("hello there", echo=True)), ["hello thereYou said: hello there"])
    streamed = joined(list(complete("hello there", echo=True, stream=True)))
    same(streamed, {0: "hello thereYou said: hello there"}, "streamed text")


@check
def completion_ends_at_max_tokens():
    completion = complete(LONG, max_tokens=5)
    (text,) = texts(completion)
    same(completion.choices[0].finish_reason, "length")
    holds(text and len(text) < 40 and ("You said: " + LONG).startswith(text), f"it is {text!r}")
    holds(0 < completion.usage.completion_tokens <= 5, f"usage is {completion.usage}")
    chunks = list(complete(LONG, max_tokens=5, stream=True))
    same(joined(chunks), {0: text}, "streamed text")
    same(chunks[-1].choices[0].finish_reason, "length", "streamed finish reason")


@check
def completion_ends_before_a_stop():
    for stop, wanted in [("beta", "You said: alpha "), (["zeta", "a gam"], "You said: alpha bet")]:
        completion = complete("alpha beta gamma", stop=stop)
        same(texts(completion), [wanted])
        same(completion.choices[0].finish_reason, "stop")
        streamed = joined(list(complete("alpha beta gamma", stop=stop, stream=True)))
        same(streamed, {0: wanted}, "streamed text")


@check
def completion_fills_in_before_a_suffix():
    # The scripted backend repeats what it was asked: both sides of the gap must be in it.
    (text,) = texts(complete("hello there", suffix=" and good night"))
    holds("hello there" in text and " and good night" in text, f"it is {text!r}")


@check
def completion_failures_raise():
    wrong = {"model": "no-such-model", "prompt": "hello"}
    error = raises(openai.NotFoundError, lambda: client.completions.create(**wrong))
    same(error.code, "model_not_found", "code")
    raises(openai.RateLimitError, lambda: complete("MODE:429"))
    raises(openai.RateLimitError, lambda: list(complete("MODE:429", stream=True)))
    raises(openai.InternalServerError, lambda: complete("MODE:cut"))
    raises(openai.APIError, lambda: list(complete("MODE:cut", stream=True)))
    # Of two turns one fails: the call fails.
    raises(openai.RateLimitError, lambda: complete(["hello", "MODE:429"]))
