// Pictures of the backend, and vectors and speech of the servers beside it.

import OpenAI, { toFile } from 'openai';

import { client } from './openai_sdk.mjs';
import { all, holds, raises, route, same } from './runner.mjs';

const png = Buffer.from('89504e470d0a1a0a', 'hex');

/** The outcome of a call for pictures, which the plan's backend refuses; nothing there. */
async function pictured(call) {
  if (route !== 'plan') return call();
  const error = await raises(OpenAI.BadRequestError, call);
  same(error.code, 'images_not_supported', 'code');
  return undefined;
}

function isPng(base64) {
  return Buffer.from(base64, 'base64').subarray(0, png.length).equals(png);
}

export const media = {
  async images_are_generated() {
    const options = { model: 'gpt-image-2', prompt: 'a cat', n: 2, size: '1536x1024' };
    const images = await pictured(() => client.images.generate(options));
    if (!images) return;
    same(images.data.length, 2, 'number of pictures');
    holds(isPng(images.data[0].b64_json), 'no PNG');
    same([images.size, images.output_format], ['1536x1024', 'png'], 'look');
    holds(images.usage.total_tokens > 0, 'no token counts');
  },

  async images_are_streamed_with_partial_ones() {
    const options = { model: 'gpt-image-2', prompt: 'a cat', stream: true, partial_images: 2 };
    const events = await pictured(() => all(client.images.generate(options)));
    if (!events) return;
    const partial = 'image_generation.partial_image';
    same(events.map((event) => event.type), [partial, partial, 'image_generation.completed'], 'events');
    same(events.slice(0, 2).map((event) => event.partial_image_index), [0, 1], 'numbers of partial pictures');
    holds(isPng(events.at(-1).b64_json), 'no PNG');
    holds(events.at(-1).usage.total_tokens > 0, 'no token counts');
  },

  async images_are_edited() {
    const file = (name) => toFile(png, name, { type: 'image/png' });
    const image = [await file('a.png'), await file('b.png')];
    const options = { model: 'gpt-image-2', image, mask: await file('m.png'), prompt: 'a hat' };
    const images = await pictured(() => client.images.edit(options));
    if (!images) return;
    holds(isPng(images.data[0].b64_json), 'no PNG');
    const events = await all(client.images.edit({ ...options, stream: true, partial_images: 1 }));
    same(events.map((event) => event.type), ['image_edit.partial_image', 'image_edit.completed'], 'events');
  },

  async embeddings_are_made() {
    // The library asks for base64 by itself, and for numbers when told to.
    for (const more of [{}, { encoding_format: 'float' }]) {
      const made = await client.embeddings.create({ model: 'embed', input: ['hello', 'hi'], dimensions: 2, ...more });
      same(made.data.map((vector) => [...vector.embedding]), [[5, 0.5], [2, 0.5]], 'vectors');
      same(made.usage.prompt_tokens, 6, 'tokens');
    }
    const missing = () => client.embeddings.create({ model: 'nope', input: 'hello' });
    const error = await raises(OpenAI.NotFoundError, missing);
    holds(error.message.includes('the embeddings server'), `it is ${error.message}`);
  },

  async speech_is_transcribed() {
    const options = { model: 'whisper-1', file: await toFile(Buffer.from('RIFF'), 'a.wav', { type: 'audio/wav' }) };
    same((await client.audio.transcriptions.create(options)).text, 'a cat', 'text');
    same((await client.audio.translations.create(options)).text, 'a cat', 'text');
    const events = await all(client.audio.transcriptions.create({ ...options, stream: true }));
    same(events.map((event) => event.type), ['transcript.text.delta', 'transcript.text.done'], 'events');
  },

  async speech_is_made() {
    const answer = await client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'a cat' });
    same(answer.headers.get('content-type'), 'audio/mpeg', 'content type');
    same((await answer.arrayBuffer()).byteLength, 3000, 'number of bytes');
    await raises(OpenAI.NotFoundError, () => client.moderations.create({ input: 'a cat' }));
  },
};
