"""The client of OpenAI's library for Python, and what its checks share.

The scripted backend answers "You said: TEXT", calls a function whose name the text contains (`name=value` in
the text fills its arguments), answers a tool's output with "The tool said: OUTPUT", and `MODE:NAME` in the text
chooses an unhappy case.
"""

from openai import OpenAI

from runner import base_url, same

MODEL = "gpt-6-sol"
OPTIONS = {"base_url": base_url() + "/v1", "api_key": "unused", "max_retries": 0, "timeout": 20}
client = OpenAI(**OPTIONS)


def function_tool(name, *properties):
    """A strict function tool of the Chat Completions API whose arguments are all strings."""
    return {"type": "function", "function": flat_tool(name, *properties, bare=True)}


def flat_tool(name, *properties, bare=False):
    """The same for the Responses API, or without its `type` when bare."""
    schema = {
        "type": "object",
        "properties": {property: {"type": "string"} for property in properties},
        "required": list(properties),
        "additionalProperties": False,
    }
    tool = {"name": name, "description": "A tool.", "parameters": schema, "strict": True}
    return tool if bare else {"type": "function", **tool}


WEATHER = function_tool("get_weather", "city")
TIME = function_tool("get_time", "city")


def chat(text, **more):
    """One whole or streamed chat completion for one user message."""
    return client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": text}], **more
    )


def respond(text, **more):
    """The same for the Responses API."""
    return client.responses.create(model=MODEL, input=text, **more)


def only_choice(completion):
    """The one choice of a completion or of a chunk."""
    same(len(completion.choices), 1, "number of choices")
    same(completion.choices[0].index, 0, "choice index")
    return completion.choices[0]


def deltas(chunks):
    """The deltas of the chunks that have a choice."""
    return [only_choice(chunk).delta for chunk in chunks if chunk.choices]


def joined(chunks):
    """The text of a stream."""
    return "".join(delta.content or "" for delta in deltas(chunks))


def finishes(chunks):
    """Every finish reason of a stream."""
    found = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    return [reason for reason in found if reason]
