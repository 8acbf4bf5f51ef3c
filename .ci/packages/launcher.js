#!/usr/bin/env node
// Runs the program of this name from the package of this platform, as if it had been started itself.
"use strict";

const { spawn } = require("node:child_process");
const path = require("node:path");

const name = path.basename(__filename, ".js");
const platform = `chatmock-server-${process.platform}-${process.arch}`;

let program;
try {
  program = require.resolve(`${platform}/bin/${name}${process.platform === "win32" ? ".exe" : ""}`);
} catch {
  console.error(`${name}: there are no programs for ${process.platform}-${process.arch} (${platform} is not installed)`);
  console.error("hint: install without --no-optional, or build from source");
  process.exit(1);
}

const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
// A terminal sends Ctrl-C to both; another process sends its signals to this one alone.
for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR1"]) {
  process.on(signal, () => child.kill(signal));
}
process.on("SIGINT", () => {});
child.on("error", (error) => {
  console.error(`${name}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  } else {
    process.exit(code);
  }
});
