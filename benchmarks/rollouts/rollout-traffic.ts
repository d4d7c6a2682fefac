import {
  type Backend,
  type Closeable,
  createRunner,
  FairleadError,
  type ModelRunner,
  type Tensor,
} from '@fairlead/core';
import { createRollout, type RolloutOptions, type RolloutRunner } from '@fairlead/core/rollouts';
import { createVirtualClock, mockModel, type VirtualClock } from '@fairlead/core/testing';
import { createRandom, type Random } from '../lib/random';

/* Traffic through a rollout and the real batcher, on a virtual clock: two runners on one device. */

export interface RolloutTrafficOptions
  extends Pick<RolloutOptions, 'strategy' | 'guardrails' | 'maxFalseRollbackRate'> {
  readonly seed: number;
  /** What share of its requests each arm fails for reasons of its own. */
  readonly rates: { readonly challenger: number; readonly champion: number };
  /** Whether the device fails now and then, with every batch of every arm that computes meanwhile. */
  readonly outages: boolean;
}

/** Requests a millisecond: enough for the champion's batches to grow, and for those of a tenth to have mostly one or two. */
const requestsPerMs = 2;
const batchMs = 0.8;
const rowMs = 0.1;
/** How often the device fails, in milliseconds, and for how long at most. */
const betweenOutagesMs = 1500;
const longestOutageMs = 60;

interface Device {
  /** Computes a batch after those before it. */
  compute(rows: number): Promise<void>;
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
      await new Promise<void>((resolve) => void clock.setTimer(resolve, batchMs + rowMs * rows));
      release();
      if (isOut(clock.now())) throw new FairleadError('RUN_FAILED', 'The device is out.');
    },
  };
}

/**
 * A model that fails a share of all inputs: those at the lower end after a shuffle of its own. The same input fails whenever it comes, so
 * that the batcher finds it by halving.
 */
function backendOn(device: Device, random: Random, rate: number): Backend {
  const spec = [{ name: 'x', dtype: 'float32', shape: ['batch', 1] }] as const;
  const shift = random();
  const fails = (x: number): boolean => (x + shift) % 1 < rate;
  return {
    specVersion: 'v1',
    name: 'simulated',
    isSupported: async () => ({ supported: true, devices: ['cpu'] }),
    doCreateSession: async () => ({
      inputs: spec,
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 1] }],
      batchAxis: 0,
      device: 'cpu',
      fallbacks: [],
      doRun: async ({ x }) => {
        const input = x as Tensor<'float32'>;
        await device.compute(input.data.length);
        if (input.data.some(fails)) throw new FairleadError('RUN_FAILED', 'A row that the model cannot compute.');
        return { y: { ...input, data: input.data.slice() } };
      },
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }),
  };
}

/** A rollout and its callers. */
export interface RolloutTraffic extends Closeable {
  readonly rollout: RolloutRunner;
  /** Lets a millisecond pass, with the requests that come in it. */
  tick(): Promise<void>;
}

export async function openRolloutTraffic(options: RolloutTrafficOptions): Promise<RolloutTraffic> {
  const { seed, rates, outages, ...others } = options;
  const clock = createVirtualClock();
  const random = createRandom(seed);
  const device = createDevice(clock, createRandom(seed + 1), outages);
  const open = (version: string, rate: number): Promise<ModelRunner> =>
    createRunner({
      model: mockModel(version),
      backend: backendOn(device, createRandom(seed + Number(version) + 1), rate),
      lanes: 'inline',
      warmUp: false,
      clock,
    });
  const [champion, canary] = await settled(
    clock,
    Promise.all([open('1', rates.champion), open('2', rates.challenger)]),
  );
  const rollout = await settled(
    clock,
    createRollout({
      name: 'simulated',
      champion,
      challengers: { canary },
      // What has no batch ended with its batch, so within this time.
      blockMs: 0.01,
      // After an outage the challenger is tried again soon: what is left alone gives no evidence.
      breaker: { halfOpenAfterMs: 100 },
      clock,
      random: createRandom(seed + 9),
      // Outages open the breaker by the thousand; the figures tell of them.
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      ...others,
    }),
  );

  const close = async (): Promise<void> => {
    const closing = rollout.close();
    await clock.advance(10_000);
    await closing;
  };
  return {
    rollout,
    async tick() {
      for (let count = drawPoisson(random, requestsPerMs); count > 0; count--) {
        rollout.run({ x: Float32Array.of(random()) }).catch(expected);
      }
      await clock.advance(1);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Requests are meant to fail now and then, and the rollout counts them. */
function expected(error: unknown): void {
  if (!FairleadError.isInstance(error)) throw error;
}

async function settled<T>(clock: VirtualClock, opening: Promise<T>): Promise<T> {
  await clock.settle();
  return opening;
}

/** By Knuth's product of uniform numbers, for small means. */
function drawPoisson(random: Random, mean: number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > limit; product *= random()) count++;
  return count;
}
