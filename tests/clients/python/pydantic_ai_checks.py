"""pydantic-ai's model for Anthropic's API against a server that runs with `--demo`."""

import asyncio

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from pydantic_ai.providers.anthropic import AnthropicProvider

from runner import base_url, check, holds, main, same


class City(BaseModel):
    """A city."""

    city: str
    population: int


def agent(**more):
    """An agent with a model of the server."""
    provider = AnthropicProvider(base_url=base_url(), api_key="unused")
    return Agent(AnthropicModel("gpt-6-sol", provider=provider), **more)


@check
def chat_whole():
    result = agent().run_sync("hello")
    same(result.output, "You said: hello")


@check
def chat_stream():
    async def read():
        async with agent().run_stream("hello") as stream:
            return [piece async for piece in stream.stream_text(delta=True)]

    same("".join(asyncio.run(read())), "You said: hello")


@check
def tool_loop():
    settings = AnthropicModelSettings(anthropic_thinking={"type": "adaptive", "display": "summarized"})
    for more in ({}, {"model_settings": settings}):
        loop = agent(**more)

        @loop.tool_plain
        def get_weather(city: str) -> str:
            """Weather of a city."""
            return f"21 in {city}"

        result = loop.run_sync("Use get_weather for city=Paris")
        same(result.output, "The tool said: 21 in Paris")


@check
def structured_output_is_parsed():
    result = agent(output_type=City).run_sync("Describe city=Paris")
    holds(isinstance(result.output, City), f"{result.output!r} is no City")


if __name__ == "__main__":
    main()
