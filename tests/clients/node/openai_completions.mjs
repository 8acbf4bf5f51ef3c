// The legacy API of plain prompts: `POST /v1/completions`.

import OpenAI from 'openai';

import { client, model } from './openai_sdk.mjs';
import { all, holds, raises, same } from './runner.mjs';

const long = 'a prompt that is a good deal longer than the few tokens which the answer may have';

function complete(prompt, more = {}) {
  return client.completions.create({ model, prompt, ...more });
}

/** The texts of the choices, whose indexes must rise from zero. */
function texts({ choices }) {
  choices.forEach((choice, at) => same(choice.index, at, 'index'));
  return choices.map((choice) => choice.text);
}

/** The texts of a stream's choices by their indexes, each of which must end once. */
function joined(chunks) {
  const found = [];
  const ended = [];
  for (const { index, text, finish_reason } of chunks.flatMap((chunk) => chunk.choices)) {
    found[index] = (found[index] ?? '') + text;
    if (finish_reason) ended.push(index);
  }
  same(ended.sort(), found.map((_, index) => index), 'choices that end');
  return found;
}

export const completions = {
  async completion_whole() {
    const completion = await complete('hello there');
    same(texts(completion), ['You said: hello there']);
    same(completion.choices[0].finish_reason, 'stop');
    same(completion.object, 'text_completion');
    same(completion.model, model);
    holds(completion.id && completion.created > 1_700_000_000, 'id or created is missing');
    const { usage } = completion;
    holds(usage.prompt_tokens > 0 && usage.completion_tokens > 0, `usage is ${JSON.stringify(usage)}`);
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, 'total');
  },

  async completion_stream() {
    let chunks = await all(complete('hello there', { stream: true }));
    same(joined(chunks), ['You said: hello there']);
    same(chunks.at(-1).choices[0].finish_reason, 'stop');
    same(new Set(chunks.map((chunk) => chunk.id)).size, 1, 'number of ids');
    holds(chunks.every((chunk) => chunk.object === 'text_completion'), 'wrong object');
    holds(chunks.every((chunk) => !chunk.usage), 'usage that was not asked for');
    chunks = await all(complete('hello there', { stream: true, stream_options: { include_usage: true } }));
    const counted = chunks.filter((chunk) => chunk.usage);
    same(counted.map((chunk) => chunk.choices.length), [0], 'choices beside the usage');
    const { usage } = chunks.at(-1);
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, 'total');
  },

  async completions_of_several_prompts() {
    const wanted = ['You said: one', 'You said: two'];
    same(texts(await complete(['one', 'two'])), wanted);
    same(joined(await all(complete(['one', 'two'], { stream: true }))), wanted, 'streamed texts');
    const twice = await complete(['one', 'two'], { n: 2 });
    same(texts(twice), [wanted[0], wanted[0], wanted[1], wanted[1]], 'texts of two for each');
    same(texts(await complete(['one'])), ['You said: one'], 'text of a list of one');
  },

  async completion_gives_several_choices() {
    const completion = await complete('hello there', { n: 2 });
    same(texts(completion), ['You said: hello there', 'You said: hello there']);
    const { usage } = completion;
    const one = (await complete('hello there')).usage;
    holds(usage.completion_tokens > one.completion_tokens, `${JSON.stringify(usage)} beside one`);
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, 'total');
    const streamed = joined(await all(complete('hello there', { n: 2, stream: true })));
    same(streamed, ['You said: hello there', 'You said: hello there'], 'streamed texts');
  },

  async completion_echoes_the_prompt() {
    same(texts(await complete('hello there', { echo: true })), ['hello thereYou said: hello there']);
    const streamed = joined(await all(complete('hello there', { echo: true, stream: true })));
    same(streamed, ['hello thereYou said: hello there'], 'streamed text');
  },

  async completion_ends_at_max_tokens() {
    const completion = await complete(long, { max_tokens: 5 });
    const [text] = texts(completion);
    same(completion.choices[0].finish_reason, 'length');
    holds(text && text.length < 40 && `You said: ${long}`.startsWith(text), `it is ${text}`);
    const { completion_tokens } = completion.usage;
    holds(completion_tokens > 0 && completion_tokens <= 5, `${completion_tokens} tokens`);
    const chunks = await all(complete(long, { max_tokens: 5, stream: true }));
    same(joined(chunks), [text], 'streamed text');
    same(chunks.at(-1).choices[0].finish_reason, 'length', 'streamed finish reason');
  },

  async completion_ends_before_a_stop() {
    for (const [stop, wanted] of [
      ['beta', 'You said: alpha '],
      [['zeta', 'a gam'], 'You said: alpha bet'],
    ]) {
      const completion = await complete('alpha beta gamma', { stop });
      same(texts(completion), [wanted]);
      same(completion.choices[0].finish_reason, 'stop');
      const streamed = joined(await all(complete('alpha beta gamma', { stop, stream: true })));
      same(streamed, [wanted], 'streamed text');
    }
  },

  async completion_fills_in_before_a_suffix() {
    // The scripted backend repeats what it was asked: both sides of the gap must be in it.
    const [text] = texts(await complete('hello there', { suffix: ' and good night' }));
    holds(text.includes('hello there') && text.includes(' and good night'), `it is ${text}`);
  },

  async completion_failures_raise() {
    const unknown = () => client.completions.create({ model: 'no-such-model', prompt: 'hello' });
    const error = await raises(OpenAI.NotFoundError, unknown);
    same(error.code, 'model_not_found', 'code');
    await raises(OpenAI.RateLimitError, () => complete('MODE:429'));
    await raises(OpenAI.RateLimitError, () => all(complete('MODE:429', { stream: true })));
    await raises(OpenAI.InternalServerError, () => complete('MODE:cut'));
    await raises(OpenAI.APIError, () => all(complete('MODE:cut', { stream: true })));
    // Of two turns one fails: the call fails.
    await raises(OpenAI.RateLimitError, () => complete(['hello', 'MODE:429']));
  },
};
