// Ollama's library for JavaScript against a server that runs with `--demo`.
//
// The scripted backend answers "You said: TEXT", calls a function whose name the text contains (`name=value` in
// the text fills its arguments), answers a tool's output with "The tool said: OUTPUT", and `MODE:NAME` in the text
// chooses an unhappy case.

import { Ollama } from 'ollama';

import { all, baseUrl, holds, main, raises, route, same } from './runner.mjs';

const model = 'gpt-6-sol';
const unknown = 'no-such-model';
const long = 'a question that is a good deal longer than the few tokens which the answer may have';
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const client = new Ollama({ host: baseUrl });

const citySchema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    population: { type: 'integer' },
    landmarks: { type: 'array', items: { type: 'string' } },
  },
  required: ['name', 'population', 'landmarks'],
};

function tool(name, ...properties) {
  const parameters = {
    type: 'object',
    properties: Object.fromEntries(properties.map((each) => [each, { type: 'string', description: 'A name.' }])),
    required: properties,
  };
  return { type: 'function', function: { name, description: 'A tool.', parameters } };
}

const weather = tool('get_weather', 'city');
const time = tool('get_time', 'city');

/** One whole or streamed reply to one user message. */
function chat(content, more = {}) {
  return client.chat({ model, messages: [{ role: 'user', content }], ...more });
}

/** One whole or streamed answer to a prompt. */
function generate(prompt, more = {}) {
  return client.generate({ model, prompt, ...more });
}

/** The text of a line of either kind. */
function textOf(line) {
  return line.message ? line.message.content : line.response;
}

function joined(lines) {
  return lines.map(textOf).join('');
}

function callsOf(lines) {
  return lines.flatMap((line) => line.message.tool_calls ?? []);
}

/** The last line of a stream, which alone must be done and have counts. */
function lastOf(lines) {
  const last = lines.at(-1);
  holds(lines.length > 1, 'the stream has one line only');
  holds(lines.every((line) => line.done === (line === last)), 'the wrong lines are done');
  holds(lines.every((line) => 'eval_count' in line === (line === last)), 'counts before the end');
  return last;
}

/** Fails unless a finished reply has its counts and times. */
function counted(reply) {
  const text = JSON.stringify(reply);
  holds(reply.prompt_eval_count > 0 && reply.eval_count > 0, `the counts are ${text}`);
  holds(reply.total_duration > 0 && reply.load_duration > 0, `the times are ${text}`);
  const parts = reply.prompt_eval_duration + reply.eval_duration;
  holds(parts <= reply.total_duration, `the times do not add up: ${text}`);
  holds(!Number.isNaN(Date.parse(reply.created_at)), `created_at is ${reply.created_at}`);
}

/** Fails unless the server refuses with this status and with words; returns the words. */
async function failed(status, call) {
  // The library does not export its class of errors.
  const error = await raises(Error, call);
  same(error.name, 'ResponseError', 'class');
  same(error.status_code, status, 'status');
  holds(error.error && !error.error.startsWith('{'), `the error is ${error.error}`);
  return error.error;
}

