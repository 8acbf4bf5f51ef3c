// OpenAI's library for JavaScript against a server that runs with `--demo`.

import OpenAI from 'openai';

import { bounds } from './openai_bounds.mjs';
import { completions } from './openai_completions.mjs';
import { kept } from './openai_kept.mjs';
import { media } from './openai_media.mjs';
import { retries } from './openai_retries.mjs';
import {
  asking,
  chat,
  client,
  finishes,
  flatTool,
  joined,
  model,
  onlyChoice,
  pieces,
  respond,
  time,
  weather,
} from './openai_sdk.mjs';
import { sockets } from './openai_sockets.mjs';
import { all, holds, main, raises, route, same } from './runner.mjs';

const citySchema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    population: { type: 'integer' },
    landmarks: { type: 'array', items: { type: 'string' } },
  },
  required: ['name', 'population', 'landmarks'],
  additionalProperties: false,
};
const cityFormat = { type: 'json_schema', json_schema: { name: 'city', schema: citySchema, strict: true } };
const cityText = { format: { type: 'json_schema', name: 'city', schema: citySchema, strict: true } };

function checkCity(city) {
  holds(city && typeof city.name === 'string', `the city is ${JSON.stringify(city)}`);
  holds(Number.isInteger(city.population) && Array.isArray(city.landmarks), 'a member has the wrong type');
}

