// What the backend does not take and the server does itself: `stop`, token caps and `n` of chat completions.

import OpenAI from 'openai';

import { asking, chat, client, finishes, joined, onlyChoice } from './openai_sdk.mjs';
import { all, holds, raises, same } from './runner.mjs';

const long = 'a question that is a good deal longer than the few tokens which the answer may have';

export const bounds = {
  async chat_ends_before_a_stop() {
    // The second begins in one piece of the stream and ends in the next.
    for (const [stop, wanted] of [
      ['beta', 'You said: alpha '],
      [['no such text', 'a gam'], 'You said: alpha bet'],
      [['gamma', 'beta'], 'You said: alpha '],
    ]) {
      const choice = onlyChoice(await chat('alpha beta gamma', { stop }));
      same(choice.message.content, wanted, `text before ${stop}`);
      same(choice.finish_reason, 'stop');
      const chunks = await all(chat('alpha beta gamma', { stop, stream: true }));
      same(joined(chunks), wanted, `streamed text before ${stop}`);
      same(finishes(chunks), ['stop'], 'finish reasons');
    }
    same(onlyChoice(await chat('alpha', { stop: ['beta'] })).message.content, 'You said: alpha');
  },

  async chat_ends_at_max_tokens() {
    for (const cap of [{ max_tokens: 5 }, { max_completion_tokens: 5 }]) {
      const completion = await chat(long, cap);
      const choice = onlyChoice(completion);
      same(choice.finish_reason, 'length');
      const text = choice.message.content;
      holds(text && text.length < 40 && `You said: ${long}`.startsWith(text), `the text is ${text}`);
      const { completion_tokens } = completion.usage;
      holds(completion_tokens > 0 && completion_tokens <= 5, `${completion_tokens} tokens`);
      const chunks = await all(chat(long, { ...cap, stream: true }));
      same(joined(chunks), text, 'streamed text');
      same(finishes(chunks), ['length'], 'finish reasons');
    }
  },

  async chat_gives_several_choices() {
    const { choices, usage } = await chat('hello there', { n: 2 });
    same(choices.map((choice) => choice.index), [0, 1], 'indexes');
    for (const choice of choices) {
      same(choice.message.content, 'You said: hello there');
      same(choice.finish_reason, 'stop');
    }
    const one = (await chat('hello there')).usage;
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, 'total');
    holds(usage.completion_tokens > one.completion_tokens, `${JSON.stringify(usage)} beside one`);
    const error = await raises(OpenAI.BadRequestError, () => chat('hello', { n: 129 }));
    same(error.param, 'n', 'param');
  },

  async chat_streams_several_choices() {
    const chunks = await all(
      chat('hello there', { n: 2, stream: true, stream_options: { include_usage: true } }),
    );
    same(chunks.at(-1).choices, [], 'choices of the last chunk');
    same(chunks.filter((chunk) => chunk.usage).length, 1, 'chunks with usage');
    for (const index of [0, 1]) {
      const own = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index);
      same(own[0].delta.role, 'assistant', 'first role');
      same(own.map((choice) => choice.delta.content ?? '').join(''), 'You said: hello there', 'text');
      same(own.map((choice) => choice.finish_reason).filter(Boolean), ['stop'], 'finish reasons');
    }
    const final = await client.chat.completions.stream(asking('hello there', { n: 2 })).finalChatCompletion();
    const texts = final.choices.map((choice) => choice.message.content);
    same(texts, ['You said: hello there', 'You said: hello there'], 'texts of the helper');
  },
};
