import {
  type Backend,
  type Closeable,
  createRunner,
  FairleadError,
  type ModelRunner,
  type Tensor,
} from '@fairlead/core';
import type { Block } from '@fairlead/core/rollouts';
import { createVirtualClock, mockModel, type VirtualClock } from '@fairlead/core/testing';
import { createRandom, type Random } from '../lib/random';

/* Traffic through the real batcher, on a virtual clock: three queues on one device. */

export interface BatcherTrafficOptions {
  readonly seed: number;
  /** What share of its requests each arm fails for reasons of its own: the same for the champion and its control slice. */
  readonly rates: { readonly challenger: number; readonly control: number };
  /** Whether the device fails now and then, with every batch of every arm that computes meanwhile. */
  readonly outages: boolean;
}

/** Share of the requests that the challenger gets, and so many its control slice; the rest goes to the champion's own queue. */
const share = 0.1;
/** Requests a millisecond: enough for the champion's batches to grow, and for the slices to have mostly one or two. */
const requestsPerMs = 2;
const batchMs = 0.8;
const rowMs = 0.1;
/** How often the device fails, in milliseconds, and for how long at most. */
const betweenOutagesMs = 1500;
const longestOutageMs = 60;

interface Device {
  /** Computes a batch after those before it. */
  compute(rows: Float32Array): Promise<void>;
}

/** One device that all sessions share: it computes one batch after the other, and may fail for a while. */
function createDevice(clock: VirtualClock, random: Random, outages: boolean): Device {
  let free: Promise<void> = Promise.resolve();
  let outageFrom = outages ? random() * 2 * betweenOutagesMs : Number.POSITIVE_INFINITY;
  let outageUntil = outageFrom + random() * longestOutageMs;
  const isOut = (now: number): boolean => {
    while (now > outageUntil) {
      outageFrom = outageUntil + random() * 2 * betweenOutagesMs;
      outageUntil = outageFrom + random() * longestOutageMs;
    }
    return now >= outageFrom;
  };
  return {
    async compute(rows) {
      const before = free;
      let release = (): void => {};
      free = new Promise((resolve) => {
        release = resolve;
      });
      await before;
      await new Promise<void>((resolve) => void clock.setTimer(resolve, batchMs + rowMs * rows.length));
      release();
      if (isOut(clock.now())) throw new FairleadError('RUN_FAILED', 'The device is out.');
      if (rows.some((row) => row < 0)) throw new FairleadError('RUN_FAILED', 'A row that the model cannot compute.');
    },
  };
}

function backendOn(device: Device): Backend {
  const spec = [{ name: 'x', dtype: 'float32', shape: ['batch', 1] }] as const;
  return {
    specVersion: 'v1',
    name: 'simulated',
    isSupported: async () => ({ supported: true }),
    doCreateSession: async () => ({
      inputs: spec,
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 1] }],
      batchAxis: 0,
      device: 'cpu',
      fallbacks: [],
      doRun: async ({ x }) => {
        const input = x as Tensor<'float32'>;
        await device.compute(input.data);
        return { y: { ...input, data: input.data.slice() } };
      },
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }),
  };
}

/** What ended in an arm at one moment: what shared a batch ends together. */
interface OpenBlock {
  endedAt: number;
  startedAt: number;
  requests: number;
  failedRequests: number;
  latenciesMs: number[];
}

/** Traffic that can be asked for more. */
export interface BatcherTraffic extends Closeable {
  /** Lets a millisecond pass; what ended in it, in order. */
  tick(): Promise<readonly Block[]>;
}

export async function openBatcherTraffic({ seed, rates, outages }: BatcherTrafficOptions): Promise<BatcherTraffic> {
  const clock = createVirtualClock();
  const random = createRandom(seed);
  const device = createDevice(clock, createRandom(seed + 1), outages);
  const open = (version: string): Promise<ModelRunner> =>
    createRunner({ model: mockModel(version), backend: backendOn(device), lanes: 'inline', warmUp: false, clock });
  const opening = Promise.all([open('1'), open('1'), open('2')]);
  await clock.settle();
  const [champion, control, challenger] = await opening;

  let ended: Block[] = [];
  const openBlocks = new Map<string, OpenBlock>();
  const endBlock = (arm: string, block: OpenBlock): void => {
    openBlocks.delete(arm);
    ended.push({ arm, ...block });
  };
  const tell = (arm: string, startedAt: number, failed: boolean): void => {
    const endedAt = clock.now();
    const before = openBlocks.get(arm);
    if (before !== undefined && before.endedAt !== endedAt) endBlock(arm, before);
    let block = openBlocks.get(arm);
    if (block === undefined) {
      block = { endedAt, startedAt, requests: 0, failedRequests: 0, latenciesMs: [] };
      openBlocks.set(arm, block);
    }
    block.requests++;
    if (failed) block.failedRequests++;
    else block.latenciesMs.push(endedAt - startedAt);
  };
  const send = (runner: ModelRunner, arm: string | undefined, rate: number): void => {
    const startedAt = clock.now();
    const answer = runner.run({ x: Float32Array.of(random() < rate ? -1 : 1) });
    answer.then(
      () => arm !== undefined && tell(arm, startedAt, false),
      () => arm !== undefined && tell(arm, startedAt, true),
    );
  };

  return {
    async tick() {
      for (let count = drawPoisson(random, requestsPerMs); count > 0; count--) {
        const bucket = random();
        if (bucket < share) send(challenger, 'canary', rates.challenger);
        else if (bucket < 2 * share) send(control, 'champion', rates.control);
        else send(champion, undefined, rates.control);
      }
      await clock.advance(1);
      for (const [arm, block] of openBlocks) endBlock(arm, block);
      const blocks = ended.sort((one, other) => one.endedAt - other.endedAt);
      ended = [];
      return blocks;
    },
    close: async () => {
      const closing = Promise.all([champion.close(), control.close(), challenger.close()]);
      await clock.advance(10_000);
      await closing;
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}

/** By Knuth's product of uniform numbers, for small means. */
function drawPoisson(random: Random, mean: number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > limit; product *= random()) count++;
  return count;
}
