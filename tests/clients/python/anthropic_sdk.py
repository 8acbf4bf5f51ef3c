"""The client of Anthropic's library for Python, and what its checks share.

The scripted backend answers "You said: TEXT", calls a function whose name the text contains (`name=value` in
the text fills its arguments), answers a tool's output with "The tool said: OUTPUT", and `MODE:NAME` in the text
chooses an unhappy case.
"""

from anthropic import Anthropic

from runner import base_url, same

MODEL = "gpt-6-sol"
OPTIONS = {"base_url": base_url(), "api_key": "unused", "max_retries": 0, "timeout": 20}
client = Anthropic(**OPTIONS)

THINKING = {"type": "adaptive", "display": "summarized"}


def tool(name, *properties):
    """A tool whose arguments are all strings."""
    schema = {
        "type": "object",
        "properties": {property: {"type": "string"} for property in properties},
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"name": name, "description": "A tool.", "input_schema": schema}


WEATHER = tool("get_weather", "city")
TIME = tool("get_time", "city")


def asking(text, **more):
    """The arguments of a message for one user text."""
    return {
        "model": MODEL,
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": text}],
        **more,
    }


def ask(text, **more):
    """One whole message, which no notice may come with."""
    raw = client.messages.with_raw_response.create(**asking(text, **more))
    same(raw.headers.get("x-chatmock-notices"), None, "notices")
    return raw.parse()


def notices(text, **more):
    """The notices of an answer."""
    raw = client.messages.with_raw_response.create(**asking(text, **more))
    return raw.headers.get("x-chatmock-notices") or ""


def text_of(message):
    """The text of a message."""
    return "".join(block.text for block in message.content if block.type == "text")


def calls(message):
    """The calls of a message: name and arguments."""
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]
