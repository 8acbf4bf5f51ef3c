// Runs a turn in WebAssembly: run.mjs FILE. The module imports nothing, so it has nothing but its memory.
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
assert.deepEqual(WebAssembly.Module.imports(module), []);
const { exports } = new WebAssembly.Instance(module, {});
assert.equal(exports.main(0, 0), 0);
console.log(`a turn in WebAssembly: ${readFileSync(process.argv[2]).length} bytes, no imports`);
