// LangChain over the Responses API.

import { check } from './langchain_loop.mjs';

await check(true);
