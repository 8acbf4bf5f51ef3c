// The AI SDK's provider for Anthropic's API against a server that runs with `--demo`.

import { createAnthropic } from '@ai-sdk/anthropic';
import { Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

import { all, baseUrl, holds, main, same } from './runner.mjs';

const anthropic = createAnthropic({ baseURL: `${baseUrl}/v1`, apiKey: 'unused' });
const model = anthropic('gpt-6-sol');
const thinking = { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } };

function weather() {
  const execute = async ({ city }) => `21 in ${city}`;
  return tool({ description: 'Weather.', inputSchema: z.object({ city: z.string() }), execute });
}

await main({
  async chat_whole() {
    const { text, finishReason, usage } = await generateText({ model, prompt: 'hello', maxRetries: 0 });
    same([text, finishReason], ['You said: hello', 'stop']);
    holds(usage.outputTokens > 0, 'there are no counts');
  },

  async chat_stream() {
    const { textStream, finishReason } = streamText({ model, prompt: 'hello', maxRetries: 0 });
    same((await all(textStream)).join(''), 'You said: hello');
    same(await finishReason, 'stop');
  },

  async tool_loop() {
    for (const providerOptions of [{}, thinking]) {
      const { text, steps } = await generateText({
        model,
        prompt: 'Use get_weather for city=Paris',
        tools: { get_weather: weather() },
        stopWhen: stepCountIs(3),
        providerOptions,
        maxRetries: 0,
      });
      same([text, steps.length], ['The tool said: 21 in Paris', 2]);
    }
  },

  async tool_loop_stream() {
    const { textStream, steps } = streamText({
      model,
      prompt: 'Use get_weather for city=Paris',
      tools: { get_weather: weather() },
      stopWhen: stepCountIs(3),
      providerOptions: thinking,
      maxRetries: 0,
    });
    same((await all(textStream)).join(''), 'The tool said: 21 in Paris');
    same((await steps).length, 2);
  },

  async structured_output_is_parsed() {
    const schema = z.object({ city: z.string(), population: z.number() });
    const output = Output.object({ schema });
    const found = await generateText({ model, output, prompt: 'Describe city=Paris', maxRetries: 0 });
    same(found.output.city, 'Paris');
  },
});
