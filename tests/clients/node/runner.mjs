// Runs named checks and prints one line for each: `ok NAME`, or `not ok NAME: WHY`.

import assert from 'node:assert/strict';

/** The address of the server under test. */
export const baseUrl = process.env.CHATMOCK_URL;

/** The route by which the server under test answers: `codex`, `plan` or `api`. */
export const route = process.env.CHATMOCK_CHECKED_ROUTE;

/** Fails unless both are deeply equal, and says what was found. */
export function same(found, wanted, what = 'value') {
  assert.deepEqual(found, wanted, `${what} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

/** Fails with `what` unless the condition is true. */
export function holds(condition, what) {
  assert.ok(condition, what);
}

/** Fails unless the call rejects with an error of this class; returns the error. */
export async function raises(kind, call) {
  let outcome;
  try {
    outcome = await call();
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: `no ${kind.name}, but ${JSON.stringify(outcome)}` });
}

/** Everything an async iterable yields. */
export async function all(iterable) {
  const found = [];
  for await (const each of await iterable) found.push(each);
  return found;
}

/** Runs every check of an object, in order; a key is a check's name. */
export async function main(checks) {
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (error) {
      const place = /(?:openai|ollama|anthropic|ai_sdk)_(?!sdk)[a-z]+\.mjs:\d+/.exec(error.stack ?? '')?.[0] ?? '?';
      const why = `${place}: ${error.constructor.name}: ${error.message}`;
      console.log(`not ok ${name}: ${why.replaceAll('\n', '\\n')}`);
    }
  }
}
