import { readdir } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { formatMarkdown, formatTable, judge } from './format';
import { meetsGoal } from './goal';
import type { Result, Suite } from './suite';

export interface CommandOptions {
  readonly args: readonly string[];
  /** The folder whose files `<name>.ts` are the suites, as an absolute path. */
  readonly suitesFolder: string;
  writeOut(text: string): void;
  writeError(text: string): void;
}

/**
 * `<suite> [--json | --markdown] [--rounds n] [--quick]`: runs one suite and writes its results. Resolves to the exit code: 0 when
 * the suite ran, whatever its goals say; 1 when it failed; 2 when the call was wrong.
 */
export async function runCommand(options: CommandOptions): Promise<number> {
  const call = parseCall(options.args);
  const names = await suiteNames(options.suitesFolder);
  if (typeof call === 'string' || !names.includes(call.suite)) {
    const problem = typeof call === 'string' ? call : call.suite === '' ? '' : `There is no suite "${call.suite}".`;
    options.writeError(
      `${problem}\nusage: npm run bench -- <suite> [--json | --markdown] [--rounds n] [--quick]\n\n`.trimStart(),
    );
    options.writeError(`${await listOf(options.suitesFolder, names)}\n`);
    return 2;
  }
  try {
    const suite = await loadSuite(options.suitesFolder, call.suite);
    const results = await suite.run({
      rounds: call.rounds,
      quick: call.quick,
      note: (text) => options.writeError(`${text}\n`),
    });
    checkResults(results);
    options.writeOut(`${textOf(call, results)}\n`);
    return 0;
  } catch (error) {
    options.writeError(`The suite "${call.suite}" failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  }
}

function textOf({ suite, form }: Call, results: readonly Result[]): string {
  switch (form) {
    case 'json':
      return JSON.stringify({ suite, ...judge(results) });
    case 'markdown':
      return formatMarkdown(results);
    case 'table':
      return formatTable(suite, results);
  }
}

interface Call {
  readonly suite: string;
  readonly form: 'table' | 'json' | 'markdown';
  readonly rounds: number;
  readonly quick: boolean;
}

/** The call, or what is wrong with it. */
function parseCall(args: readonly string[]): Call | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        markdown: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '5' },
        quick: { type: 'boolean', default: false },
      },
    });
    const rounds = Number(values.rounds);
    if (!Number.isInteger(rounds) || rounds < 1) return `--rounds takes a positive integer, given "${values.rounds}".`;
    if (positionals.length > 1) return `One suite at a time, given ${positionals.join(' ')}.`;
    if (values.json && values.markdown) return 'Either --json or --markdown, given both.';
    const form = values.json ? 'json' : values.markdown ? 'markdown' : 'table';
    return { suite: positionals[0] ?? '', form, rounds, quick: values.quick };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function suiteNames(folder: string): Promise<string[]> {
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

async function listOf(folder: string, names: readonly string[]): Promise<string> {
  const width = Math.max(0, ...names.map((name) => name.length));
  const lines = await Promise.all(
    names.map(async (name) => `  ${name.padEnd(width)}  ${await describeSuite(folder, name)}`),
  );
  return ['suites:', ...lines].join('\n');
}

/** One suite that does not load must not hide the others. */
async function describeSuite(folder: string, name: string): Promise<string> {
  try {
    return (await loadSuite(folder, name)).describe;
  } catch (error) {
    return `(does not load: ${error instanceof Error ? error.message : String(error)})`;
  }
}

/** JSON has no NaN, and a goal that cannot be read is a mistake in the suite: both fail the run rather than mislead. */
function checkResults(results: readonly Result[]): void {
  for (const { name, value, standardError = 0, goal } of results) {
    for (const number of [value, standardError]) {
      if (!Number.isFinite(number)) throw new RangeError(`The result "${name}" is ${number}, not a number.`);
    }
    if (goal !== undefined) meetsGoal(value, goal);
  }
}

async function loadSuite(folder: string, name: string): Promise<Suite> {
  const module: { readonly default?: Suite } = await import(pathToFileURL(`${folder}/${name}.ts`).href);
  if (typeof module.default?.run !== 'function' || module.default.name !== name) {
    throw new TypeError(
      `benchmarks/suites/${name}.ts must export a suite named "${name}" by default: { name, describe, run }.`,
    );
  }
  return module.default;
}