await main({
  async models_are_listed() {
    const models = await all(client.models.list());
    holds(models.some((each) => each.id === model), `${model} is not listed`);
    for (const each of models) {
      same(each.object, 'model', 'object');
      holds(Number.isInteger(each.created) && each.owned_by, `${each.id} is incomplete`);
    }
  },

  async a_model_is_retrieved() {
    same((await client.models.retrieve(model)).id, model);
  },

  async an_unknown_model_is_not_found() {
    let error = await raises(OpenAI.NotFoundError, () => client.models.retrieve('no-such-model'));
    same(error.code, 'model_not_found', 'code');
    error = await raises(OpenAI.NotFoundError, () => chat('hello', { model: 'no-such-model' }));
    same(error.code, 'model_not_found', 'code');
    holds(error.message.includes('no-such-model'), `the message does not name the model: ${error.message}`);
  },

  async chat_whole() {
    const completion = await chat('hello there');
    const choice = onlyChoice(completion);
    same(choice.message.content, 'You said: hello there');
    same(choice.message.role, 'assistant');
    same(choice.finish_reason, 'stop');
    same(completion.object, 'chat.completion');
    same(completion.model, model);
    holds(completion.id && completion.created > 1_700_000_000, 'id or created is missing');
    const { usage } = completion;
    holds(usage.prompt_tokens > 0 && usage.completion_tokens > 0, 'usage is empty');
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, 'total');
  },

  async chat_stream() {
    const chunks = await all(chat('hello there', { stream: true }));
    same(onlyChoice(chunks[0]).delta.role, 'assistant', 'first role');
    same(joined(chunks), onlyChoice(await chat('hello there')).message.content, 'streamed text');
    same(finishes(chunks), ['stop'], 'finish reasons');
    same(new Set(chunks.map((chunk) => chunk.id)).size, 1, 'number of ids');
    holds(chunks.every((chunk) => chunk.object === 'chat.completion.chunk'), 'wrong object');
  },

  async chat_stream_usage_comes_only_when_asked() {
    const plain = await all(chat('hello', { stream: true }));
    holds(plain.every((chunk) => !chunk.usage), 'usage that was not asked for');
    const chunks = await all(chat('hello', { stream: true, stream_options: { include_usage: true } }));
    same(chunks.filter((chunk) => chunk.usage).length, 1, 'chunks with usage');
    const last = chunks.at(-1);
    same(last.choices, [], 'choices of the usage chunk');
    same(last.usage.total_tokens, last.usage.prompt_tokens + last.usage.completion_tokens, 'total');
    holds(last.usage.prompt_tokens_details, 'no cached-token details');
    holds(last.usage.completion_tokens_details, 'no reasoning-token details');
  },

  async chat_stream_helper() {
    const stream = client.chat.completions.stream(asking('hello there'));
    let text = '';
    stream.on('content', (delta) => (text += delta));
    same(await stream.finalContent(), 'You said: hello there');
    same(text, 'You said: hello there', 'text of the events');
  },

  async chat_accepts_fields_the_backend_refuses() {
    const { data, response } = await chat('hello', {
      temperature: 0.2,
      top_p: 0.9,
      seed: 7,
      user: 'someone',
      metadata: { purpose: 'test' },
      max_completion_tokens: 2000,
      frequency_penalty: 0.1,
      presence_penalty: 0.1,
    }).withResponse();
    same(onlyChoice(data).message.content, 'You said: hello');
    const notices = response.headers.get('x-chatmock-notices') ?? '';
    const honoured = route === 'api' ? ['temperature', 'top_p', 'metadata'] : [];
    for (const field of ['temperature', 'top_p', 'seed', 'metadata']) {
      same(notices.includes(field), !honoured.includes(field), `${field} in the notices, which are ${notices},`);
    }
  },

  async tool_call_whole() {
    const choice = onlyChoice(await chat('please use get_weather city=Oslo', { tools: [weather, time] }));
    same(choice.finish_reason, 'tool_calls');
    same(choice.message.tool_calls.length, 1, 'number of calls');
    const [call] = choice.message.tool_calls;
    same(call.type, 'function');
    same(call.function.name, 'get_weather');
    same(JSON.parse(call.function.arguments), { city: 'Oslo' });
    holds(call.id, 'the call has no id');
  },

  async tool_call_stream() {
    const chunks = await all(chat('please use get_weather city=Oslo', { tools: [weather], stream: true }));
    const [first, ...rest] = pieces(chunks);
    same(first.index, 0, 'index');
    same(first.type, 'function');
    same(first.function.name, 'get_weather');
    holds(first.id, 'the first piece has no id');
    holds(rest.every((piece) => piece.index === 0 && !piece.function.name), 'a later piece differs');
    const text = [first, ...rest].map((piece) => piece.function.arguments ?? '').join('');
    same(JSON.parse(text), { city: 'Oslo' });
    same(finishes(chunks), ['tool_calls'], 'finish reasons');
  },

  async tool_choice_forces_a_call() {
    const tool_choice = { type: 'function', function: { name: 'get_time' } };
    let choice = onlyChoice(await chat('city=Rome', { tools: [weather, time], tool_choice }));
    same(choice.message.tool_calls.map((call) => call.function.name), ['get_time']);
    same(JSON.parse(choice.message.tool_calls[0].function.arguments), { city: 'Rome' });
    choice = onlyChoice(await chat('use get_time', { tools: [time], tool_choice: 'none' }));
    holds(!choice.message.tool_calls?.length, 'calls under tool_choice none');
  },

  async tool_loop() {
    const cities = [];
    const runnable = {
      type: 'function',
      function: {
        ...weather.function,
        parse: JSON.parse,
        function: ({ city }) => {
          cities.push(city);
          return 'rain, 8 degrees';
        },
      },
    };
    for (const stream of [false, true]) {
      const runner = client.chat.completions.runTools(
        asking('please use get_weather city=Oslo', { tools: [runnable], stream }),
      );
      same(await runner.finalContent(), 'The tool said: rain, 8 degrees');
    }
    same(cities, ['Oslo', 'Oslo'], 'calls made');
  },

  async parallel_tool_calls() {
    const text = 'MODE:parallel-calls get_weather and get_time city=Oslo';
    const tools = [weather, time];
    const calls = onlyChoice(await chat(text, { tools })).message.tool_calls;
    holds(calls.length >= 2, `${calls.length} calls`);
    same(new Set(calls.map((call) => call.id)).size, calls.length, 'number of ids');
    const chunks = await all(chat(text, { tools, stream: true }));
    const streamed = [];
    for (const { index, function: part } of pieces(chunks)) {
      streamed[index] ??= { name: part.name, arguments: '' };
      streamed[index].arguments += part.arguments ?? '';
    }
    const read = ({ name, arguments: written }) => ({ name, arguments: JSON.parse(written) });
    same(streamed.map(read), calls.map((call) => read(call.function)), 'streamed calls');
    same(finishes(chunks), ['tool_calls'], 'finish reasons');
  },

  async structured_output_is_parsed() {
    const request = asking('describe a city', { response_format: cityFormat });
    const choice = onlyChoice(await client.chat.completions.parse(request));
    checkCity(choice.message.parsed);
    const final = await client.chat.completions.stream(request).finalChatCompletion();
    same(onlyChoice(final).message.parsed, choice.message.parsed, 'streamed value');
  },

  async json_mode() {
    const choice = onlyChoice(await chat('answer in json', { response_format: { type: 'json_object' } }));
    const value = JSON.parse(choice.message.content);
    holds(value && typeof value === 'object' && !Array.isArray(value), 'the content is not an object');
  },

  async image_input() {
    const pixel =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    const { content } = onlyChoice(
      await chat([
        { type: 'text', text: 'what is this' },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}`, detail: 'low' } },
      ]),
    ).message;
    holds(content.startsWith('You said: what is this'), `content is ${content}`);
  },

  async reasoning_is_shown() {
    const asked = { reasoning_effort: 'high' };
    if (route === 'api') {
      // A model that does not reason refuses the question, so it is not asked unless a client does.
      holds(!('reasoning_content' in onlyChoice(await chat('hello')).message), 'asked unasked');
      asked.reasoning = { summary: 'auto' };
    }
    const { message } = onlyChoice(await chat('hello', asked));
    holds(message.reasoning_content, 'no reasoning_content');
    const chunks = await all(chat('hello', { ...asked, stream: true }));
    same(joined(chunks, 'reasoning_content'), message.reasoning_content, 'streamed reasoning');
    same(joined(chunks), message.content, 'streamed text');
  },

  async responses_whole() {
    const response = await respond('hello there');
    same(response.output_text, 'You said: hello there');
    same(response.status, 'completed');
    same(response.object, 'response');
    same(response.model, model);
    holds(response.id && response.created_at, 'id or created_at is missing');
    holds(response.output.every((item) => item.id), 'an item has no id');
    const { usage } = response;
    same(usage.total_tokens, usage.input_tokens + usage.output_tokens, 'total');
  },

  async responses_stream() {
    const events = await all(respond('hello there', { stream: true }));
    const kinds = events.map((event) => event.type);
    same(kinds[0], 'response.created', 'first event');
    same(kinds.at(-1), 'response.completed', 'last event');
    same(kinds.filter((kind) => kind.startsWith('codex.') || kind === 'keepalive'), [], 'private events');
    const numbers = events.map((event) => event.sequence_number);
    holds(numbers.every((number, at) => at === 0 || number > numbers[at - 1]), 'sequence numbers do not rise');
    const opened = new Set();
    for (const { type, output_index: slot } of events) {
      if (type === 'response.output_item.added') opened.add(slot);
      else if (slot !== undefined) holds(opened.has(slot), `${type} outside its item`);
      if (type === 'response.output_item.done') opened.delete(slot);
    }
    same([...opened], [], 'items left open');
    const parts = events.filter((event) => event.type === 'response.output_text.delta');
    same(parts.map((event) => event.delta).join(''), 'You said: hello there', 'streamed text');
    const message = events.at(-1).response.output.find((item) => item.type === 'message');
    same(message.content[0].text, 'You said: hello there', 'text of the last event');
    same(message.content[0].annotations, [], 'annotations');
  },

  async responses_stream_helper() {
    const stream = client.responses.stream({ model, input: 'hello there' });
    let text = '';
    stream.on('response.output_text.delta', (event) => (text += event.delta));
    const final = await stream.finalResponse();
    same(final.output_text, 'You said: hello there');
    same(text, 'You said: hello there', 'text of the events');
  },

  async responses_structured_output_is_parsed() {
    const request = { model, input: 'describe a city', text: cityText };
    const parsed = await client.responses.parse(request);
    checkCity(parsed.output_parsed);
    const final = await client.responses.stream(request).finalResponse();
    same(final.output_parsed, parsed.output_parsed, 'streamed value');
  },

  async responses_tool_loop() {
    const tools = [flatTool('get_weather', 'city')];
    const asked = { role: 'user', content: 'please use get_weather city=Oslo' };
    const response = await respond([asked], { tools });
    const calls = response.output.filter((item) => item.type === 'function_call');
    same(calls.length, 1, 'number of calls');
    same(JSON.parse(calls[0].arguments), { city: 'Oslo' });
    const output = { type: 'function_call_output', call_id: calls[0].call_id, output: 'rain' };
    const last = await respond([asked, ...response.output, output], { tools });
    same(last.output_text, 'The tool said: rain');
  },

  async a_length_limit_is_reported() {
    same(onlyChoice(await chat('MODE:incomplete-length')).finish_reason, 'length');
    same(finishes(await all(chat('MODE:incomplete-length', { stream: true }))), ['length']);
    const response = await respond('MODE:incomplete-length');
    same(response.status, 'incomplete');
    same(response.incomplete_details.reason, 'max_output_tokens');
  },

  async a_refusal_is_reported() {
    const { message } = onlyChoice(await chat('MODE:refusal'));
    holds(message.refusal, 'no refusal');
    holds(!message.content, `content beside a refusal: ${message.content}`);
    const chunks = await all(chat('MODE:refusal', { stream: true }));
    same(joined(chunks, 'refusal'), message.refusal, 'streamed refusal');
  },

  async a_bad_role_is_a_bad_request() {
    const messages = [
      { role: 'user', content: 'hello' },
      { role: 'wizard', content: 'hello' },
    ];
    const error = await raises(OpenAI.BadRequestError, () => chat('', { messages }));
    same(error.param, 'messages[1].role', 'param');
    same(error.type, 'invalid_request_error', 'type');
    holds(error.message.includes('wizard'), `the message does not name the role: ${error.message}`);
  },

  async a_rate_limit_carries_retry_after() {
    for (const call of [
      () => chat('MODE:429'),
      () => all(chat('MODE:429', { stream: true })),
      () => respond('MODE:429'),
    ]) {
      const error = await raises(OpenAI.RateLimitError, call);
      const wait = error.headers.get('retry-after');
      holds(Number(wait) > 0, `retry-after is ${wait}`);
    }
  },

  async an_overloaded_backend_is_a_server_error() {
    for (const call of [
      () => chat('MODE:503'),
      () => all(chat('MODE:503', { stream: true })),
      () => respond('MODE:503'),
    ]) {
      const error = await raises(OpenAI.InternalServerError, call);
      same(error.status, 503, 'status');
    }
  },

  async a_cut_whole_reply_raises() {
    for (const call of [() => chat('MODE:cut'), () => respond('MODE:cut')]) {
      const error = await raises(OpenAI.InternalServerError, call);
      holds(error.message, 'no message');
    }
  },

  async a_cut_stream_raises() {
    const error = await raises(OpenAI.APIError, () => all(chat('MODE:cut', { stream: true })));
    holds(error.message, 'no message');
  },

  async a_cut_responses_stream_is_reported() {
    // The SDK raises for an error event and hands `response.failed` on; both tell the caller.
    let events;
    try {
      events = await all(respond('MODE:cut', { stream: true }));
    } catch (error) {
      holds(error instanceof OpenAI.APIError, `${error.constructor.name}: ${error.message}`);
      return;
    }
    holds(['error', 'response.failed'].includes(events.at(-1).type), `it ends with ${events.at(-1).type}`);
  },

  ...bounds,
  ...completions,
  ...kept,
  ...media,
  ...retries,
  ...sockets,
});
