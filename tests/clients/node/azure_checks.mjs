// OpenAI's client for Azure against a server that runs with `--demo`.

import { AzureOpenAI, NotFoundError } from 'openai';

import { baseUrl, main, raises, same } from './runner.mjs';

const azure = (more = {}) =>
  new AzureOpenAI({ endpoint: baseUrl, apiKey: 'unused', apiVersion: '2025-03-01-preview', maxRetries: 0, ...more });
const messages = [{ role: 'user', content: 'hello' }];

await main({
  async chat_whole() {
    const answer = await azure().chat.completions.create({ model: 'gpt-6-sol', messages });
    same(answer.choices[0].message.content, 'You said: hello', 'text');
  },

  async chat_stream() {
    let text = '';
    const stream = await azure().chat.completions.create({ model: 'gpt-6-sol', messages, stream: true });
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
    same(text, 'You said: hello', 'text');
  },

  async a_deployment_names_the_model() {
    const answer = await azure({ deployment: 'gpt-6-sol' }).chat.completions.create({ messages });
    same([answer.model, answer.choices[0].message.content], ['gpt-6-sol', 'You said: hello']);
  },

  async responses_whole() {
    const answer = await azure().responses.create({ model: 'gpt-6-sol', input: 'hello' });
    same(answer.output_text, 'You said: hello', 'text');
  },

  async an_unknown_model_is_not_found() {
    await raises(NotFoundError, () => azure().chat.completions.create({ model: 'nope', messages }));
  },
});
