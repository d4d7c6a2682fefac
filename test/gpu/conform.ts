import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { LoadedModel, Tensors } from '@fairlead/core';
import { createRunner, messageOf } from '@fairlead/core';
import { backendConformance, type ConformanceCase } from '@fairlead/core/testing';
import { type OnnxDevice, onnx } from '@fairlead/node';
import { tinyModel } from '../../packages/node/src/onnx/tiny-onnx';

/*
 * Runs the conformance suite on one device, in a process of its own, and prints what came of each case as a line of JSON.
 * Arguments: the device, and the tolerance against the CPU.
 */

const reference = fileURLToPath(new URL('../../examples/models/digits-v2.onnx', import.meta.url));
const goldenPath = new URL('../../examples/models/digits-v2.golden.json', import.meta.url);

/** What came of a case. */
export interface Outcome {
  readonly name: string;
  /** What went wrong; undefined when it holds. */
  readonly error?: string;
}

/** The conformance cases on a device, and what else must hold on it. */
export function casesOn(device: OnnxDevice, golden: Golden, tolerance: number): readonly ConformanceCase[] {
  const createBackend = () => onnx({ device });
  return [
    ...backendConformance({
      createBackend,
      reference,
      missingReference: './nowhere/nothing.onnx',
      golden,
      tolerance,
    }),
    {
      name: 'computes on the device itself, in as many lanes as were asked for',
      async run() {
        const backend = onnx({ device: [device, 'cpu'] });
        const runner = await createRunner({ model: reference, backend, lanes: 2, warmUp: false });
        try {
          const { device: given, fallbacks, lanes } = runner.describe();
          const facts = JSON.stringify({ given, fallbacks, lanes: lanes.slots.length });
          const expected = JSON.stringify({ given: device, fallbacks: [], lanes: 2 });
          if (facts !== expected) throw new Error(`Expected ${expected}, given ${facts}.`);
          await Promise.all([runner.run(golden.inputs), runner.run(golden.inputs)]);
        } finally {
          await runner.close();
        }
      },
    },
    {
      // The parent reads the warning on stderr.
      name: 'warns of a model that no made-up inputs fit',
      async run() {
        const backend = createBackend();
        await (await backend.doCreateSession(modelOf('choosy', choosyModel()), {})).close();
      },
    },
  ];
}

/** Inputs, and what they come out as. */
interface Golden {
  readonly inputs: Tensors;
  readonly outputs: Tensors;
}

/** Picks a number of a list of one, by an index that is 0 or 1 when it is made up. */
function choosyModel(): Uint8Array {
  return tinyModel(
    [
      { name: 'x', type: 'float32', shape: [1] },
      { name: 'i', type: 'int64', shape: [8] },
    ],
    [{ op: 'Gather', inputs: ['x', 'i'], outputs: ['y'] }],
    [{ name: 'y', type: 'float32', shape: [8] }],
  );
}

function modelOf(name: string, bytes: Uint8Array): LoadedModel {
  return { bytes, digest: '0'.repeat(64), name, version: '1', sidecar: async () => undefined };
}

/** The golden rows as the CPU of this machine answers them. */
async function goldenOfCpu(): Promise<Golden> {
  const { cases } = JSON.parse(await readFile(goldenPath, 'utf8')) as {
    readonly cases: readonly [
      { readonly inputs: { readonly pixels: { readonly shape: number[]; readonly data: number[] } } },
    ];
  };
  const { shape, data } = cases[0].inputs.pixels;
  const pixels = { dtype: 'float32', shape, data: Float32Array.from(data) } as const;
  const session = await onnx().doCreateSession(modelOf('digits', await readFile(reference)), {});
  try {
    return { inputs: { pixels }, outputs: await session.doRun({ pixels }, {}) };
  } finally {
    await session.close();
  }
}

async function main(device: OnnxDevice, tolerance: number): Promise<void> {
  for (const { name, run } of casesOn(device, await goldenOfCpu(), tolerance)) {
    const error = await run().then(
      () => undefined,
      (problem: unknown) => messageOf(problem),
    );
    const outcome: Outcome = { name, ...(error === undefined ? {} : { error }) };
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
  }
}

const [script, device, tolerance] = process.argv.slice(1);
if (script === fileURLToPath(import.meta.url)) await main(device as OnnxDevice, Number(tolerance));
