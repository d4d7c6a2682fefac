import { describe, expect, it } from 'vitest';
import { type SimulatedLoad, type SimulatedServer, simulate } from './loop-simulation.fixture';

/*
 * Goodput at three times what a server can do, of its peak, on a simulated event loop: what `npm run bench -- serving` measures on a
 * machine, without the machine.
 */

const kinds: Readonly<Record<string, Omit<SimulatedServer, 'countsDelay' | 'holds'>>> = {
  'a large model in a worker, its requests in JSON': {
    exchangeMs: 0.12,
    decodeMs: 0.12,
    batchMs: 1,
    rowMs: 0.2,
    maxRows: 64,
    isInline: false,
  },
  'a small model, its requests in JSON': {
    exchangeMs: 0.06,
    decodeMs: 0.06,
    batchMs: 0.1,
    rowMs: 0.02,
    maxRows: 64,
    isInline: true,
  },
  'a small model on a slow machine': {
    exchangeMs: 0.6,
    decodeMs: 0.6,
    batchMs: 1,
    rowMs: 0.2,
    maxRows: 64,
    isInline: true,
  },
  'a small model in workers, its requests in JSON': {
    exchangeMs: 0.05,
    decodeMs: 0.04,
    batchMs: 0.1,
    rowMs: 0.02,
    maxRows: 64,
    isInline: false,
  },
  'a small model in workers, its requests as bytes': {
    exchangeMs: 0.045,
    decodeMs: 0.012,
    batchMs: 0.1,
    rowMs: 0.02,
    maxRows: 64,
    isInline: false,
  },
  'a small model, its requests as bytes': {
    exchangeMs: 0.06,
    decodeMs: 0.015,
    batchMs: 0.1,
    rowMs: 0.02,
    maxRows: 64,
    isInline: true,
  },
};

const peakLoad: SimulatedLoad = { connections: 64, patienceMs: 60_000, durationMs: 1000, warmUpMs: 200 };

function overload(
  server: SimulatedServer,
  connections: number,
  patience: number,
  clients: Pick<SimulatedLoad, 'clientMs' | 'clientPauses'> = {},
) {
  const peak = simulate(server, { ...peakLoad, ...clients });
  const load: SimulatedLoad = {
    ...clients,
    connections,
    perSecond: 3 * peak.goodput,
    patienceMs: Math.ceil(patience * peak.p50),
    durationMs: 3000,
    warmUpMs: 3000,
  };
  const outcome = simulate(server, load);
  return { ...outcome, ofPeak: outcome.goodput / peak.goodput };
}

const overloads = [
  [384, 8],
  [1024, 4],
] as const;

describe.each(Object.entries(kinds))('%s', (_name, kind) => {
  const server: SimulatedServer = { ...kind, countsDelay: true, holds: true };

  it.each(overloads)(
    'holds 0.9 of its peak behind %i connections whose callers wait for %i times its median',
    (connections, patience) => {
      const { ofPeak, late, sent } = overload(server, connections, patience);
      expect(ofPeak).toBeGreaterThanOrEqual(0.9);
      expect(late / sent).toBeLessThan(0.1);
    },
  );

  it.each(overloads)(
    'holds it too where threads stand still now and then, behind %i connections whose callers wait for %i times its median',
    (connections, patience) => {
      const clients = { clientMs: 0.02, clientPauses: { everyMs: 17, forMs: 4 } };
      const { ofPeak } = overload({ ...server, pauses: { everyMs: 29, forMs: 3 } }, connections, patience, clients);
      expect(ofPeak).toBeGreaterThanOrEqual(0.9);
    },
  );

  it('answers less than half of that where nothing of that is done, or nobody is held', () => {
    for (const countsDelay of [false, true]) {
      const { ofPeak } = overload({ ...server, countsDelay, holds: false }, 1024, 4);
      expect(ofPeak).toBeLessThan(0.45);
    }
  });

  it('refuses nobody who has no deadline', () => {
    const load = { ...peakLoad, connections: 1024, patienceMs: Number.POSITIVE_INFINITY, durationMs: 5000 };
    const { refused, starved } = simulate(server, load);
    expect([refused, starved]).toEqual([0, 0]);
  });
});
