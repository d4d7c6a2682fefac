import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Runs a TypeScript file in a process of its own, with `gc()` at hand, and resolves to the message that it sends. What it
 * writes to stdout goes to stderr.
 *
 * @param flags arguments of Node itself
 * @param variables of the environment, beside those of this process
 * @throws Error (rejects) when the process ends without a message
 */
export function runChild<T>(
  file: URL,
  args: readonly string[] = [],
  flags: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(file), args, {
      execArgv: ['--import', 'tsx', '--expose-gc', ...flags],
      stdio: ['ignore', 2, 2, 'ipc'],
      env: { ...process.env, ...variables },
    });
    child.once('message', (message) => resolve(message as T));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      reject(new Error(`${fileURLToPath(file)} ended with ${signal ?? code} before it answered.`));
    });
  });
}
