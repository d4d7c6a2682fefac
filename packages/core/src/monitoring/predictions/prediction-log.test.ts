import { describe, expect, it } from 'vitest';
import { createRunner } from '../../runner/create-runner';
import { createMockBackend, mockModel } from '../../testing/mock-backend';
import { createVirtualClock } from '../../testing/virtual-clock';
import { createMemorySink } from './memory-sink';
import { createPredictionLog, type PredictionFilter, type PredictionLog } from './prediction-log';
import type { PredictionLogOptions } from './prediction-log-options';
import type { PredictionRecord } from './prediction-record';

const model = { name: 'm', version: '1', digest: 'd' };
const vector = (...values: number[]) => ({
  dtype: 'float32' as const,
  shape: [1, values.length],
  data: Float32Array.from(values),
});

function setUp(options: Partial<PredictionLogOptions> = {}) {
  const clock = createVirtualClock();
  const errors: string[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error: (_: object, message: string) => void errors.push(message) };
  return {
    clock,
    errors,
    logger,
    open: () => createPredictionLog({ sink: createMemorySink(), clock, logger, ...options }),
  };
}

async function all(log: PredictionLog, filter: PredictionFilter = {}): Promise<PredictionRecord[]> {
  const records: PredictionRecord[] = [];
  for await (const record of log.read(filter)) records.push(record);
  return records;
}

