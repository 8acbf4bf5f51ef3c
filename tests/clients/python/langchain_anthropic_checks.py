"""LangChain's model for Anthropic's API against a server that runs with `--demo`."""

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from runner import base_url, check, holds, main, same


class City(BaseModel):
    """A city."""

    city: str
    population: int


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"21 in {city}"


def model(**more):
    """A model of the server."""
    return ChatAnthropic(
        model="gpt-6-sol", base_url=base_url(), api_key="unused", max_tokens=1000, max_retries=0, **more
    )


@check
def chat_whole():
    reply = model().invoke("hello")
    same(reply.text, "You said: hello")
    usage = reply.usage_metadata
    same(usage["input_tokens"] + usage["output_tokens"], usage["total_tokens"], "total")


@check
def chat_stream():
    pieces = list(model().stream("hello"))
    same("".join(piece.text for piece in pieces), "You said: hello")


@check
def tool_loop():
    for thinking in (None, {"type": "enabled", "budget_tokens": 1024}):
        bound = model(thinking=thinking).bind_tools([get_weather])
        messages = [HumanMessage("Use get_weather for city=Paris")]
        reply = bound.invoke(messages)
        same([(call["name"], call["args"]) for call in reply.tool_calls], [("get_weather", {"city": "Paris"})])
        result = get_weather.invoke(reply.tool_calls[0])
        holds(isinstance(result, ToolMessage), "no result")
        same(bound.invoke([*messages, reply, result]).text, "The tool said: 21 in Paris")


@check
def structured_output_is_parsed():
    for method in ("function_calling", "json_schema"):
        parsed = model().with_structured_output(City, method=method).invoke("Describe city=Paris")
        holds(isinstance(parsed, City), f"{method}: {parsed!r} is no City")


@check
def tokens_are_counted():
    holds(model().get_num_tokens_from_messages([HumanMessage("hello")]) > 0, "no tokens")


if __name__ == "__main__":
    main()
