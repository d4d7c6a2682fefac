import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/**
 * Runs a client's script of this folder against a server.
 * @returns `ok` or what went wrong, by the name of what it did
 */
export async function runClient(command: string, script: string, address: string): Promise<Record<string, string>> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { stdout } = await promisify(execFile)(command, [path, address], { maxBuffer: 10e6 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, string>;
}
