// Nothing twice: what the library asks again after a lost connection is answered once, with and without a key.

import net from 'node:net';

import OpenAI from 'openai';

import { asking, joined, model } from './openai_sdk.mjs';
import { all, baseUrl, same } from './runner.mjs';

// The number of turns that the server has on record of a program.
async function turns(program) {
  const { rows } = await (await fetch(`${baseUrl}/usage?by=client`)).json();
  return rows.filter(({ name }) => name === program).reduce((sum, row) => sum + row.turns, 0);
}

// A client under a program's name, behind a relay whose first connection is lost: at the beginning or at the end
// of the answer, of which the client gets nothing.
async function cutting(program, cut, check) {
  let lost = 0;
  const relay = net.createServer((here) => {
    const there = net.connect(Number(new URL(baseUrl).port), '127.0.0.1');
    for (const each of [here, there]) each.on('error', () => {});
    if (lost) {
      here.pipe(there).pipe(here);
      return;
    }
    lost += 1;
    lose(here, there, cut);
  });
  await new Promise((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const options = { apiKey: 'unused', timeout: 20_000, maxRetries: 2, defaultHeaders: { 'User-Agent': program } };
  await check(new OpenAI({ baseURL: `http://127.0.0.1:${relay.address().port}/v1`, ...options }));
  relay.close();
  same([lost, await turns(program)], [1, 1], 'lost connections and turns');
}

function lose(here, there, cut) {
  let answer = '';
  const close = () => [here, there].forEach((each) => each.destroy());
  here.pipe(there);
  there.on('data', (data) => {
    answer += data;
    if (cut === 'beginning' || answer.endsWith('\r\n0\r\n\r\n') || isWhole(answer)) close();
  });
}

// Whether a message with a length has come as a whole.
function isWhole(message) {
  const end = message.indexOf('\r\n\r\n');
  const length = /^content-length: *(\d+)/im.exec(message.slice(0, Math.max(end, 0)))?.[1];
  return length !== undefined && Buffer.byteLength(message.slice(end + 4)) >= Number(length);
}

export const retries = {
  async a_retry_after_a_lost_connection_spends_once() {
    for (const cut of ['beginning', 'end']) {
      for (const stream of [false, true]) {
        await cutting(`retries-node-${cut}-${stream}`, cut, async (client) => {
          const asked = client.chat.completions.create(asking('hello', { stream }));
          const { data, response } = await asked.withResponse();
          same(response.headers.get('idempotent-replayed'), 'true', 'header');
          const text = stream ? joined(await all(data)) : data.choices[0].message.content;
          same(text, 'You said: hello', 'text');
        });
      }
    }
  },

  async a_key_spends_once() {
    await cutting('keys-node', 'beginning', async (client) => {
      const ask = () =>
        client.responses
          .create({ model, input: 'hello' }, { headers: { 'Idempotency-Key': 'key of node' } })
          .withResponse();
      same((await ask()).data.output_text, 'You said: hello', 'text');
      const { data, response } = await ask();
      same([response.headers.get('idempotent-replayed'), data.output_text], ['true', 'You said: hello'], 'answer');
    });
  },
};
