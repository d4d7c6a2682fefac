import { fileURLToPath } from 'node:url';
import { runCommand } from './lib/command';

// Stdout belongs to the results: whatever a suite or a library logs goes to stderr.
console.log = console.error;
console.info = console.error;

process.exitCode = await runCommand({
  args: process.argv.slice(2),
  suitesFolder: fileURLToPath(new URL('./suites', import.meta.url)),
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
});
