#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { messageOf } from '@fairlead/core';
import type { Command } from './command';
import { exportCommand } from './export';
import { importCommand } from './import-command';
import { checkCommand, compactCommand, garbageCommand } from './maintenance';
import { reportCommand } from './report-command';
import { runCommandLine } from './run-command-line';
import { syncCommand } from './sync-command';
import { uiCommand } from './ui-command';

/* The command fairlead-tracking, built to dist/fairlead-tracking.js. */

/** Every subcommand, in the order in which the overview lists them. */
const commands: readonly Command[] = [
  uiCommand,
  reportCommand,
  exportCommand,
  syncCommand,
  importCommand,
  checkCommand,
  compactCommand,
  garbageCommand,
];

/** Of this package, whose package.json lies beside the folder of this script. */
function ownVersion(): string {
  try {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    return String((JSON.parse(text) as { version?: unknown }).version ?? 'unknown');
  } catch {
    return 'unknown';
  }
}

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // The first asks the command to close what it opened; without this listener, a second ends the process as usual.
  process.once(signal, () => ending.abort());
}

const { stdout, stderr, env } = process;
runCommandLine(process.argv.slice(2), commands, ownVersion(), {
  stdout,
  stderr,
  env,
  cwd: process.cwd(),
  signal: ending.signal,
}).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    stderr.write(`fairlead-tracking: ${messageOf(error)}\n`);
    process.exitCode = 1;
  },
);
