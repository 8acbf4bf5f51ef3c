"""The official libraries for Python against an example of a proxy for embedders."""

import json

import anthropic
import ollama
import openai

from runner import base_url, check, main, raises, same

MODEL = "gpt-6-sol"
HELLO = [{"role": "user", "content": "hello"}]
PARIS = [{"role": "user", "content": "Use get_weather for city=Paris"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI = openai.OpenAI(base_url=f"{base_url()}/v1", api_key="unused", max_retries=0)
ANTHROPIC = anthropic.Anthropic(base_url=base_url(), api_key="unused", max_retries=0)
OLLAMA = ollama.Client(host=base_url())


@check
def chat_whole_and_streamed():
    whole = OPENAI.chat.completions.create(model=MODEL, messages=HELLO)
    same((whole.choices[0].message.content, whole.choices[0].finish_reason), ("You said: hello", "stop"))
    chunks = list(OPENAI.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    same("".join(pieces), "You said: hello")
    same(chunks[-1].choices[0].finish_reason, "stop")


@check
def chat_choices_stay_apart():
    stream = OPENAI.chat.completions.create(model=MODEL, messages=HELLO, n=2, stream=True)
    texts = {0: "", 1: ""}
    for chunk in stream:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    same(texts, {0: "You said: hello", 1: "You said: hello"})


@check
def chat_tool_call():
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
    whole = OPENAI.chat.completions.create(model=MODEL, messages=PARIS, tools=[tool])
    call = whole.choices[0].message.tool_calls[0].function
    same((call.name, json.loads(call.arguments)), ("get_weather", {"city": "Paris"}))


@check
def messages_whole_and_streamed():
    asked = {"model": MODEL, "max_tokens": 1000, "messages": HELLO}
    whole = ANTHROPIC.messages.create(**asked)
    same(("".join(block.text for block in whole.content if block.type == "text"), whole.stop_reason),
         ("You said: hello", "end_turn"))
    with ANTHROPIC.messages.stream(**asked) as stream:
        same("".join(stream.text_stream), "You said: hello")
        same(stream.get_final_message().stop_reason, "end_turn")


@check
def messages_tool_call():
    tool = {"name": "get_weather", "description": "The weather.", "input_schema": CITY}
    whole = ANTHROPIC.messages.create(model=MODEL, max_tokens=1000, messages=PARIS, tools=[tool])
    calls = [(block.name, block.input) for block in whole.content if block.type == "tool_use"]
    same((calls, whole.stop_reason), ([("get_weather", {"city": "Paris"})], "tool_use"))


@check
def ollama_whole_and_streamed():
    whole = OLLAMA.chat(model=MODEL, messages=HELLO)
    same((whole.message.content, whole.done, whole.done_reason), ("You said: hello", True, "stop"))
    parts = list(OLLAMA.chat(model=MODEL, messages=HELLO, stream=True))
    same("".join(part.message.content or "" for part in parts), "You said: hello")
    same([part.done for part in parts[-2:]], [False, True])


@check
def errors_are_typed():
    wrong = [{"role": "wizard", "content": "hello"}]
    error = raises(openai.BadRequestError, lambda: OPENAI.chat.completions.create(model=MODEL, messages=wrong))
    same(error.param, "messages[0].role")
    raises(anthropic.BadRequestError,
           lambda: ANTHROPIC.messages.create(model=MODEL, max_tokens=9, messages=wrong))
    same(raises(ollama.ResponseError, lambda: OLLAMA.chat(model=MODEL, messages=wrong)).status_code, 400)


main()