describe('what is kept', () => {
  it('is all, a summary or nothing', async () => {
    const log = await setUp({ inputs: 'summary', outputs: 'none' }).open();
    log.record({
      id: 'a',
      model,
      inputs: { x: vector(1, Number.NaN, 3, Number.POSITIVE_INFINITY) },
      outputs: { y: vector(1) },
    });
    const [record] = await all(log);
    expect(record?.outputs).toEqual({});
    expect(record?.inputs).toEqual({
      x: {
        form: 'summary',
        summary: { dtype: 'float32', shape: [1, 4], count: 4, missing: 1, infinite: 1, least: 1, greatest: 3, mean: 2 },
      },
    });
    await log.close();
  });

  it('falls back to a summary for what is too large, and then to nothing', async () => {
    const log = await setUp({ maxRecordBytes: 600 }).open();
    expect(log.record({ id: 'a', model, inputs: { x: vector(...new Array<number>(500).fill(0.123)) } })).toBe('logged');
    expect((await all(log))[0]?.inputs.x?.form).toBe('summary');
    const wide = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x${i}`, vector(1)]));
    expect(log.record({ id: 'b', model, inputs: wide })).toBe('too-large');
    expect(log.stats()).toMatchObject({ summarised: 1, outcomes: { logged: 1, 'too-large': 1 } });
    await log.close();
  });

  it('is a share of the ids, the same in every process', async () => {
    const kept = async (seed: number) => {
      const log = await setUp({ sample: 0.2, seed }).open();
      for (let i = 0; i < 5000; i++) log.record({ id: `request-${i}`, model });
      const ids = (await all(log)).map(({ id }) => id);
      expect(ids.length + log.stats().outcomes['sampled-out']).toBe(5000);
      await log.close();
      return ids;
    };
    const [first, again, other] = await Promise.all([kept(1), kept(1), kept(2)]);
    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
    // Six standard deviations.
    expect(Math.abs((first?.length ?? 0) - 1000)).toBeLessThan(6 * Math.sqrt(5000 * 0.2 * 0.8));
  });
});

describe('redaction', () => {
  const draft = {
    id: 'a',
    model,
    inputs: {
      email: { dtype: 'string' as const, shape: [1], data: ['a@b.ch'] },
      x: vector(1, 2, 3),
      n: { dtype: 'int32' as const, shape: [1, 2], data: Int32Array.of(5, 6) },
    },
  };

  it('takes out inputs and single values by name, before anything is written', async () => {
    const sink = createMemorySink();
    const log = await setUp({ sink, redact: ['email', 'x[1]', 'n[0]', 'nothing', 'x[99]'] }).open();
    log.record(draft);
    const [record] = await all(log);
    expect(record?.inputs.email).toEqual({ form: 'redacted' });
    expect(record?.inputs.x).toMatchObject({ tensor: { data: Float32Array.of(1, Number.NaN, 3) } });
    expect(record?.inputs.n).toMatchObject({ tensor: { data: Int32Array.of(0, 6) } });
    expect(draft.inputs.x.data[1]).toBe(2);
    await log.close();
  });

  it('keeps no summary of a tensor with redacted values, as its extremes would tell them', async () => {
    const log = await setUp({ inputs: 'summary', redact: ['x[1]'] }).open();
    log.record(draft);
    expect((await all(log))[0]?.inputs).toMatchObject({ x: { form: 'redacted' }, n: { form: 'summary' } });
    await log.close();
  });

  it('may be a function; a record whose redaction refuses or throws is not kept', async () => {
    const { open, errors } = setUp({
      redact: (record) => {
        if (record.id === 'bad') throw new Error('cannot tell');
        return record.id === 'secret' ? undefined : { ...record, tags: { kept: 'yes' }, id: 'changed' };
      },
    });
    const log = await open();
    expect(['fine', 'secret', 'bad', 'bad'].map((id) => log.record({ id, model }))).toEqual([
      'logged',
      'redacted',
      'redacted',
      'redacted',
    ]);
    const records = await all(log);
    expect(records).toHaveLength(1);
    // The id is what labels find the record by.
    expect(records[0]).toMatchObject({ id: 'fine', tags: { kept: 'yes' } });
    expect(errors).toEqual([expect.stringContaining('cannot tell')]);
    await log.close();
  });
});

describe('reading back', () => {
  it('filters by time, model, id, key and number', async () => {
    const { open, clock } = setUp();
    const log = await open();
    const start = clock.epochMs();
    for (let i = 0; i < 10; i++) {
      log.record({ id: `r${i}`, at: start + i, model: { ...model, version: String(i % 2) }, key: `k${i % 3}` });
    }
    const ids = async (filter: PredictionFilter) => (await all(log, filter)).map(({ id }) => id).join(' ');
    expect(await ids({ from: start + 3, to: start + 6 })).toBe('r3 r4 r5');
    expect(await ids({ version: '1' })).toBe('r1 r3 r5 r7 r9');
    expect(await ids({ id: 'r4' })).toBe('r4');
    expect(await ids({ id: ['r9', 'r1', 'r77'] })).toBe('r1 r9');
    expect(await ids({ key: 'k2', version: '0' })).toBe('r2 r8');
    expect(await ids({ name: 'other' })).toBe('');
    expect(await ids({ limit: 2 })).toBe('r0 r1');
    expect(await ids({ limit: 0 })).toBe('');
    const aborted = AbortSignal.abort();
    await expect(ids({ signal: aborted })).rejects.toMatchObject({ code: 'ABORTED' });
    for (const bad of [{ from: Number.NaN }, { to: 'x' }, { limit: -1 }, { limit: 1.5 }]) {
      expect(() => log.read(bad as PredictionFilter)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
    await log.close();
  });
});

describe('attach', () => {
  async function attached(options: Partial<PredictionLogOptions> = {}) {
    const setup = setUp(options);
    const log = await setup.open();
    const runner = await createRunner({
      model: mockModel('7'),
      backend: createMockBackend(),
      clock: setup.clock,
      logger: setup.logger,
    });
    const send = async (...values: number[]) => {
      const answer = runner.run({
        x: { dtype: 'float32', shape: [values.length / 2, 2], data: Float32Array.from(values) },
      });
      await setup.clock.settle();
      const result = await answer;
      await setup.clock.settle();
      return result;
    };
    return { ...setup, log, runner, send };
  }

  it('records each row of a batch after its answer, with what describe says of it', async () => {
    const { log, runner, send } = await attached();
    const watching = log.attach(runner, {
      describe: ({ index, inputs, outputs }) => ({
        id: `row-${inputs.x?.data[0]}-${index}`,
        key: 'person',
        decision: (outputs.y?.data[0] as number) > 4,
        propensity: 0.5,
      }),
    });
    await send(1, 2, 3, 4);
    const records = await all(log);
    expect(records.map(({ id, decision }) => [id, decision])).toEqual([
      ['row-1-0', false],
      ['row-3-1', true],
    ]);
    expect(records[1]).toMatchObject({
      model: { version: '7' },
      inputs: { x: { tensor: { shape: [1, 2], data: Float32Array.of(3, 4) } } },
      outputs: { y: { tensor: { shape: [1, 2], data: Float32Array.of(6, 8) } } },
    });
    await watching.close();
    await send(5, 6);
    expect(log.stats().outcomes.logged).toBe(2);
    await runner.close();
    await log.close();
  });

  it('makes ids where none are given', async () => {
    const { log, runner, send } = await attached();
    log.attach(runner);
    await send(1, 2, 3, 4);
    const ids = (await all(log)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
    await log.close();
    await runner.close();
  });

  it('never throws into a request: what describe or the details break is counted, and told once', async () => {
    const { log, runner, send, errors } = await attached();
    let calls = 0;
    log.attach(runner, {
      describe: () => {
        calls++;
        if (calls === 1) throw new Error('cannot describe');
        if (calls === 2) return { propensity: 2 };
        return calls === 3 ? undefined : { id: `fine-${calls}` };
      },
    });
    const result = await send(1, 2, 3, 4, 5, 6, 7, 8);
    expect(result.outputs.y?.data).toHaveLength(8);
    expect((await all(log)).map(({ id }) => id)).toEqual(['fine-4']);
    expect(log.stats().failed).toBe(2);
    expect(errors).toEqual([expect.stringContaining('cannot describe')]);
    await runner.close();
    await log.close();
  });

  it('passes rows over to keep within its share of the time, evenly, and counts them', async () => {
    const virtual = createVirtualClock();
    let spentMs = 0;
    const slow = { ...virtual, now: () => virtual.now() + spentMs };
    const { log, runner, send } = await attached({ maxCpuShare: 0.01, clock: slow });
    // Describing a row takes a millisecond of the clock.
    log.attach(runner, {
      describe: () => {
        spentMs++;
        return {};
      },
    });
    for (let i = 0; i < 40; i++) {
      await send(...new Array<number>(20).fill(i));
      await virtual.advance(5);
    }
    const { outcomes, skipped } = log.stats();
    expect(outcomes.logged + skipped).toBe(400);
    expect(skipped).toBeGreaterThan(200);
    await runner.close();
    await log.close();
  });
});

describe('events', () => {
  it('tell of each record; a listener that throws hurts nobody', async () => {
    const seen: string[] = [];
    const { open, errors } = setUp({ on: { record: ({ record }) => void seen.push(record.id) }, sample: 0.5 });
    const log = await open();
    log.events.on('record', () => {
      throw new Error('listener');
    });
    for (let i = 0; i < 20; i++) log.record({ id: `r${i}`, model });
    expect(seen).toEqual((await all(log)).map(({ id }) => id));
    expect(errors.length).toBe(seen.length);
    await log.close();
  });
});

describe('bad input', () => {
  it.each([
    [{}, 'model'],
    [{ model: { name: 'm' } }, 'model'],
    [{ model, id: '' }, 'id'],
    [{ model, id: 'x'.repeat(257) }, 'id'],
    [{ model, at: Number.NaN }, 'at'],
    [{ model, key: 7 }, 'key'],
    [{ model, decision: Number.POSITIVE_INFINITY }, 'decision'],
    [{ model, propensity: 0 }, 'propensity'],
    [{ model, propensity: 1.1 }, 'propensity'],
    [{ model, tags: { a: 5 } }, 'tags.a'],
    [{ model, tags: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`t${i}`, 'v'])) }, 'tags'],
    [{ model, inputs: { x: [1, 2] } }, 'inputs.x.dtype'],
    [{ model, outputs: { y: { dtype: 'float32', shape: [3], data: new Float32Array(2) } } }, 'outputs.y.data'],
  ])('is refused: %j', async (draft, field) => {
    const log = await setUp().open();
    expect(() => log.record(draft as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', details: expect.objectContaining({ field }) }),
    );
    expect(log.stats().sink.records).toBe(0);
    await log.close();
  });

  it.each([
    [{ sink: {} }, 'sink'],
    [{ sample: 1.5 }, 'sample'],
    [{ inputs: 'some' }, 'inputs'],
    [{ redact: [''] }, 'redact'],
    [{ redact: 5 }, 'redact'],
    [{ maxRecords: 0 }, 'maxRecords'],
    [{ maxBytes: 1000 }, 'maxBytes'],
    [{ maxRecordBytes: 100 }, 'maxRecordBytes'],
    [{ ttlMs: 0 }, 'ttlMs'],
    [{ maxCpuShare: 0 }, 'maxCpuShare'],
    [{ rate: 1 }, 'rate'],
  ])('is refused as an option: %j', async (options, field) => {
    await expect(setUp(options as never).open()).rejects.toMatchObject({ code: 'INVALID_OPTION', details: { field } });
  });

  it('is refused by erase', async () => {
    const log = await setUp().open();
    await expect(log.erase({ key: '' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(log.erase({ key: 'a', future: 'maybe' as never })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await log.close();
    await expect(log.erase({ key: 'a' })).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
