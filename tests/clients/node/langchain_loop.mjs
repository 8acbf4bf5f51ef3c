// Multi-turn tool loops of LangChain, with its defaults.

import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';

import { baseUrl, holds, main, same } from './runner.mjs';

const weather = tool(async ({ city }) => `12 C in ${city}`, {
  name: 'get_weather',
  description: 'The weather of a city.',
  schema: z.object({ city: z.string() }),
});
let model;

/** Whole, or as the sum of a stream's chunks. */
async function ask(messages, streamed) {
  if (!streamed) return model.invoke(messages);
  let sum;
  for await (const chunk of await model.stream(messages)) sum = sum ? sum.concat(chunk) : chunk;
  return sum;
}

/** Asks until no tool is called any more; returns the last text. */
async function loop(messages, text, streamed = false) {
  messages.push(new HumanMessage(text));
  for (let step = 0; step < 4; step += 1) {
    const answer = await ask(messages, streamed);
    messages.push(answer);
    if (!answer.tool_calls?.length) return answer.text;
    for (const call of answer.tool_calls) {
      const content = await weather.invoke(call.args);
      messages.push(new ToolMessage({ content, tool_call_id: call.id }));
    }
  }
  throw new Error('the model only calls tools');
}

/** Checks the loops over the one API or the other. */
export async function check(useResponsesApi) {
  model = new ChatOpenAI({
    model: 'gpt-6-sol',
    apiKey: 'unused',
    useResponsesApi,
    maxRetries: 0,
    configuration: { baseURL: `${baseUrl}/v1` },
  }).bindTools([weather]);
  await main({
    async a_tool_loop_goes_through() {
      same(await loop([], 'get_weather city=Oslo'), 'The tool said: 12 C in Oslo', 'text');
    },

    async a_streamed_tool_loop_goes_through() {
      same(await loop([], 'get_weather city=Oslo', true), 'The tool said: 12 C in Oslo', 'text');
    },

    async a_conversation_goes_on_after_a_tool_loop() {
      const messages = [];
      await loop(messages, 'get_weather city=Oslo');
      await loop(messages, 'thanks');
      await loop(messages, 'get_weather city=Bergen', true);
      const text = await loop(messages, 'bye');
      holds(text.endsWith('bye'), `the text is ${text}`);
    },
  });
}
