// Multi-turn tool loops of OpenAI's library of agents, with its defaults.

import { Agent, OpenAIResponsesModel, run, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';

import { baseUrl, holds, main, same } from './runner.mjs';

setTracingDisabled(true);
const client = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'unused', maxRetries: 0 });
const weather = tool({
  name: 'get_weather',
  description: 'The weather of a city.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `12 C in ${city}`,
});
const agent = new Agent({
  name: 'Weather',
  instructions: 'Be brief.',
  tools: [weather],
  model: new OpenAIResponsesModel(client, 'gpt-6-sol'),
});

await main({
  async a_tool_loop_goes_through() {
    const { finalOutput } = await run(agent, 'get_weather city=Oslo');
    same(finalOutput, 'The tool said: 12 C in Oslo', 'text');
  },

  async a_streamed_tool_loop_goes_through() {
    const answer = await run(agent, 'get_weather city=Oslo', { stream: true });
    await answer.completed;
    same(answer.finalOutput, 'The tool said: 12 C in Oslo', 'text');
  },

  async a_conversation_goes_on_after_a_tool_loop() {
    let input = [{ role: 'user', content: 'get_weather city=Oslo' }];
    for (const next of ['thanks', 'get_weather city=Bergen', 'bye']) {
      const { history } = await run(agent, input);
      input = [...history, { role: 'user', content: next }];
    }
    const { finalOutput } = await run(agent, input);
    holds(finalOutput.endsWith('bye'), `the text is ${finalOutput}`);
  },
});
