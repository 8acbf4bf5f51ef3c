// The official libraries for JavaScript against an example of a proxy for embedders.

import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';

import { all, baseUrl, holds, main, raises, same } from './runner.mjs';

const model = 'gpt-6-sol';
const messages = [{ role: 'user', content: 'hello' }];
const paris = [{ role: 'user', content: 'Use get_weather for city=Paris' }];
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const openai = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'unused', maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: baseUrl, apiKey: 'unused', maxRetries: 0 });
const ollama = new Ollama({ host: baseUrl });

await main({
  async chat_whole_and_streamed() {
    const whole = await openai.chat.completions.create({ model, messages });
    same([whole.choices[0].message.content, whole.choices[0].finish_reason], ['You said: hello', 'stop']);
    const chunks = await all(openai.chat.completions.create({ model, messages, stream: true }));
    const pieces = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? ''));
    same(pieces.join(''), 'You said: hello');
    same(chunks.at(-1).choices[0].finish_reason, 'stop');
  },

  async chat_choices_stay_apart() {
    const texts = ['', ''];
    for await (const chunk of await openai.chat.completions.create({ model, messages, n: 2, stream: true })) {
      for (const choice of chunk.choices) texts[choice.index] += choice.delta.content ?? '';
    }
    same(texts, ['You said: hello', 'You said: hello']);
  },

  async chat_tool_call() {
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: city } }];
    const whole = await openai.chat.completions.create({ model, messages: paris, tools });
    const call = whole.choices[0].message.tool_calls[0].function;
    same([call.name, JSON.parse(call.arguments)], ['get_weather', { city: 'Paris' }]);
  },

  async messages_whole_and_streamed() {
    const asked = { model, max_tokens: 1000, messages };
    const whole = await anthropic.messages.create(asked);
    const texts = whole.content.filter((block) => block.type === 'text').map((block) => block.text);
    same([texts.join(''), whole.stop_reason], ['You said: hello', 'end_turn']);
    const streamed = await anthropic.messages.stream(asked).finalMessage();
    same([streamed.content.at(-1).text, streamed.stop_reason], ['You said: hello', 'end_turn']);
  },

  async messages_tool_call() {
    const tools = [{ name: 'get_weather', description: 'The weather.', input_schema: city }];
    const whole = await anthropic.messages.create({ model, max_tokens: 1000, messages: paris, tools });
    const calls = whole.content.filter((block) => block.type === 'tool_use');
    same([calls.map((call) => [call.name, call.input]), whole.stop_reason],
      [[['get_weather', { city: 'Paris' }]], 'tool_use']);
  },

  async ollama_whole_and_streamed() {
    const whole = await ollama.chat({ model, messages });
    same([whole.message.content, whole.done, whole.done_reason], ['You said: hello', true, 'stop']);
    const parts = await all(ollama.chat({ model, messages, stream: true }));
    same(parts.map((part) => part.message.content ?? '').join(''), 'You said: hello');
    holds(parts.at(-1).done && !parts.at(-2).done, 'the last part alone is the end');
  },

  async errors_are_typed() {
    const wrong = [{ role: 'wizard', content: 'hello' }];
    const create = () => openai.chat.completions.create({ model, messages: wrong });
    same((await raises(OpenAI.BadRequestError, create)).param, 'messages[0].role');
    await raises(Anthropic.BadRequestError,
      () => anthropic.messages.create({ model, max_tokens: 9, messages: wrong }));
    const refused = await raises(Error, () => ollama.chat({ model, messages: wrong }));
    same(refused.status_code, 400);
  },
});
