// The Responses API over a WebSocket: plain, chained, with tools, in lanes, with errors, and after a reconnection.

import net from 'node:net';

import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';

import { client, flatTool, model } from './openai_sdk.mjs';
import { baseUrl, holds, same } from './runner.mjs';

const ends = ['response.completed', 'response.failed', 'response.incomplete', 'error'];
const tools = [flatTool('get_weather', 'city')];

// Opens a socket; `next` gives its events one by one, errors of the server among them.
function open(from = client, options = {}) {
  const socket = new ResponsesWS(from, options);
  const [events, waiting] = [[], []];
  const take = (event) => (waiting.length ? waiting.shift().resolve(event) : events.push(event));
  socket.on('event', (event) => event.type !== 'error' && take(event));
  socket.on('error', (error) => (error.error ? take(error.error) : waiting.splice(0).forEach(({ reject }) => reject(error))));
  const next = () => new Promise((resolve, reject) => (events.length ? resolve(events.shift()) : waiting.push({ resolve, reject })));
  const answer = async () => {
    const all = [];
    do all.push(await next());
    while (!ends.includes(all.at(-1).type));
    return all;
  };
  const ask = (input, more = {}) => {
    socket.send({ type: 'response.create', model, input, ...more });
    return answer();
  };
  return { socket, next, answer, ask };
}

async function within(use, ...how) {
  const opened = open(...how);
  try {
    await use(opened);
  } finally {
    opened.socket.close();
  }
}

function done(events) {
  same(events.at(-1).type, 'response.completed', 'last event');
  return events.at(-1).response;
}

function textOf({ output }) {
  const parts = output.flatMap((item) => item.content ?? []);
  return parts.filter((part) => part.type === 'output_text').map((part) => part.text).join('');
}

export const sockets = {
  async a_socket_answers() {
    await within(async ({ ask }) => {
      for (const text of ['hello there', 'and again']) {
        const events = await ask(text);
        same(textOf(done(events)), `You said: ${text}`, 'text');
        const deltas = events.filter((event) => event.type === 'response.output_text.delta');
        same(deltas.map((event) => event.delta).join(''), `You said: ${text}`, 'streamed text');
        same(events[0].type, 'response.created', 'first event');
      }
    });
  },

  async a_socket_continues_what_is_not_stored() {
    await within(async ({ ask }) => {
      const first = done(await ask('one', { store: false }));
      const second = done(await ask('two', { store: false, previous_response_id: first.id }));
      same(second.previous_response_id, first.id, 'previous response');
      await within(async (other) => {
        const lost = (await other.ask('three', { store: false, previous_response_id: second.id })).at(-1);
        same(lost.type, 'error', 'event on another connection');
        same([lost.status, lost.error.code], [400, 'previous_response_not_found'], 'status and code');
        same(lost.error.param, 'previous_response_id', 'param');
      });
    });
  },

  async a_socket_calls_tools() {
    await within(async ({ ask }) => {
      const first = done(await ask('please use get_weather city=Oslo', { tools, store: false }));
      const calls = first.output.filter((item) => item.type === 'function_call');
      same(calls.length, 1, 'number of calls');
      const output = { type: 'function_call_output', call_id: calls[0].call_id, output: 'rain' };
      const more = { tools, store: false, previous_response_id: first.id };
      same(textOf(done(await ask([output], more))), 'The tool said: rain', 'text');
    });
  },

  async a_socket_has_lanes() {
    await within(async ({ socket, next }) => {
      for (const lane of ['a', 'b']) {
        socket.send({ type: 'response.create', model, input: `I am ${lane}`, stream_id: lane });
      }
      const texts = {};
      while (Object.keys(texts).length < 2) {
        const event = await next();
        holds(event.type !== 'error', JSON.stringify(event));
        if (event.type === 'response.completed') texts[event.stream_id] = textOf(event.response);
      }
      same(texts.a, 'You said: I am a', 'text of a');
      same(texts.b, 'You said: I am b', 'text of b');
    });
  },

  async a_socket_lives_on_after_an_error() {
    await within(async ({ ask }) => {
      const error = (await ask('MODE:429-rate')).at(-1);
      same([error.type, error.status], ['error', 429], 'event');
      holds(error.error.message, 'it says nothing');
      const unknown = (await ask('hello', { background: true })).at(-1);
      same([unknown.type, unknown.error.param], ['error', 'background'], 'event');
      same(textOf(done(await ask('still here'))), 'You said: still here', 'text');
    });
  },

  async a_warm_up_is_continued() {
    await within(async ({ ask }) => {
      const warm = done(await ask('I was held', { generate: false, store: false }));
      same([warm.output, warm.usage.output_tokens], [[], 0], 'output and tokens');
      const next = await ask('go', { store: false, previous_response_id: warm.id });
      same(textOf(done(next)), 'You said: go', 'text');
    });
  },

  async a_socket_that_breaks_is_opened_again() {
    const open = new Set();
    const relay = net.createServer((here) => {
      const there = net.connect(Number(new URL(baseUrl).port), '127.0.0.1');
      for (const each of [here, there]) {
        open.add(each);
        each.on('error', () => {});
      }
      here.pipe(there).pipe(here);
    });
    await new Promise((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const baseURL = `http://127.0.0.1:${relay.address().port}/v1`;
    let again = 0;
    const reconnect = { onReconnecting: () => void (again += 1), initialDelay: 50 };
    const from = new OpenAI({ baseURL, apiKey: 'unused', maxRetries: 0 });
    await within(async ({ ask, socket, answer }) => {
      done(await ask('hello'));
      const reopened = new Promise((resolve) => socket.on('reconnected', resolve));
      open.forEach((each) => each.destroy());
      await reopened;
      socket.send({ type: 'response.create', model, input: 'hello again' });
      same(textOf(done(await answer())), 'You said: hello again', 'text');
    }, from, { reconnect });
    same(again, 1, 'number of reconnections');
    relay.close();
    open.forEach((each) => each.destroy());
  },
};
