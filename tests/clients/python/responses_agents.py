"""Multi-turn tool loops of OpenAI's library of agents, with its defaults."""

import asyncio

from agents import Agent, Runner, function_tool, set_default_openai_client, set_tracing_disabled
from openai import AsyncOpenAI

from runner import base_url, check, holds, main, same

set_tracing_disabled(True)


@function_tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"12 C in {city}"


def agent():
    """An agent over the default client, whose model is named as it names models."""
    client = AsyncOpenAI(base_url=f"{base_url()}/v1", api_key="unused", max_retries=0)
    set_default_openai_client(client, use_for_tracing=False)
    return Agent(name="Weather", instructions="Be brief.", tools=[get_weather], model="gpt-6-sol")


@check
def a_tool_loop_goes_through():
    result = asyncio.run(Runner.run(agent(), "get_weather city=Oslo"))
    same(result.final_output, "The tool said: 12 C in Oslo")


@check
def a_streamed_tool_loop_goes_through():
    async def read():
        result = Runner.run_streamed(agent(), "get_weather city=Oslo")
        async for _ in result.stream_events():
            pass
        return result.final_output

    same(asyncio.run(read()), "The tool said: 12 C in Oslo")


@check
def a_conversation_goes_on_after_a_tool_loop():
    async def talk():
        said = [{"role": "user", "content": "get_weather city=Oslo"}]
        for following in ("thanks", "get_weather city=Bergen", "bye"):
            result = await Runner.run(agent(), said)
            said = [*result.to_input_list(), {"role": "user", "content": following}]
        return (await Runner.run(agent(), said)).final_output

    text = asyncio.run(talk())
    holds(text.endswith("bye"), f"the text is {text!r}")


if __name__ == "__main__":
    main()
