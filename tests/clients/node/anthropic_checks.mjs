// Anthropic's library for JavaScript against a server that runs with `--demo`.

import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { z } from 'zod';

import { all, baseUrl, holds, main, raises, route, same } from './runner.mjs';

const model = 'gpt-6-sol';
const options = { baseURL: baseUrl, apiKey: 'unused', maxRetries: 0, timeout: 20_000 };
const client = new Anthropic(options);

function tool(name, ...properties) {
  const schema = {
    type: 'object',
    properties: Object.fromEntries(properties.map((property) => [property, { type: 'string' }])),
    required: properties,
    additionalProperties: false,
  };
  return { name, description: 'A tool.', input_schema: schema };
}

const weather = tool('get_weather', 'city');
const time = tool('get_time', 'city');
const shown = { type: 'adaptive', display: 'summarized' };
const pixel = Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), Buffer.alloc(24)]).toString('base64');

function asking(content, more = {}) {
  return { model, max_tokens: 1000, messages: [{ role: 'user', content }], ...more };
}

async function ask(content, more) {
  const { data, response } = await client.messages.create(asking(content, more)).withResponse();
  same(response.headers.get('x-chatmock-notices'), null, 'notices');
  return data;
}

function textOf(message) {
  return message.content.filter((block) => block.type === 'text').map((block) => block.text).join('');
}

function calls(message) {
  return message.content.filter((block) => block.type === 'tool_use').map(({ name, input }) => [name, input]);
}

