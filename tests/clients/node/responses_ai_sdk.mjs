// Multi-turn tool loops of the AI SDK with its defaults: it names kept items in place of repeating them.

import { createOpenAI } from '@ai-sdk/openai';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

import { baseUrl, holds, main, same } from './runner.mjs';

const model = createOpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'unused' })('gpt-6-sol');
const tools = {
  get_weather: tool({
    description: 'The weather of a city.',
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `12 C in ${city}`,
  }),
};
const asked = { role: 'user', content: 'get_weather city=Oslo' };
const options = { model, tools, stopWhen: stepCountIs(4), maxRetries: 0 };

await main({
  async a_tool_loop_goes_through() {
    const { text, steps } = await generateText({ ...options, messages: [asked] });
    same(text, 'The tool said: 12 C in Oslo', 'text');
    same(steps.length, 2, 'number of steps');
  },

  async a_streamed_tool_loop_goes_through() {
    const failures = [];
    const answer = streamText({ ...options, messages: [asked], onError: ({ error }) => failures.push(error) });
    same(await answer.text, 'The tool said: 12 C in Oslo', 'text');
    same(failures.map(String), [], 'failures');
  },

  async a_conversation_goes_on_after_a_tool_loop() {
    const messages = [asked];
    for (const next of ['thanks', 'get_weather city=Bergen', 'bye']) {
      const { response } = await generateText({ ...options, messages });
      messages.push(...response.messages, { role: 'user', content: next });
    }
    const { text } = await generateText({ ...options, messages });
    holds(text.endsWith('bye'), `the text is ${text}`);
  },
});
