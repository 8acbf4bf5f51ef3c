// LangChain's embeddings over OpenAI's API.

import { OpenAIEmbeddings } from '@langchain/openai';

import { baseUrl, main, same } from './runner.mjs';

const embeddings = new OpenAIEmbeddings({
  model: 'embed',
  apiKey: 'unused',
  dimensions: 2,
  maxRetries: 0,
  configuration: { baseURL: `${baseUrl}/v1` },
});

await main({
  async a_query_is_embedded() {
    same([...(await embeddings.embedQuery('hello'))], [5, 0.5], 'vector');
  },

  async documents_are_embedded() {
    const vectors = await embeddings.embedDocuments(['hello', 'hi']);
    same(vectors.map((vector) => [...vector]), [[5, 0.5], [2, 0.5]], 'vectors');
  },
});