await main({
  async message_whole() {
    const message = await ask('hello', { system: 'Be brief.' });
    same([message.type, message.role, message.model], ['message', 'assistant', model]);
    same(textOf(message), 'You said: hello');
    same([message.stop_reason, message.stop_sequence], ['end_turn', null]);
    holds(message.usage.output_tokens > 0, 'there are no counts');
  },

  async message_stream() {
    const events = await all(client.messages.create(asking('hello héllo ✓ 日本語', { stream: true })));
    same(events[0].type, 'message_start');
    same(events.slice(-2).map((event) => event.type), ['message_delta', 'message_stop']);
    const pieces = events.filter((event) => event.type === 'content_block_delta').map((event) => event.delta.text);
    same(pieces.join(''), 'You said: hello héllo ✓ 日本語');
  },

  async stream_helper() {
    const stream = client.messages.stream(asking('hello', { thinking: shown }));
    const message = await stream.finalMessage();
    same(message.content.map((block) => block.type), ['thinking', 'text']);
    holds(message.content[0].thinking && message.content[0].signature, 'the thinking is empty');
    same(await stream.finalText(), 'You said: hello');
  },

  async tool_call_whole() {
    const message = await ask('Use get_weather for city=Paris', { tools: [weather] });
    same([calls(message), message.stop_reason], [[['get_weather', { city: 'Paris' }]], 'tool_use']);
  },

  async tool_call_stream() {
    const stream = client.messages.stream(asking('Use get_weather for city=Paris', { tools: [weather] }));
    const pieces = [];
    stream.on('inputJson', (piece) => pieces.push(piece));
    same(calls(await stream.finalMessage()), [['get_weather', { city: 'Paris' }]]);
    same(JSON.parse(pieces.join('')), { city: 'Paris' });
  },

  async tool_choice_forces_a_call() {
    const choice = { type: 'tool', name: 'get_time', disable_parallel_tool_use: true };
    const message = await ask('hello', { tools: [weather, time], tool_choice: choice });
    same(calls(message).map(([name]) => name), ['get_time']);
    same(calls(await ask('get_weather', { tools: [weather], tool_choice: { type: 'none' } })), []);
  },

  async parallel_tool_calls() {
    const text = 'Use get_weather and get_time for city=Oslo';
    const streamed = await client.messages.stream(asking(text, { tools: [weather, time] })).finalMessage();
    for (const message of [await ask(text, { tools: [weather, time] }), streamed]) {
      same(calls(message), [['get_weather', { city: 'Oslo' }], ['get_time', { city: 'Oslo' }]]);
    }
  },

  async tool_runner() {
    const asked = [];
    const getWeather = betaZodTool({
      name: 'get_weather',
      description: 'Weather of a city.',
      inputSchema: z.object({ city: z.string() }),
      run: ({ city }) => {
        asked.push(city);
        return '21 degrees';
      },
    });
    const text = 'Use get_weather for city=Paris';
    const last = await client.beta.messages.toolRunner(asking(text, { tools: [getWeather] })).runUntilDone();
    same([asked, textOf(last)], [['Paris'], 'The tool said: 21 degrees']);
  },

  async thinking_round_trip() {
    const thinking = { type: 'adaptive', display: 'omitted' };
    const more = { tools: [weather], thinking, output_config: { effort: 'high' } };
    const question = 'Use get_weather for city=Paris';
    const first = await ask(question, more);
    // A server of another maker has no reasoning to hand out.
    if (route !== 'api') same([first.content[0].type, first.content[0].thinking], ['thinking', '']);
    const call = first.content.find((block) => block.type === 'tool_use');
    const result = { type: 'tool_result', tool_use_id: call.id, content: '21', is_error: false };
    const foreign = { type: 'thinking', thinking: 'x', signature: 'ErUBCkYIBxgCIkDm' };
    for (const content of [first.content, [foreign, ...first.content.slice(1)]]) {
      const messages = [
        { role: 'user', content: question },
        { role: 'assistant', content },
        { role: 'user', content: [result] },
      ];
      same(textOf(await ask('', { ...more, messages })), 'The tool said: 21');
    }
  },

  async structured_output_is_parsed() {
    const city = z.object({ name: z.string(), population: z.number() });
    const format = zodOutputFormat(city);
    const message = await client.messages.parse(asking('Which city?', { output_config: { format } }));
    holds(typeof message.parsed_output.name === 'string', 'it is not parsed');
  },

  async image_input() {
    const source = { type: 'base64', media_type: 'image/png', data: pixel };
    const message = await ask([{ type: 'text', text: 'look' }, { type: 'image', source }]);
    holds(textOf(message).includes('Images received: 1.'), textOf(message));
  },

  async a_stop_sequence_is_named() {
    const message = await client.messages.create(asking('alpha STOP beta', { stop_sequences: ['STOP'] }));
    same([message.stop_reason, message.stop_sequence], ['stop_sequence', 'STOP']);
    same(textOf(message), 'You said: alpha ');
  },

  async max_tokens_end_the_answer() {
    const message = await ask('one two three four five six seven', { max_tokens: 3 });
    same([message.stop_reason, textOf(message)], ['max_tokens', 'You said: on']);
  },

  async a_web_search_has_links() {
    const tools = [{ type: 'web_search_20250305', name: 'web_search', max_uses: 8 }];
    const message = await ask('Perform a web search for the query: oslo', { tools });
    const found = message.content.find((block) => block.type === 'web_search_tool_result');
    holds(found.content[0].url && found.content[0].title, 'there is no link');
    same(message.content.at(-1).citations[0].url, found.content[0].url);
    same(message.usage.server_tool_use.web_search_requests, 1);
  },

  async tokens_are_counted() {
    const count = (content, more) =>
      client.messages.countTokens({ model, messages: [{ role: 'user', content }], ...more });
    const [few, many] = [await count('hello'), await count('hello '.repeat(1000), { tools: [weather] })];
    holds(few.input_tokens > 0 && few.input_tokens < many.input_tokens, `${few.input_tokens}`);
  },

  async models_are_paged() {
    const models = await all(client.models.list({ limit: 2 }));
    const names = models.map(({ id }) => id);
    holds(names.includes(model) && names.includes(`claude-${model}`), `${model} is not in ${names}`);
    holds(models.every((each) => each.display_name && each.created_at), 'a model is incomplete');
  },

  async a_model_is_retrieved() {
    same((await client.models.retrieve(model)).id, model);
    same((await client.models.retrieve('claude-opus-5-5')).id, 'claude-opus-5-5');
  },

  async an_unknown_model_is_not_found() {
    const error = await raises(Anthropic.NotFoundError, () => client.models.retrieve('no-such-model'));
    same(error.error.error.type, 'not_found_error');
    await raises(Anthropic.NotFoundError, () => ask('hello', { model: 'no-such-model' }));
  },

  async names_of_claude_models_are_answered() {
    const asked = client.messages.create(asking('hello', { model: 'claude-opus-5-5' }));
    const { data, response } = await asked.withResponse();
    same([data.model, textOf(data)], ['claude-opus-5-5', 'You said: hello']);
    holds(response.headers.get('x-chatmock-notices').includes('model=changed'), 'it is not said');
  },

  async fields_without_effect_are_noticed() {
    const asked = client.messages.create(asking('hello', { top_k: 5, no_such_member: 1, safeguards: [{}] }));
    const { response } = await asked.withResponse();
    same(response.headers.get('x-chatmock-notices'), 'top_k=ignored, no_such_member=ignored');
  },

  async a_bad_role_is_a_bad_request() {
    const messages = [{ role: 'tool', content: 'x' }];
    const error = await raises(Anthropic.BadRequestError, () => ask('', { messages }));
    holds(error.message.includes('messages.0.role: '), error.message);
  },

  async failures_are_errors_of_their_kind() {
    await raises(Anthropic.RateLimitError, () => ask('MODE:429-rate'));
    await raises(Anthropic.RateLimitError, () => ask('MODE:429'));
    await raises(Anthropic.InternalServerError, () => ask('MODE:overloaded'));
    await raises(Anthropic.PermissionDeniedError, () => ask('MODE:usage-not-included'));
  },

  async a_prompt_that_is_too_long_is_told_in_numbers() {
    const error = await raises(Anthropic.BadRequestError, () => ask('MODE:fail-context'));
    // The list of models of that route has no windows.
    if (route === 'api') return;
    holds(/prompt is too long: \d+ tokens > \d+ maximum/.test(error.message), error.message);
  },

  async a_cut_whole_reply_raises() {
    await raises(Anthropic.APIError, () => ask('MODE:cut'));
  },

  async a_cut_stream_raises() {
    await raises(Anthropic.APIError, () => client.messages.stream(asking('MODE:cut')).finalMessage());
  },
});
