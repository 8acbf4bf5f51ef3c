"""Pictures of the backend, and vectors and speech of the servers beside it."""

import base64

import openai

from openai_sdk import client
from runner import check, holds, raises, route, same

PNG = b"\x89PNG\r\n\x1a\n"


def pictured(call):
    """The outcome of a call for pictures, which the plan's backend refuses; nothing there."""
    if route() != "plan":
        return call()
    error = raises(openai.BadRequestError, call)
    same(error.code, "images_not_supported", "code")
    return None


@check
def images_are_generated():
    images = pictured(lambda: client.images.generate(model="gpt-image-2", prompt="a cat", n=2, size="1536x1024"))
    if images is None:
        return
    same(len(images.data), 2, "number of pictures")
    holds(base64.b64decode(images.data[0].b64_json).startswith(PNG), "no PNG")
    same((images.size, images.output_format), ("1536x1024", "png"), "look")
    holds(images.usage.total_tokens > 0, "no token counts")


@check
def images_are_streamed_with_partial_ones():
    def stream():
        return list(client.images.generate(model="gpt-image-2", prompt="a cat", stream=True, partial_images=2))

    events = pictured(stream)
    if events is None:
        return
    partial = "image_generation.partial_image"
    same([event.type for event in events], [partial, partial, "image_generation.completed"], "events")
    same([event.partial_image_index for event in events[:2]], [0, 1], "numbers of partial pictures")
    holds(base64.b64decode(events[-1].b64_json).startswith(PNG), "no PNG")
    holds(events[-1].usage.total_tokens > 0, "no token counts")


@check
def images_are_edited():
    image, mask = ("a.png", PNG, "image/png"), ("m.png", PNG, "image/png")
    more = {"model": "gpt-image-2", "image": [image, image], "mask": mask, "prompt": "a hat"}
    images = pictured(lambda: client.images.edit(**more))
    if images is None:
        return
    holds(base64.b64decode(images.data[0].b64_json).startswith(PNG), "no PNG")
    events = list(client.images.edit(**more, stream=True, partial_images=1))
    same([event.type for event in events], ["image_edit.partial_image", "image_edit.completed"], "events")


@check
def embeddings_are_made():
    # The library asks for base64 by itself, and for numbers when told to.
    for more in [{}, {"encoding_format": "float"}]:
        made = client.embeddings.create(model="embed", input=["hello", "hi"], dimensions=2, **more)
        same([vector.embedding for vector in made.data], [[5.0, 0.5], [2.0, 0.5]], "vectors")
        same(made.usage.prompt_tokens, 6, "tokens")
    error = raises(openai.NotFoundError, lambda: client.embeddings.create(model="nope", input="hello"))
    holds("the embeddings server" in error.message, f"it is {error.message}")


@check
def speech_is_transcribed():
    sound = ("a.wav", b"RIFF", "audio/wav")
    same(client.audio.transcriptions.create(model="whisper-1", file=sound).text, "a cat", "text")
    same(client.audio.translations.create(model="whisper-1", file=sound).text, "a cat", "text")
    events = list(client.audio.transcriptions.create(model="whisper-1", file=sound, stream=True))
    same([event.type for event in events], ["transcript.text.delta", "transcript.text.done"], "events")


@check
def speech_is_made():
    with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="a cat") as answer:
        same(answer.headers["content-type"], "audio/mpeg", "content type")
        same(sum(len(piece) for piece in answer.iter_bytes()), 3000, "number of bytes")
    raises(openai.NotFoundError, lambda: client.moderations.create(input="a cat"))
