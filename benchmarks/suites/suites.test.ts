import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runCommand } from '../lib/command';

it('every suite loads, bears the name of its file and says in a line what it measures', async () => {
  let list = '';
  const code = await runCommand({
    args: [],
    suitesFolder: fileURLToPath(new URL('.', import.meta.url)),
    writeOut: () => {},
    writeError: (text) => {
      list += text;
    },
  });
  expect(code).toBe(2);
  expect(list).toMatch(/^ {2}startup {2,}The time that importing/m);
  expect(list).not.toContain('does not load');
  for (const line of list
    .slice(list.indexOf('suites:') + 'suites:\n'.length)
    .trimEnd()
    .split('\n')) {
    expect(line).toMatch(/^ {2}[a-z-]+ {2,}\S.{10,}/);
  }
});