await main({
  async models_are_listed() {
    const { models } = await client.list();
    holds(models.some((each) => each.name === model), `${model} is not listed`);
    for (const each of models) {
      same(each.model, each.name, 'model');
      holds(Number.isInteger(each.size) && each.details, `${each.name} is incomplete`);
      holds(!Number.isNaN(Date.parse(each.modified_at)), `modified_at is ${each.modified_at}`);
      holds(/^[0-9a-f]{64}$/.test(each.digest), `the digest is ${each.digest}`);
      // Those of a server beside this one are named as it names them.
      holds(!each.name.includes(':') || each.name.includes('embed'), `${each.name} has a tag`);
    }
  },

  async a_model_is_shown() {
    for (const name of [model, `${model}:latest`]) {
      const { model_info: info, capabilities } = await client.show({ model: name });
      if (route !== 'codex') {
        // The other lists of models tell little more than names.
        holds(['completion', 'tools'].every((each) => capabilities.includes(each)), `${capabilities}`);
        continue;
      }
      const length = info[`${info['general.architecture']}.context_length`];
      holds(Number.isInteger(length) && length > 0, `model_info is ${JSON.stringify(info)}`);
      for (const each of ['completion', 'tools', 'thinking', 'vision']) {
        holds(capabilities.includes(each), `capabilities are ${capabilities}`);
      }
    }
  },

  async an_unknown_model_is_not_found() {
    for (const call of [
      () => client.show({ model: unknown }),
      () => chat('hello', { model: unknown }),
      () => all(chat('hello', { model: unknown, stream: true })),
      () => generate('hello', { model: unknown }),
    ]) {
      const words = await failed(404, call);
      holds(words.includes(unknown), `the error does not name the model: ${words}`);
    }
  },

  async what_was_used_is_loaded() {
    await chat('hello');
    const { models } = await client.ps();
    holds(models.some((loaded) => loaded.model === model), `loaded are ${JSON.stringify(models)}`);
    holds(models.every((loaded) => Date.parse(loaded.expires_at) > Date.now()), 'it is over');
  },

  async the_version_is_recent() {
    const { version } = await client.version();
    holds(/^\d+\.\d+\.\d+$/.test(version), `the version is ${version}`);
    const [major, minor, patch] = version.split('.').map(Number);
    // Other clients refuse to work below 0.13.4.
    holds(major > 0 || minor > 13 || (minor === 13 && patch >= 4), `the version is ${version}`);
  },

  async chat_whole() {
    const reply = await chat('hello there');
    same([reply.message.role, reply.message.content], ['assistant', 'You said: hello there']);
    same(reply.message.tool_calls, undefined, 'calls');
    same([reply.model, reply.done, reply.done_reason], [model, true, 'stop']);
    counted(reply);
  },

  async chat_stream() {
    const lines = await all(chat('hello there', { stream: true }));
    same(joined(lines), textOf(await chat('hello there')), 'streamed text');
    const last = lastOf(lines);
    same([last.message.content, last.done_reason], ['', 'stop'], 'last line');
    counted(last);
    holds(lines.every((line) => line.message.role === 'assistant'), 'a line has another role');
    holds(lines.every((line) => line.model === model), 'a line has another model');
    holds(lines.filter((line) => line.message.content).length > 1, 'the text came at once');
  },

  async a_name_with_the_tag_latest_is_accepted() {
    const name = `${model}:latest`;
    const reply = await chat('hello', { model: name });
    same([textOf(reply), reply.model], ['You said: hello', name]);
    same(joined(await all(chat('hello', { model: name, stream: true }))), 'You said: hello', 'streamed text');
    same(textOf(await generate('hello', { model: name })), 'You said: hello');
  },

  async a_conversation_is_read() {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: 'You said: hello', thinking: 'A greeting.' },
      { role: 'user', content: 'and again' },
    ];
    same(textOf(await client.chat({ model, messages })), 'You said: and again');
  },

  async tool_call_whole() {
    const reply = await chat('please use get_weather city=Oslo', { tools: [weather, time] });
    const calls = callsOf([reply]);
    same(calls.length, 1, 'number of calls');
    same(calls[0].function.name, 'get_weather');
    same(calls[0].function.arguments, { city: 'Oslo' });
    same([reply.message.content, reply.done_reason], ['', 'stop']);
  },

  async tool_call_stream() {
    const lines = await all(chat('please use get_weather city=Oslo', { tools: [weather], stream: true }));
    const calls = callsOf(lines);
    same(calls.length, 1, 'number of calls');
    same(calls[0].function.name, 'get_weather');
    same(calls[0].function.arguments, { city: 'Oslo' });
    same(lastOf(lines).done_reason, 'stop');
  },

  async tool_loop() {
    for (const stream of [false, true]) {
      const asked = { role: 'user', content: 'please use get_weather city=Oslo' };
      const { message } = await chat('', { messages: [asked], tools: [weather] });
      const answer = { role: 'tool', tool_name: 'get_weather', content: 'rain, 8 degrees' };
      const more = { messages: [asked, message, answer], tools: [weather] };
      const text = stream ? joined(await all(chat('', { ...more, stream }))) : textOf(await chat('', more));
      same(text, 'The tool said: rain, 8 degrees');
    }
  },

  async parallel_tool_calls() {
    const content = 'MODE:parallel-calls get_weather and get_time city=Oslo';
    const tools = [weather, time];
    const { message } = await chat(content, { tools });
    const names = message.tool_calls.map((call) => call.function.name);
    same([...new Set(names)].sort(), ['get_time', 'get_weather'], 'names');
    const bare = (call) => [call.function.name, call.function.arguments];
    const streamed = callsOf(await all(chat(content, { tools, stream: true })));
    same(streamed.map(bare), message.tool_calls.map(bare), 'streamed calls');
    // The results come in another order than the calls: only their names join them.
    const results = names
      .toReversed()
      .map((name) => ({ role: 'tool', tool_name: name, content: `result of ${name}` }));
    const last = await chat('', { messages: [{ role: 'user', content }, message, ...results], tools });
    for (const result of results) holds(textOf(last).includes(result.content), `it is ${textOf(last)}`);
  },

  async thinking_is_shown() {
    for (const think of [true, 'high']) {
      const { message } = await chat('hello there', { think });
      holds(message.thinking, `no thinking with ${think}`);
      same(message.content, 'You said: hello there');
      const lines = await all(chat('hello there', { think, stream: true }));
      same(lines.map((line) => line.message.thinking ?? '').join(''), message.thinking, 'streamed thinking');
      same(joined(lines), message.content, 'streamed text');
      const reply = await generate('hello there', { think });
      same([reply.thinking, reply.response], [message.thinking, message.content], 'generated');
    }
  },

  async thinking_is_hidden() {
    holds(!('thinking' in (await chat('hello', { think: false })).message), 'thinking');
    const lines = await all(chat('hello', { think: false, stream: true }));
    holds(lines.every((line) => !('thinking' in line.message)), 'streamed thinking');
    holds(!('thinking' in (await generate('hello', { think: false }))), 'generated thinking');
  },

  async format_json() {
    // Nothing says "json" but the format, which is what the backend insists on.
    for (const text of ['answer in json', 'answer']) {
      const content = textOf(await chat(text, { format: 'json' }));
      const value = JSON.parse(content);
      holds(value && typeof value === 'object' && !Array.isArray(value), `the content is ${content}`);
      same(joined(await all(chat(text, { format: 'json', stream: true }))), content, 'streamed text');
      same(textOf(await generate(text, { format: 'json' })), content, 'generated text');
    }
  },

  async format_schema() {
    const content = textOf(await chat('describe a city', { format: citySchema }));
    const city = JSON.parse(content);
    same(Object.keys(city).sort(), ['landmarks', 'name', 'population'], 'members');
    holds(typeof city.name === 'string' && Number.isInteger(city.population), `the city is ${content}`);
    const streamed = await all(chat('describe a city', { format: citySchema, stream: true, think: true }));
    same(joined(streamed), content, 'streamed text');
    same(textOf(await generate('describe a city', { format: citySchema })), content, 'generated text');
  },

  async image_input() {
    const wanted = 'You said: what is this\nImages received: 1.';
    for (const image of [pixel, new Uint8Array(Buffer.from(pixel, 'base64'))]) {
      const messages = [{ role: 'user', content: 'what is this', images: [image] }];
      same(textOf(await chat('', { messages })), wanted);
      same(textOf(await generate('what is this', { images: [image] })), wanted, 'generated text');
    }
  },

  async generate_whole() {
    const reply = await generate('hello there', { system: 'Be brief.' });
    same(reply.response, 'You said: hello there');
    same([reply.model, reply.done, reply.done_reason], [model, true, 'stop']);
    counted(reply);
  },

  async generate_stream() {
    const lines = await all(generate('hello there', { system: 'Be brief.', stream: true }));
    same(joined(lines), 'You said: hello there');
    const last = lastOf(lines);
    same([last.response, last.done_reason], ['', 'stop'], 'last line');
    counted(last);
  },

  async nothing_to_answer_loads_the_model() {
    same((await generate('')).done_reason, 'load');
    same((await client.chat({ model, messages: [] })).done_reason, 'load');
    same((await generate('', { keep_alive: 0 })).done_reason, 'unload');
  },

  async num_predict_ends_the_answer() {
    const options = { num_predict: 5, temperature: 0.2, seed: 7, top_k: 20 };
    for (const call of [chat, generate]) {
      const whole = await call(long, { options });
      const lines = await all(call(long, { options, stream: true }));
      for (const reply of [whole, lastOf(lines)]) {
        same([reply.done, reply.done_reason], [true, 'length']);
        holds(reply.eval_count > 0 && reply.eval_count <= 5, `eval_count is ${reply.eval_count}`);
      }
      const text = textOf(whole);
      holds(text && text.length < 40 && `You said: ${long}`.startsWith(text), `it is ${text}`);
      same(joined(lines), text, 'streamed text');
    }
  },

  async a_stop_ends_the_answer() {
    for (const [stop, wanted] of [
      [['beta'], 'You said: alpha '],
      [['zeta', 'a gam'], 'You said: alpha bet'],
    ]) {
      const options = { stop };
      const reply = await chat('alpha beta gamma', { options });
      same([textOf(reply), reply.done_reason], [wanted, 'stop']);
      same(joined(await all(chat('alpha beta gamma', { options, stream: true }))), wanted, 'streamed text');
      same(textOf(await generate('alpha beta gamma', { options })), wanted, 'generated text');
    }
  },

  async a_listed_model_is_pulled() {
    same((await client.pull({ model })).status, 'success');
    const lines = await all(client.pull({ model, stream: true }));
    same(lines.at(-1).status, 'success', 'last status');
  },

  async an_unknown_model_is_not_pulled() {
    for (const call of [
      () => client.pull({ model: unknown }),
      () => all(client.pull({ model: unknown, stream: true })),
    ]) {
      const words = await failed(404, call);
      holds(words.includes(unknown), `the error does not name the model: ${words}`);
    }
  },

  async embeddings_are_made() {
    const made = await client.embed({ model: 'embed', input: ['hello', 'hi'], dimensions: 2 });
    same(made.embeddings, [[5, 0.5], [2, 0.5]], 'vectors');
    same([made.model, made.prompt_eval_count], ['embed', 6], 'model and tokens');
    same((await client.embeddings({ model: 'embed', prompt: 'hello' })).embedding, [5, 0.5, 0.25], 'vector');
    const words = await failed(404, () => client.embed({ model: 'nope', input: 'hello' }));
    holds(words.includes('not found'), `the error does not say what is not there: ${words}`);
  },

  async models_cannot_be_changed() {
    await failed(400, () => client.create({ model: 'own', from: model }));
    await failed(400, () => all(client.create({ model: 'own', from: model, stream: true })));
    await failed(400, () => client.push({ model }));
    await failed(400, () => client.copy({ source: model, destination: 'own' }));
    for (const name of [model, unknown]) {
      const error = await raises(Error, () => client.delete({ model: name }));
      holds([400, 404].includes(error.status_code) && error.error, `deleting: ${error}`);
    }
  },

  async a_bad_request_is_explained() {
    const messages = [{ role: 'wizard', content: 'hello' }];
    const words = await failed(400, () => chat('', { messages }));
    holds(words.includes('wizard'), `the error does not name the role: ${words}`);
  },

  async a_rate_limit_is_an_error() {
    for (const call of [chat, generate]) {
      await failed(429, () => call('MODE:429'));
      await failed(429, () => all(call('MODE:429', { stream: true })));
    }
  },

  async a_cut_whole_reply_raises() {
    for (const call of [chat, generate]) {
      const error = await raises(Error, () => call('MODE:cut'));
      holds(error.status_code >= 500 && error.error, `the error is ${error}`);
    }
  },

  async a_cut_stream_raises() {
    for (const call of [chat, generate]) {
      const lines = [];
      const error = await raises(Error, async () => {
        for await (const line of await call('MODE:cut', { stream: true })) lines.push(line);
      });
      // The library has words of its own for a stream that merely ends.
      holds(error.message && !error.message.startsWith('Did not receive'), `the error is ${error}`);
      holds(lines.length > 0 && lines.every((line) => !line.done), 'a line is done');
    }
  },
});
