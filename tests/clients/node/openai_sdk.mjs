// The client of OpenAI's library for JavaScript, and what its checks share.
//
// The scripted backend answers "You said: TEXT", calls a function whose name the text contains (`name=value` in
// the text fills its arguments), answers a tool's output with "The tool said: OUTPUT", and `MODE:NAME` in the text
// chooses an unhappy case.

import OpenAI from 'openai';

import { baseUrl, same } from './runner.mjs';

export const model = 'gpt-6-sol';
export const client = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'unused', maxRetries: 0, timeout: 20_000 });

export function flatTool(name, ...properties) {
  const parameters = {
    type: 'object',
    properties: Object.fromEntries(properties.map((property) => [property, { type: 'string' }])),
    required: properties,
    additionalProperties: false,
  };
  return { type: 'function', name, description: 'A tool.', parameters, strict: true };
}

export function functionTool(...shape) {
  const { type, ...tool } = flatTool(...shape);
  return { type, function: tool };
}

export const weather = functionTool('get_weather', 'city');
export const time = functionTool('get_time', 'city');

export function asking(content, more = {}) {
  return { model, messages: [{ role: 'user', content }], ...more };
}

export function chat(content, more) {
  return client.chat.completions.create(asking(content, more));
}

export function respond(input, more = {}) {
  return client.responses.create({ model, input, ...more });
}

export function onlyChoice(completion) {
  same(completion.choices.length, 1, 'number of choices');
  same(completion.choices[0].index, 0, 'choice index');
  return completion.choices[0];
}

export function deltas(chunks) {
  return chunks.filter((chunk) => chunk.choices.length).map((chunk) => onlyChoice(chunk).delta);
}

export function joined(chunks, field = 'content') {
  return deltas(chunks).map((delta) => delta[field] ?? '').join('');
}

export function finishes(chunks) {
  return chunks.flatMap((chunk) => chunk.choices).map((choice) => choice.finish_reason).filter(Boolean);
}

export function pieces(chunks) {
  return deltas(chunks).flatMap((delta) => delta.tool_calls ?? []);
}
