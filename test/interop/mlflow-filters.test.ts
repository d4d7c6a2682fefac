import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compileFilter, type FilterNode, formatFilter, type StoredRun } from '@fairlead/tracking';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyConjunction, anyRun, now } from '../../packages/tracking/src/search/runs.fixture';
import { mlflowSkinnyVersion, prepareMlflowSkinny } from './setup';

const python = prepareMlflowSkinny();

/** What MLflow finds: the numbers of runs for each filter, or its objection. */
async function findByMlflow(
  command: string,
  runs: readonly StoredRun[],
  filters: readonly string[],
): Promise<unknown[]> {
  const script = fileURLToPath(new URL('mlflow_filters.py', import.meta.url));
  const child = spawn(command, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const asText = (value: unknown): string =>
    value === Number.POSITIVE_INFINITY ? 'inf' : value === Number.NEGATIVE_INFINITY ? '-inf' : String(value);
  const given = runs.map((run) => ({
    id: run.id,
    name: run.name,
    status: run.end?.status ?? (run.leaseUntil < now ? 'KILLED' : 'RUNNING'),
    start_time: run.startedAt,
    end_time: run.end?.at ?? null,
    metrics: Object.entries(run.metrics).map(([key, { last }]) => [key, asText(last)]),
    params: Object.entries(run.params).map(([key, value]) => [key, String(value)]),
    tags: [...Object.entries(run.tags), ...(run.parent === undefined ? [] : [['mlflow.parentRunId', run.parent]])],
    inputs: run.inputs.map(({ name, digest, context }) => [name, digest, context ?? null]),
  }));
  child.stdin.end(JSON.stringify({ runs: given, filters }));
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  return JSON.parse(text) as unknown[];
}

/** Whether a filter means the same to both: what is ours alone, and where MLflow's two stores differ, is left out. */
function isCommon(node: FilterNode): boolean {
  if (node.kind !== 'compare') return node.kind === 'and' && node.terms.every(isCommon);
  const { field, operator, value } = node;
  // Its file store matches by regular expressions, whose dot stops at a line's end, and folds case by its own tables.
  if (operator.endsWith('LIKE')) return typeof value === 'string' && /^[ -~]*$/.test(value);
  // Infinities are written as the numbers next to them, which a run in memory does not hold.
  if (field.scope === 'metric') return Number.isFinite(value);
  // Ours compares these as numbers.
  return (field.scope !== 'param' && field.scope !== 'tag') || typeof value === 'string' || value === undefined;
}

/** Text whose characters both take for single ones with one case. */
function plain(text: string): string {
  return text.replace(/[^ -~]/gu, 'x');
}

function plainRecord(record: StoredRun['params']): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, plain(String(value))]));
}

/** A run as MLflow has it, which keeps parameters as text. */
function plainRun(run: StoredRun): StoredRun {
  const { params, tags, inputs, name, parent } = run;
  return {
    ...run,
    name: plain(name),
    ...(parent === undefined ? {} : { parent: plain(parent) }),
    params: plainRecord(params),
    tags: plainRecord(tags),
    inputs: inputs.map((input) => ({ ...input, name: plain(input.name), digest: plain(input.digest) })),
  };
}

describe.skipIf(python.missing !== undefined)(`filters, read by MLflow ${mlflowSkinnyVersion}`, () => {
  const command = python.missing === undefined ? python.command : '';

  test('find the same runs there and here', { timeout: 120_000 }, async () => {
    const runs = fc.sample(anyRun, { numRuns: 150, seed: 7 }).map(plainRun);
    const asked: { text: string; node: FilterNode }[] = [];
    for (const node of fc.sample(anyConjunction, { numRuns: 4000, seed: 11 })) {
      if (!isCommon(node)) continue;
      try {
        asked.push({ text: formatFilter(node), node });
      } catch (error) {
        expect(error).toMatchObject({ code: 'UNSUPPORTED' });
      }
    }
    expect(asked.length).toBeGreaterThan(300);
    const answers = await findByMlflow(
      command,
      runs,
      asked.map(({ text }) => text),
    );
    let found = 0;
    for (const [index, { text, node }] of asked.entries()) {
      const matches = compileFilter(node, now);
      const expected = runs.flatMap((run, at) => (matches(run) ? [at] : []));
      found += expected.length;
      expect([text, answers[index]]).toEqual([text, expected]);
    }
    expect(found).toBeGreaterThan(1000);
  });
});
