#!/usr/bin/env node
import { messageOf } from '@fairlead/core';
import { runCommand } from './command';

/* The command fairlead-node, built to dist/fairlead-node.js. */

runCommand(process.argv.slice(2), process).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`fairlead-node: ${messageOf(error)}\n`);
    process.exitCode = 1;
  },
);
