"""What the backend does not take and the server does itself: `stop`, token caps and `n` of chat completions."""

import openai

from openai_sdk import MODEL, chat, client, finishes, joined, only_choice
from runner import check, holds, raises, same

LONG = "a question that is a good deal longer than the few tokens which the answer may have"
NOT_DONE = "You said: " + LONG


@check
def chat_ends_before_a_stop():
    # The second begins in one piece of the stream and ends in the next.
    for stop in ["beta", ["no such text", "a gam"], ["gamma", "beta"]]:
        wanted = "You said: alpha bet" if "a gam" in stop else "You said: alpha "
        choice = only_choice(chat("alpha beta gamma", stop=stop))
        same(choice.message.content, wanted, f"text before {stop}")
        same(choice.finish_reason, "stop")
        chunks = list(chat("alpha beta gamma", stop=stop, stream=True))
        same(joined(chunks), wanted, f"streamed text before {stop}")
        same(finishes(chunks), ["stop"], "finish reasons")
    same(only_choice(chat("alpha", stop=["beta"])).message.content, "You said: alpha")


@check
def chat_ends_at_max_tokens():
    for cap in [{"max_tokens": 5}, {"max_completion_tokens": 5}]:
        completion = chat(LONG, **cap)
        choice = only_choice(completion)
        same(choice.finish_reason, "length")
        text = choice.message.content
        holds(text and len(text) < 40 and NOT_DONE.startswith(text), f"the text is {text!r}")
        holds(0 < completion.usage.completion_tokens <= 5, f"usage is {completion.usage}")
        chunks = list(chat(LONG, **cap, stream=True))
        same(joined(chunks), text, "streamed text")
        same(finishes(chunks), ["length"], "finish reasons")


@check
def chat_gives_several_choices():
    completion = chat("hello there", n=2)
    same([choice.index for choice in completion.choices], [0, 1], "indexes")
    for choice in completion.choices:
        same(choice.message.content, "You said: hello there")
        same(choice.finish_reason, "stop")
    usage, one = completion.usage, chat("hello there").usage
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total")
    holds(usage.completion_tokens > one.completion_tokens, f"{usage} beside {one}")
    error = raises(openai.BadRequestError, lambda: chat("hello", n=129))
    same(error.param, "n", "param")


@check
def chat_streams_several_choices():
    chunks = list(chat("hello there", n=2, stream=True, stream_options={"include_usage": True}))
    same(chunks[-1].choices, [], "choices of the last chunk")
    same(len([chunk for chunk in chunks if chunk.usage]), 1, "chunks with usage")
    choices = [choice for chunk in chunks for choice in chunk.choices]
    for index in [0, 1]:
        own = [choice for choice in choices if choice.index == index]
        same(own[0].delta.role, "assistant", "first role")
        text = "".join(choice.delta.content or "" for choice in own)
        same(text, "You said: hello there", f"text {index}")
        same([c.finish_reason for c in own if c.finish_reason], ["stop"], "finish reasons")
    messages = [{"role": "user", "content": "hello there"}]
    with client.chat.completions.stream(model=MODEL, messages=messages, n=2) as stream:
        final = stream.get_final_completion()
    texts = [choice.message.content for choice in final.choices]
    same(texts, ["You said: hello there"] * 2, "texts of the helper")
