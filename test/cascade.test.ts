import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createRunner, type ModelRunner } from '@fairlead/core';
import { calibrate, cascade } from '@fairlead/core/cascade';
import { openInferenceClient, remote } from '@fairlead/core/remote';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

/*
 * The small model on the device and the large one behind HTTP, on real digits: what calibrate() says on half of the rows
 * must hold on the other half. The server is that of the build, as a user has it.
 */

const built = (name: string): string => new URL(`../packages/node/dist/${name}.js`, import.meta.url).href;
const { onnx } = (await import(built('index'))) as typeof import('@fairlead/node');
const { serve } = (await import(built('server'))) as typeof import('@fairlead/node/server');

const models = fileURLToPath(new URL('../examples/models/', import.meta.url));
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const backend = onnx({ device: 'cpu', threads: 1 });

interface Row {
  readonly pixels: Float32Array;
  readonly label: number;
}

async function readRows(): Promise<Row[]> {
  const [, ...lines] = (await readFile(`${models}digits-test.csv`, 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const numbers = line.split(',').map(Number);
    return { pixels: Float32Array.from(numbers.slice(0, 64)), label: numbers[64] as number };
  });
}

let edge: ModelRunner;
let large: ModelRunner;
let server: Awaited<ReturnType<typeof serve>>;
let rows: Row[];

beforeAll(async () => {
  rows = await readRows();
  edge = await createRunner({ model: `${models}digits-v1.onnx`, backend, lanes: 'inline', logger });
  large = await createRunner({ model: `${models}digits-v2.onnx`, backend, lanes: 'inline', logger });
  server = await serve({ digits: large }, { port: 0 });
}, 60_000);

afterAll(async () => {
  await server.close();
  await Promise.all([edge.close(), large.close()]);
});

const batchOf = (some: readonly Row[]) => ({
  pixels: Float32Array.from(some.flatMap(({ pixels }) => Array.from(pixels))),
});
const connect = () => remote({ url: server.url, model: 'digits', headers: { authorization: 'Bearer secret-token' } });

test('calibrated on half of the rows, it is nearly as good as the large model on the other half, for a share of its rows', async () => {
  const cloud = await connect();
  const half = rows.length / 2;
  const [held, fresh] = [rows.slice(0, half), rows.slice(half)];
  const calibration = await calibrate({
    edge,
    cloud,
    rows: held.map(({ pixels }) => ({ pixels })),
    labels: held.map(({ label }) => label),
    target: { escalationRate: 0.3 },
  });
  expect(calibration.rows).toBe(270);
  expect(calibration.cloud?.value).toBeGreaterThan(calibration.edge.value + 0.03);
  expect(calibration.expectedCalibrationError?.after).toBeLessThanOrEqual(
    calibration.expectedCalibrationError?.before ?? 0,
  );

  const runner = cascade({ edge, cloud, escalate: { confidence: calibration.rule }, cloudTimeoutMs: 30_000 });
  const result = await runner.run(batchOf(fresh));
  const accuracy = (labels: ArrayLike<number | bigint>): number =>
    fresh.filter(({ label }, row) => Number(labels[row]) === label).length / fresh.length;
  const ofEdge = await edge.run(batchOf(fresh));
  const ofCloud = await large.run(batchOf(fresh));
  const labelsOf = ({ outputs }: { outputs: typeof ofEdge.outputs }) => outputs.label?.data as BigInt64Array;
  const gained = accuracy(labelsOf(result)) - accuracy(labelsOf(ofEdge));
  const possible = accuracy(labelsOf(ofCloud)) - accuracy(labelsOf(ofEdge));
  expect(gained).toBeGreaterThan(possible * 0.6);
  expect(result.cascade.escalated / fresh.length).toBeLessThan(0.45);

  // Every row is, bit for bit, that of the runner which is said to have computed it.
  const p = (of: { outputs: typeof ofEdge.outputs }) => of.outputs.probabilities?.data as Float32Array;
  for (const [row, { where }] of result.cascade.rows.entries()) {
    const from = where === 'cloud' ? ofCloud : ofEdge;
    expect(labelsOf(result)[row]).toBe(labelsOf(from)[row]);
    for (let digit = row * 10; digit < row * 10 + 10; digit++)
      expect(p(result)[digit]).toBeCloseTo(p(from)[digit] as number, 5);
  }
  await cloud.close();
});

test('local-only: the server hears nothing; without a network the device answers', async () => {
  const spied = vi.fn(connect);
  const unsure = { confidence: { threshold: 2 } };
  const local = cascade({ edge, cloud: spied, escalate: unsure, privacy: 'local-only' });
  const { cascade: trace } = await local.run(batchOf(rows.slice(0, 20)));
  expect(trace.rows.every(({ where, why }) => where === 'edge' && why === 'local-only')).toBe(true);
  expect(local.describe().cloud).toBe('none');
  expect(spied).not.toHaveBeenCalled();

  const warnings: string[] = [];
  const offline = cascade({
    edge,
    cloud: () => remote({ url: 'http://127.0.0.1:1', model: 'digits' }),
    escalate: unsure,
    logger: { ...logger, warn: (_details, message) => void warnings.push(message) },
  });
  const whys: unknown[] = [];
  for (let index = 0; index < 4; index++)
    whys.push((await offline.run(batchOf(rows.slice(0, 1)))).cascade.rows[0]?.why);
  expect(whys).toEqual(['cloud-failed', 'cloud-failed', 'cloud-failed', 'cloud-unavailable']);
  expect(warnings).toHaveLength(1);
});

test('bytes and JSON over a socket say the same', async () => {
  const answers = [];
  for (const encoding of ['json', 'binary'] as const) {
    const runner = await remote({ url: server.url, model: 'digits', protocol: openInferenceClient({ encoding }) });
    expect((await runner.checkHealth()).ready).toBe(true);
    answers.push((await runner.run(batchOf(rows.slice(0, 7)))).outputs);
    await runner.close();
  }
  expect(answers[0]).toEqual(answers[1]);
});
