// LangChain over chat completions.

import { check } from './langchain_loop.mjs';

await check(false);
