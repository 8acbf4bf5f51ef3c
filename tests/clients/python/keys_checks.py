"""Keys as clients hand them over, against a server that demands one."""

import os

import anthropic
import httpx
import ollama
import openai

from runner import base_url, check, main, raises, same

KEY = os.environ["CHATMOCK_KEY"]
WRONG = "a-wrong-key-of-some-length"
MESSAGES = [{"role": "user", "content": "hello"}]


def with_user(name, key):
    """The server's address with a name and a key in it, as programs take it that have one field for it."""
    return base_url().replace("://", f"://{name}:{key}@")


@check
def a_key_in_the_address():
    def tags(key):
        return httpx.get(with_user("anyone", key) + "/api/tags")

    same(bool(tags(KEY).json()["models"]), True, "the list of models")
    same(tags(WRONG).status_code, 401, "status")


@check
def a_key_as_the_password_of_ollama():
    # Its library takes name and key out of the address, so that programs over it hand them over like this.
    client = ollama.Client(host=base_url(), auth=("anyone", KEY))
    same(client.chat("gpt-6-sol", MESSAGES).message.content, "You said: hello")
    refused = raises(ollama.ResponseError, ollama.Client(host=base_url(), auth=("anyone", WRONG)).list)
    same(refused.status_code, 401, "status")


@check
def a_key_of_azure():
    def azure(key):
        client = openai.AzureOpenAI(azure_endpoint=base_url(), api_key=key, api_version="2025-03-01-preview", max_retries=0)
        return client.chat.completions.create(model="gpt-6-sol", messages=MESSAGES)

    same(azure(KEY).choices[0].message.content, "You said: hello")
    raises(openai.AuthenticationError, lambda: azure(WRONG))


@check
def a_bearer_key():
    def models(key):
        return openai.OpenAI(base_url=f"{base_url()}/v1", api_key=key, max_retries=0).models.list()

    same(bool(models(KEY).data), True, "the list of models")
    raises(openai.AuthenticationError, lambda: models(WRONG))


@check
def a_key_of_anthropic():
    def models(key):
        return anthropic.Anthropic(base_url=base_url(), api_key=key, max_retries=0).models.list()

    same(bool(models(KEY).data), True, "the list of models")
    raises(anthropic.AuthenticationError, lambda: models(WRONG))


if __name__ == "__main__":
    main()
