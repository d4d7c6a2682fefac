import type { Backend, Session } from '../backend';
import { FairleadError } from '../errors';
import type { LoadedModel } from '../model-source';
import { createRunner } from '../runner/create-runner';
import type { Tensor, Tensors } from '../tensor/tensor';

/** One thing that a backend must hold to. */
export interface ConformanceCase {
  readonly name: string;
  /** Resolves when it holds; throws an error that says what was expected and what came. */
  run(): Promise<void>;
}

/** What the suite needs to try a backend. */
export interface BackendConformanceOptions {
  /** Makes the backend; called anew for each case. */
  readonly createBackend: () => Backend;
  /** A reference that `doResolve` understands, to a model of this runtime with a batch axis and fixed row shapes. */
  readonly reference: string;
  /** A reference that leads nowhere. */
  readonly missingReference: string;
  /** Two or more rows for that model, and what the bare runtime answers to them. */
  readonly golden: { readonly inputs: Tensors; readonly outputs: Tensors };
  /** Largest absolute difference between a golden output and the backend's. @default 0 */
  readonly tolerance?: number;
}

/**
 * The conformance suite for backends of specVersion `v1`. It needs no test framework:
 *
 * ```ts
 * for (const { name, run } of backendConformance(options)) test(name, run);
 * ```
 */
