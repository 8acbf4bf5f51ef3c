// Responses that are kept by the server: read again, continued, deleted; and their token cap.

import OpenAI from 'openai';

import { chat, client, flatTool, model, respond } from './openai_sdk.mjs';
import { all, holds, raises, same } from './runner.mjs';

const long = 'a question that is a good deal longer than the tokens which the answer may have '.repeat(3);
const tools = [flatTool('get_weather', 'city')];

function textOf({ output }) {
  const parts = output.flatMap((item) => item.content ?? []);
  return parts.filter((part) => part.type === 'output_text').map((part) => part.text).join('');
}

function deltasOf(events) {
  const deltas = events.filter((event) => event.type === 'response.output_text.delta');
  return deltas.map((event) => event.delta).join('');
}

export const kept = {
  async responses_end_at_max_output_tokens() {
    const whole = await respond(long, { max_output_tokens: 16 });
    const events = await all(respond(long, { max_output_tokens: 16, stream: true }));
    same(events.at(-1).type, 'response.incomplete', 'last event');
    for (const response of [whole, events.at(-1).response]) {
      same(response.status, 'incomplete', 'status');
      same(response.incomplete_details.reason, 'max_output_tokens', 'reason');
      const text = textOf(response);
      holds(text && text.length < 150 && `You said: ${long}`.startsWith(text), `it is ${text}`);
    }
    same(deltasOf(events), textOf(whole), 'streamed text');
  },

  async a_response_is_retrieved() {
    const response = await respond('hello there');
    const read = await client.responses.retrieve(response.id);
    same(read.id, response.id, 'id');
    same(read.status, 'completed', 'status');
    same(read.output_text, 'You said: hello there', 'text');
    same(read.usage, response.usage, 'usage');
    same(read.output, response.output, 'output');
    const events = await all(respond('hello again', { stream: true }));
    const again = await client.responses.retrieve(events.at(-1).response.id);
    same(again.output_text, 'You said: hello again', 'text of a streamed one');
    await raises(OpenAI.NotFoundError, () => client.responses.retrieve('resp_none'));
  },

  async a_response_that_is_not_stored_is_not_found() {
    const response = await respond('hello there', { store: false });
    same(response.output_text, 'You said: hello there', 'text');
    await raises(OpenAI.NotFoundError, () => client.responses.retrieve(response.id));
  },

  async a_response_is_deleted() {
    const { id } = await respond('hello there');
    await client.responses.delete(id);
    await raises(OpenAI.NotFoundError, () => client.responses.retrieve(id));
    await raises(OpenAI.NotFoundError, () => client.responses.delete(id));
  },

  async input_items_are_listed() {
    const list = async (id, query) => all(client.responses.inputItems.list(id, query));
    const items = await list((await respond('hello there')).id);
    same(items.length, 1, 'number of items');
    same(items[0].role, 'user', 'role');
    same(items[0].content[0].text, 'hello there', 'text');
    holds(items[0].id, 'the item has no id');
    const asked = ['one', 'two', 'three'];
    const { id } = await respond(asked.map((content) => ({ role: 'user', content })));
    for (const [order, wanted] of [
      ['asc', asked],
      ['desc', asked.toReversed()],
    ]) {
      // Pages of two: the SDK asks for the next by the last id.
      const pages = await list(id, { order, limit: 2 });
      same(pages.map((item) => item.content[0].text), wanted, `texts in order ${order}`);
    }
  },

  async a_response_continues_another() {
    for (const stream of [false, true]) {
      const first = await respond('please use get_weather city=Oslo', { tools });
      const calls = first.output.filter((item) => item.type === 'function_call');
      same(calls.length, 1, 'number of calls');
      const output = { type: 'function_call_output', call_id: calls[0].call_id, output: 'rain' };
      const more = { tools, previous_response_id: first.id };
      const second = stream
        ? (await all(respond([output], { ...more, stream }))).at(-1).response
        : await respond([output], more);
      same(textOf(second), 'The tool said: rain', 'text');
      same(second.previous_response_id, first.id, 'previous response');
      const third = await respond('and then', { previous_response_id: second.id });
      same(third.output_text, 'You said: and then', 'third text');
    }
  },

  async an_unknown_previous_response_is_refused() {
    for (const stream of [false, true]) {
      const call = () => respond('hello', { previous_response_id: 'resp_none', stream });
      const error = await raises(OpenAI.APIError, call);
      holds([400, 404].includes(error.status), `the status is ${error.status}`);
      holds(error.message.includes('resp_none'), `it does not name the response: ${error.message}`);
      same(error.param, 'previous_response_id', 'param');
    }
  },

  async a_background_response_is_polled_and_streamed_again() {
    const response = await respond('hello there', { background: true });
    same(response.status, 'queued', 'status');
    same(response.background, true, 'background');
    const events = await all(client.responses.retrieve(response.id, { stream: true }));
    same(events.at(-1).type, 'response.completed', 'last event');
    same(events.map((event) => event.sequence_number), [...events.keys()], 'numbers');
    const polled = await client.responses.retrieve(response.id);
    same([polled.status, polled.output_text], ['completed', 'You said: hello there'], 'answer');
    const later = { stream: true, starting_after: 2 };
    const rest = await all(client.responses.retrieve(response.id, later));
    same(rest.length, events.length - 3, 'number of later events');
    const streamed = await all(respond('hello again', { background: true, stream: true }));
    same(streamed[0].response.status, 'queued', 'status of the first event');
    same(textOf(streamed.at(-1).response), 'You said: hello again', 'text');
    const unkept = () => respond('x', { background: true, store: false });
    same((await raises(OpenAI.BadRequestError, unkept)).param, 'background', 'param');
  },

  async a_background_response_is_cancelled() {
    const { id } = await respond('MODE:stall-after', { background: true });
    const cancelled = await client.responses.cancel(id);
    same([cancelled.id, cancelled.status], [id, 'cancelled'], 'response');
    same((await client.responses.retrieve(id)).status, 'cancelled', 'status');
    const whole = await respond('hello');
    await raises(OpenAI.BadRequestError, () => client.responses.cancel(whole.id));
  },

  async stored_completions_are_listed_read_and_deleted() {
    const metadata = { suite: 'node', run: 'stored' };
    const made = [];
    for (const text of ['one', 'two', 'three']) made.push(await chat(text, { store: true, metadata }));
    await all(chat('four', { store: true, metadata, stream: true }));
    const list = () => all(client.chat.completions.list({ metadata, model, limit: 2 }));
    const texts = (await list()).map((one) => one.choices[0].message.content);
    same(texts, ['one', 'two', 'three', 'four'].map((text) => `You said: ${text}`), 'texts');
    const one = await client.chat.completions.retrieve(made[0].id);
    same([one.choices, one.usage], [made[0].choices, made[0].usage], 'completion');
    const messages = await all(client.chat.completions.messages.list(made[0].id));
    same(messages.map((message) => message.content), ['one'], 'messages');
    holds(messages[0].id, 'the message has no id');
    const other = { metadata: { suite: 'other' } };
    same((await client.chat.completions.update(made[0].id, other)).metadata, other.metadata, 'labels');
    const ids = new Set([...made, ...(await list())].map(({ id }) => id));
    for (const id of ids) {
      same((await client.chat.completions.delete(id)).deleted, true, 'deleted');
      await raises(OpenAI.NotFoundError, () => client.chat.completions.retrieve(id));
    }
    same(await list(), [], 'what is left');
  },
};
