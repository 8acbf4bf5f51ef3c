"""OpenAI's client for Azure against a server that runs with `--demo`."""

import openai

from runner import base_url, check, main, raises, same

MESSAGES = [{"role": "user", "content": "hello"}]


def azure(**more):
    """A client of the server, which it takes for Azure."""
    return openai.AzureOpenAI(
        azure_endpoint=base_url(), api_key="unused", api_version="2025-03-01-preview", max_retries=0, **more
    )


@check
def chat_whole():
    answer = azure().chat.completions.create(model="gpt-6-sol", messages=MESSAGES)
    same(answer.choices[0].message.content, "You said: hello")


@check
def chat_stream():
    stream = azure().chat.completions.create(model="gpt-6-sol", messages=MESSAGES, stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    same("".join(pieces), "You said: hello")


@check
def a_deployment_names_the_model():
    answer = azure(azure_deployment="gpt-6-sol").chat.completions.create(model="another", messages=MESSAGES)
    same((answer.model, answer.choices[0].message.content), ("gpt-6-sol", "You said: hello"))


@check
def responses_whole():
    answer = azure().responses.create(model="gpt-6-sol", input="hello")
    same(answer.output_text, "You said: hello")


@check
def an_unknown_model_is_not_found():
    raises(openai.NotFoundError, lambda: azure().chat.completions.create(model="nope", messages=MESSAGES))


if __name__ == "__main__":
    main()