export function backendConformance(options: BackendConformanceOptions): readonly ConformanceCase[] {
  const { createBackend, reference, golden, tolerance = 0 } = options;

  const load = async (): Promise<{ backend: Backend; model: LoadedModel }> => {
    const backend = createBackend();
    const resolve = backend.doResolve;
    expect(resolve !== undefined, 'the backend has doResolve');
    return { backend, model: await (resolve as NonNullable<typeof resolve>).call(backend, reference, {}) };
  };

  const withSession = async (use: (session: Session) => Promise<void>): Promise<void> => {
    const { backend, model } = await load();
    const session = await backend.doCreateSession(model, {});
    try {
      await use(session);
    } finally {
      await session.close();
    }
  };

  return [
    {
      name: 'declares its spec version and name',
      async run() {
        const backend = createBackend();
        expect(backend.specVersion === 'v1', `specVersion is "v1", not ${String(backend.specVersion)}`);
        expect(typeof backend.name === 'string' && backend.name !== '', 'name is not empty');
      },
    },
    {
      name: 'says whether it is supported, without throwing',
      async run() {
        const support = await createBackend().isSupported();
        expect(support.supported, `supported here: ${support.supported ? '' : support.reason}`);
        if (support.supported) expect(support.devices.length > 0, 'at least one device');
      },
    },
    {
      name: 'resolves a reference to bytes with their digest',
      async run() {
        const { model } = await load();
        expect(model.bytes.byteLength > 0, 'the model has bytes');
        expect(/^[0-9a-f]{64}$/.test(model.digest), `the digest is SHA-256 in hex, not "${model.digest}"`);
        expect(model.name !== '' && model.version !== '', 'name and version are not empty');
      },
    },
    {
      name: 'refuses a reference that leads nowhere with MODEL_NOT_FOUND',
      async run() {
        const backend = createBackend();
        await expectCode('MODEL_NOT_FOUND', async () => backend.doResolve?.(options.missingReference, {}));
      },
    },
    ...['not a model at all', ''].map((text) => ({
      name: `refuses ${text === '' ? 'no bytes' : 'bytes that are no model'} with MODEL_INVALID`,
      async run(): Promise<void> {
        const { backend, model } = await load();
        const bytes = new TextEncoder().encode(text);
        await expectCode('MODEL_INVALID', () => backend.doCreateSession({ ...model, bytes }, {}));
      },
    })),
    {
      name: 'refuses a truncated model with MODEL_INVALID',
      async run() {
        const { backend, model } = await load();
        const bytes = model.bytes.slice(0, model.bytes.length >> 1);
        await expectCode('MODEL_INVALID', () => backend.doCreateSession({ ...model, bytes }, {}));
      },
    },
    {
      name: 'describes inputs, outputs, batch axis and device',
      run: () =>
        withSession(async (session) => {
          expectNames('inputs', session.inputs, golden.inputs);
          expectNames('outputs', session.outputs, golden.outputs);
          expect(session.batchAxis === 0, `the batch axis of the model is 0, not ${session.batchAxis}`);
          for (const spec of [...session.inputs, ...session.outputs]) {
            expect(typeof spec.shape[0] === 'string', `the first axis of "${spec.name}" is symbolic`);
          }
          expect(session.device !== '', 'the device is named');
          expect(Array.isArray(session.fallbacks), 'fallbacks is an array');
        }),
    },
    {
      name: 'computes the golden rows',
      run: () =>
        withSession(async (session) => {
          expectClose(await session.doRun(golden.inputs, {}), golden.outputs, tolerance);
        }),
    },
    {
      name: 'computes each golden row by itself to the same values',
      run: () =>
        withSession(async (session) => {
          for (let row = 0; row < rowsOf(golden.inputs); row++) {
            const outputs = await session.doRun(pickRow(golden.inputs, row), {});
            expectClose(outputs, pickRow(golden.outputs, row), tolerance);
          }
        }),
    },
    {
      name: 'leaves the inputs as they were',
      run: () =>
        withSession(async (session) => {
          const inputs = clone(golden.inputs);
          await session.doRun(inputs, {});
          expectClose(inputs, golden.inputs, 0);
        }),
    },
    {
      name: 'answers arrays that a later run does not change',
      run: () =>
        withSession(async (session) => {
          const first = await session.doRun(golden.inputs, {});
          await session.doRun(zeroed(golden.inputs), {});
          expectClose(first, golden.outputs, tolerance);
        }),
    },
    {
      name: 'takes as many overlapping runs as its concurrency says',
      run: () =>
        withSession(async (session) => {
          const count = session.concurrency ?? 1;
          const all = await Promise.all(Array.from({ length: count }, () => session.doRun(golden.inputs, {})));
          for (const outputs of all) expectClose(outputs, golden.outputs, tolerance);
        }),
    },
    {
      name: 'holds two sessions of one model side by side',
      async run() {
        const { backend, model } = await load();
        const first = await backend.doCreateSession(model, {});
        const second = await backend.doCreateSession(model, {});
        await first.close();
        expectClose(await second.doRun(golden.inputs, {}), golden.outputs, tolerance);
        await second.close();
      },
    },
    {
      name: 'closes twice without complaint and refuses work afterwards',
      async run() {
        const { backend, model } = await load();
        const session = await backend.doCreateSession(model, {});
        await session.close();
        await session.close();
        await expectCode('CLOSED', () => session.doRun(golden.inputs, {}));
      },
    },
    {
      name: 'opens and closes many sessions',
      async run() {
        const { backend, model } = await load();
        for (let round = 0; round < 20; round++) await (await backend.doCreateSession(model, {})).close();
      },
    },
    {
      name: 'gives its worker options that survive structured cloning',
      async run() {
        const { worker } = createBackend();
        if (worker === undefined) return;
        structuredClone(worker.options);
        expect(URL.canParse(worker.moduleUrl), `moduleUrl is an absolute URL, not "${worker.moduleUrl}"`);
      },
    },
    {
      name: 'computes the same values with one thread as with all, where it says that threads can be chosen',
      async run() {
        const { backend, model } = await load();
        const { threading } = backend;
        if (threading === undefined) return;
        expectCount('cores', threading.cores);
        expectCount('threads', threading.threads);
        const single = threading.withThreads?.(1);
        if (single === undefined) return;
        expect(single.name === backend.name, `it keeps its name, "${backend.name}"`);
        expect(single.threading?.threads === 1, `one thread was asked for, not ${single.threading?.threads}`);
        expect(single.threading?.withThreads !== undefined, 'threads can be chosen again');
        const session = await single.doCreateSession(model, {});
        try {
          expectClose(await session.doRun(golden.inputs, {}), golden.outputs, tolerance);
        } finally {
          await session.close();
        }
      },
    },
    {
      name: 'serves a runner, inline and in a worker lane where it has one, with the same values',
      async run() {
        for (const lanes of createBackend().laneHost === undefined ? (['inline'] as const) : (['inline', 1] as const)) {
          const runner = await createRunner({ model: reference, backend: createBackend(), lanes });
          try {
            const whole = await runner.run(golden.inputs);
            expectClose(whole.outputs, golden.outputs, tolerance);
            const rows = Array.from({ length: rowsOf(golden.inputs) }, (_, row) => row);
            const answers = await Promise.all(rows.map((row) => runner.run(pickRow(golden.inputs, row))));
            for (const [row, answer] of answers.entries()) {
              expectClose(answer.outputs, pickRow(golden.outputs, row), tolerance);
            }
          } finally {
            await runner.close();
          }
        }
      },
    },
  ];
}

