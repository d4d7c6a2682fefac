import { afterEach, describe, expect, it } from 'vitest';
import type { Logger } from '../logger';
import { type Bench, closeBench, follow, inputOf, openBench, until } from '../testing/test-kit.fixture';
import type { Delay } from './host/call';
import type { CallOutcome, ServiceRequest, ServiceResponse } from './index';
import { createService, type Service } from './index';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const open: Bench[] = [];
afterEach(async () => {
  for (const bench of open.splice(0)) {
    // As long as the failure log counts what it leaves out.
    await bench.clock.advance(20_000);
    await closeBench(bench);
  }
});

/** A service whose batches take 20 ms, of which one is under way. */
async function busyService(): Promise<{ bench: Bench; service: Service; outcomes: CallOutcome[] }> {
  const bench = await openBench({ latencyMs: () => 20 }, { batching: { maxBatchRows: 4 } });
  open.push(bench);
  for (let batch = 0; batch < 4; batch++) await until(bench.runner.run(inputOf(1, 2, 3, 4)), bench.clock);
  const outcomes: CallOutcome[] = [];
  const observer = { begin: () => ({ end: (outcome: CallOutcome) => void outcomes.push(outcome) }) };
  const service = createService(bench.runner, { clock: bench.clock, logger: silent, observers: [observer] });
  void bench.runner.run(inputOf(1, 2, 3, 4));
  await bench.clock.settle();
  return { bench, service, outcomes };
}

const row = (more: object = {}): string =>
  JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }], ...more });
/** No JSON: whoever reads it answers 400. */
const unreadable = '{"inputs": [';

function request(text: string, headers: Record<string, string> = {}, delay?: Delay): ServiceRequest {
  return {
    method: 'POST',
    path: '/v2/models/mock/infer',
    header: (name) => headers[name],
    body: async () => new TextEncoder().encode(text),
    stream: () => {
      throw new Error('Nobody reads it in pieces.');
    },
    ...(delay && { delay }),
  };
}

const within = (ms: number): Record<string, string> => ({ 'x-request-timeout-ms': String(ms) });
const codeOf = ({ body }: ServiceResponse): string => JSON.parse(body as string).code;

describe('a request that cannot be answered in time', () => {
  it('is refused before its body is read, with the time after which to try again', async () => {
    const { service, outcomes } = await busyService();
    const refused = await service.handle(request(unreadable, within(10)));
    expect([refused.status, codeOf(refused)]).toEqual([429, 'OVERLOADED']);
    expect(Number(refused.headers['retry-after'])).toBe(1);
    expect(Number(refused.headers['retry-after-ms'])).toBeGreaterThanOrEqual(1);
    expect(outcomes).toMatchObject([{ code: 'OVERLOADED', served: 'mock' }]);
    const late = await service.handle(request(unreadable, within(0)));
    expect([late.status, codeOf(late)]).toEqual([504, 'DEADLINE_EXCEEDED']);
  });

  it('is told of in the statistics, and in the events of the runner', async () => {
    const { bench, service } = await busyService();
    const failed: string[] = [];
    bench.runner.events.on('request-fail', ({ code }) => void failed.push(code));
    await service.handle(request(unreadable, within(10)));
    expect(failed).toEqual(['OVERLOADED']);
    const stats = await service.handle({ ...request(''), method: 'GET', path: '/v2/models/mock/stats' });
    expect(JSON.parse(stats.body as string).model_stats[0].inference_stats.fail.count).toBe(1);
  });

  it('is read where it has the time, or no deadline at all', async () => {
    const { service } = await busyService();
    for (const headers of [within(1000), {}] as const)
      expect((await service.handle(request(unreadable, headers))).status).toBe(400);
  });

  it('is read where it may have a higher priority, and then passes those that wait', async () => {
    const { bench, service } = await busyService();
    // Those that are let in go before a normal one of 140 ms, which then would be late.
    for (let count = 0; count < 40; count++) void follow(bench.runner.run(inputOf(1), { timeoutMs: 139 }), bench.clock);
    await bench.clock.settle();
    const headers = within(140);
    expect((await until(service.handle(request(row(), headers)), bench.clock)).status).toBe(429);
    const timed = request(row({ parameters: { timeout: 60_000 } }), headers);
    expect((await until(service.handle(timed), bench.clock)).status).toBe(429);
    const urgent = service.handle(request(row({ parameters: { priority: 1 } }), headers));
    const answered = await until(urgent, bench.clock);
    expect(answered.status).toBe(200);
  });

  it('is refused for the time that its transport takes', async () => {
    const { bench, service, outcomes } = await busyService();
    await bench.clock.advance(100);
    const answer = (delay: Delay) => until(service.handle(request(row(), within(100), delay)), bench.clock);
    expect((await answer({ beforeMs: 30 })).status).toBe(200);
    // It counts as having come 30 ms before it was read.
    expect(outcomes[0]?.durationMs).toBeGreaterThanOrEqual(50);
    expect(outcomes[0]?.facts?.moments.receivedMs).toBe(30);
    const waited = await answer({ beforeMs: 100 });
    expect([waited.status, codeOf(waited)]).toEqual([504, 'DEADLINE_EXCEEDED']);
    // The model takes 20 ms.
    const late = await answer({ beforeMs: 90 });
    expect([late.status, codeOf(late)]).toEqual([429, 'OVERLOADED']);
  });

  it('is refused where enough was read, whatever time it has, unless it has no deadline', async () => {
    const { bench, service } = await busyService();
    await bench.clock.advance(100);
    const delay: Delay = { beforeMs: 0, isTooMuch: true };
    const refused = await service.handle(request(unreadable, within(60_000), delay));
    expect([refused.status, codeOf(refused), refused.headers['retry-after-ms']]).toEqual([429, 'OVERLOADED', '1']);
    expect((await until(service.handle(request(row(), {}, delay)), bench.clock)).status).toBe(200);
  });

  it('is let in where enough was read, if it goes first', async () => {
    const { bench, service } = await busyService();
    await bench.clock.advance(100);
    const delay: Delay = { beforeMs: 0, isTooMuch: true };
    const statusAt = async (priority: number) => {
      const body = row({ parameters: { priority, timeout: 60_000_000 } });
      return (await until(service.handle(request(body, within(60_000), delay)), bench.clock)).status;
    };
    expect([await statusAt(1), await statusAt(0), await statusAt(2)]).toEqual([200, 429, 429]);
  });

  it('may be given its time by its body too', async () => {
    const { bench, service } = await busyService();
    await bench.clock.advance(100);
    const timed = request(row({ parameters: { timeout: 50_000 } }), {}, { beforeMs: 45 });
    expect((await service.handle(timed)).status).toBe(429);
  });
});
