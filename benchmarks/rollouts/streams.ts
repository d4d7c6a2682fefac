import type { Block } from '@fairlead/core/rollouts';
import type { Random } from '../lib/random';

/** Draws the next block of a canary: of the challenger or of its control slice, whoever's batch ends next. */
export type BlockStream = () => Block;

/** Traffic without a difference between the arms, or with one. */
export interface Scenario {
  readonly name: string;
  stream(random: Random): BlockStream;
}

/** What decides how a block of an arm fails. */
interface BlockLaw {
  requests(random: Random, isChallenger: boolean): number;
  /** How many of `requests` fail. */
  failures(random: Random, isChallenger: boolean, requests: number, time: number): number;
}

const challenger = 'canary';
const control = 'champion';

/** Blocks of both arms in random order: the share of requests is the same, and assignment throws a coin for each block. */
function streamOf({ requests, failures }: BlockLaw, random: Random): BlockStream {
  let time = 0;
  return () => {
    time++;
    const isChallenger = random() < 0.5;
    const count = requests(random, isChallenger);
    return {
      arm: isChallenger ? challenger : control,
      startedAt: time - 1,
      endedAt: time,
      requests: count,
      failedRequests: failures(random, isChallenger, count, time),
      latenciesMs: [],
    };
  };
}

/** How many of so many independent requests fail. */
export function drawFailures(random: Random, requests: number, rate: number): number {
  let failed = 0;
  for (let index = 0; index < requests; index++) if (random() < rate) failed++;
  return failed;
}

/** Batches as they are at a tenth of the traffic: mostly one request, some of two or three. */
const smallBatches = (random: Random): number => (random() < 0.6 ? 1 : random() < 0.75 ? 2 : 3);

/** Both arms fail alike, in five ways of which only the first is what a test for single requests takes for granted. */
export const nullScenarios: readonly Scenario[] = [
  {
    name: 'requests fail one by one, 1 %',
    stream: (random) =>
      streamOf({ requests: smallBatches, failures: (draw, _, requests) => drawFailures(draw, requests, 0.01) }, random),
  },
  {
    name: 'batches of 32 fail as a whole, 1 %',
    stream: (random) =>
      streamOf({ requests: () => 32, failures: (draw, _, requests) => (draw() < 0.01 ? requests : 0) }, random),
  },
  {
    name: 'bursts of failures in both arms',
    stream(random) {
      let until = 0;
      return streamOf(
        {
          requests: smallBatches,
          failures(draw, _, requests, time) {
            if (time > until && draw() < 0.01) until = time + 30;
            return drawFailures(draw, requests, time <= until ? 0.7 : 0.01);
          },
        },
        random,
      );
    },
  },
  {
    name: 'batches of 8 beside batches of 1, 2 % fail one by one',
    stream: (random) =>
      streamOf(
        {
          requests: (_, isChallenger) => (isChallenger ? 8 : 1),
          failures: (draw, _, requests) => drawFailures(draw, requests, 0.02),
        },
        random,
      ),
  },
  {
    name: 'drift from 0.5 % to 20 % and back in both arms',
    stream: (random) =>
      streamOf(
        {
          requests: smallBatches,
          failures: (draw, _, requests, time) =>
            drawFailures(draw, requests, 0.005 + 0.195 * Math.sin((Math.PI * time) / 700) ** 2),
        },
        random,
      ),
  },
];

/** Blocks of `size` requests, of which the arms fail so many, each by itself. */
export function failingStream(
  random: Random,
  rates: { readonly challenger: number; readonly control: number },
  size: (random: Random) => number = smallBatches,
): BlockStream {
  return streamOf(
    {
      requests: size,
      failures: (draw, isChallenger, requests) =>
        drawFailures(draw, requests, isChallenger ? rates.challenger : rates.control),
    },
    random,
  );
}

/** Blocks whose requests take log-normal times, those of the challenger longer by a factor. */
export function latencyStream(random: Random, normal: () => number, factor: number): BlockStream {
  const blocks = streamOf({ requests: smallBatches, failures: () => 0 }, random);
  return () => {
    const block = blocks();
    // What both arms feel at this moment: the machine is busier at some times than at others.
    const load = 1 + 0.5 * Math.sin(block.endedAt / 100);
    const times = Array.from({ length: block.requests }, () => 20 * load * Math.exp(0.4 * normal()));
    return { ...block, latenciesMs: block.arm === challenger ? times.map((time) => time * factor) : times };
  };
}
