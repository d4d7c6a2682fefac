import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compare, timed } from '../lib/compare';
import type { Result, Suite } from '../lib/suite';

const folder = fileURLToPath(new URL('..', import.meta.url));

/** A Node process that loads a module, or nothing, and ends. */
function nodeWith(module?: string) {
  const script = module === undefined ? '' : `import '${module}'`;
  return timed(() => promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder }));
}

/** What a program pays before its first line for importing a package: heavy runtimes must wait until they are used. */
export default {
  name: 'startup',
  describe: 'The time that importing each package adds to the start of a Node process.',
  async run({ rounds, note }) {
    const results: Result[] = [];
    for (const module of ['@fairlead/core', '@fairlead/node', '@fairlead/tracking']) {
      note(`importing ${module}, ${rounds} rounds`);
      const { a, b } = await compare(nodeWith(module), nodeWith(), { rounds });
      results.push({ name: `import ${module}`, value: a - b, unit: 'ms', goal: '<= 50' });
    }
    return results;
  },
} satisfies Suite;