function expectCount(what: string, given: number): void {
  expect(Number.isInteger(given) && given >= 1, `threading.${what} is a whole number, 1 or more, not ${given}`);
}

function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(`Expected that ${what}.`);
}

async function expectCode(code: string, call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (error) {
    expect(FairleadError.isInstance(error), `a FairleadError is thrown, not ${String(error)}`);
    expect((error as FairleadError).code === code, `the code is ${code}, not ${(error as FairleadError).code}`);
    return;
  }
  throw new Error(`Expected a FairleadError of code ${code}, but the call succeeded.`);
}

function expectNames(what: string, specs: readonly { readonly name: string }[], golden: Tensors): void {
  const given = specs.map((spec) => spec.name).sort();
  const expected = Object.keys(golden).sort();
  expect(given.join() === expected.join(), `${what} are ${expected.join(', ')}, not ${given.join(', ')}`);
}

function rowsOf(tensors: Tensors): number {
  return Object.values(tensors)[0]?.shape[0] ?? 0;
}

function mapTensors(tensors: Tensors, change: (tensor: Tensor) => Tensor): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor)]));
}

function clone(tensors: Tensors): Tensors {
  return mapTensors(tensors, (tensor) => ({ ...tensor, data: tensor.data.slice() }) as Tensor);
}

function zeroed(tensors: Tensors): Tensors {
  return mapTensors(tensors, ({ dtype, shape, data }) => {
    if (Array.isArray(data)) return { dtype, shape, data: data.map(() => '') };
    return { dtype, shape, data: new (data.constructor as Float32ArrayConstructor)(data.length) } as Tensor;
  });
}

/** One row of tensors, as tensors of one row. */
function pickRow(tensors: Tensors, row: number): Tensors {
  return mapTensors(tensors, ({ dtype, shape, data }) => {
    const elements = data.length / (shape[0] as number);
    return { dtype, shape: [1, ...shape.slice(1)], data: data.slice(row * elements, (row + 1) * elements) } as Tensor;
  });
}

function expectClose(given: Tensors, expected: Tensors, tolerance: number): void {
  for (const [name, tensor] of Object.entries(expected)) {
    const other = given[name];
    expect(other !== undefined, `there is an output "${name}"`);
    const { dtype, shape, data } = other as Tensor;
    expect(dtype === tensor.dtype, `"${name}" is ${tensor.dtype}, not ${dtype}`);
    expect(shape.join() === tensor.shape.join(), `"${name}" has shape [${tensor.shape}], not [${shape}]`);
    for (let index = 0; index < tensor.data.length; index++) {
      const [a, b] = [data[index], tensor.data[index]];
      const close = Object.is(a, b) || Math.abs(Number(a) - Number(b)) <= tolerance;
      expect(close, `"${name}"[${index}] is ${String(b)} to within ${tolerance}, not ${String(a)}`);
    }
  }
}
