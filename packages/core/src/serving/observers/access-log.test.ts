import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { FairleadError } from '../../errors';
import { createVirtualClock } from '../../testing/virtual-clock';
import type { Guard } from '../host/call';
import { type AccessLogOptions, accessLog } from './access-log';
import { handlerOf, infer } from './observers.fixture';

type Line = Readonly<Record<string, unknown>>;

/** A real pino logger, and the lines that it has written. */
function openPino() {
  const lines: Line[] = [];
  const logger = pino(
    { base: null, level: 'debug' },
    { write: (text: string) => void lines.push(JSON.parse(text) as Line) },
  );
  return { logger, lines };
}

async function open(options: Partial<AccessLogOptions> = {}, guard?: Guard) {
  const clock = createVirtualClock();
  const { logger, lines } = openPino();
  const observers = [accessLog({ logger, clock, ...options })];
  const { handle, runner } = await handlerOf({ observers, logger, clock, ...(guard && { guard }) }, { clock });
  /** Sends requests and lets the clock run until they are answered. */
  const send = async (...requests: Request[]): Promise<readonly Response[]> => {
    const answers = Promise.all(requests.map(handle));
    let isDone = false;
    void answers.then(() => {
      isDone = true;
    });
    while (!isDone) await clock.advance(1);
    return answers;
  };
  return { clock, lines, runner, send };
}

const withoutTime = ({ time: _time, ...rest }: Line): Line => rest;

describe('accessLog, written by pino,', () => {
  test('has a line for each call, with who, what, how long and in which batch', async () => {
    const guard: Guard = { admit: () => ({ id: 'shop', scheme: 'api-key' }) };
    const { lines, runner, send } = await open({}, guard);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await send(infer({ 'x-request-id': 'order-7', traceparent }), infer({}, [1, 2, 3, 4]));
    expect(lines.map(withoutTime)).toEqual([
      {
        level: 30,
        requestId: 'order-7',
        traceId: '0af7651916cd43dd8448eb211c80319c',
        protocol: 'open-inference',
        operation: 'infer',
        model: 'numbers',
        version: '1',
        code: 'OK',
        durationMs: expect.any(Number),
        queueMs: expect.any(Number),
        computeMs: expect.any(Number),
        rows: 1,
        batchRows: 3,
        principal: 'shop',
        msg: 'infer numbers: OK',
      },
      expect.objectContaining({ rows: 2, batchRows: 3, requestId: expect.stringMatching(/^[\da-f-]{36}$/) }),
    ]);
    await runner.close();
  });

  test('says of a failed call which code it had, and no more than is known', async () => {
    const { lines, runner, send } = await open();
    await send(infer({}, ['x', 2]), infer({}, [1, 2], 'made-up'), new Request('http://test/v2/health/ready'));
    expect(lines.map(withoutTime)).toEqual([
      {
        level: 30,
        requestId: expect.any(String),
        protocol: 'open-inference',
        operation: 'infer',
        code: 'NOT_FOUND',
        durationMs: 0,
        msg: 'infer: NOT_FOUND',
      },
      expect.objectContaining({ model: 'numbers', code: 'INVALID_INPUT', msg: 'infer numbers: INVALID_INPUT' }),
    ]);
    await runner.close();
  });

  test.each(['a b', 'x'.repeat(129), 'tab\tin', 'Ünicode'])(
    'takes no request id that a terminal would obey or a line would burst of: %j',
    async (id) => {
      const { lines, runner, send } = await open();
      await send(infer({ 'x-request-id': id }));
      expect(lines[0]?.requestId).toMatch(/^[\da-f]{8}-[\da-f-]{27}$/);
      await runner.close();
    },
  );

  test.each(['00-00000000000000000000000000000000-b7ad6b7169203331-01', '00-short-b7ad6b7169203331-01', 'anything'])(
    'takes no trace id from %j',
    async (traceparent) => {
      const { lines, runner, send } = await open();
      await send(infer({ traceparent }));
      expect(lines[0]).not.toHaveProperty('traceId');
      await runner.close();
    },
  );

  test('writes every so many-th answered call, and every failed one', async () => {
    const { lines, runner, send } = await open({ sample: 0.25 });
    await send(...Array.from({ length: 40 }, () => infer()), infer({}, ['x', 2]));
    expect(lines.filter(({ code }) => code === 'OK')).toHaveLength(10);
    expect(lines.filter(({ code }) => code === 'INVALID_INPUT')).toHaveLength(1);
    await runner.close();
  });

  test('grows no faster than it may, however many calls fail, and tells how many did', async () => {
    const { clock, lines, runner, send } = await open({ maxFailureLines: 3, sample: 0 });
    await send(...Array.from({ length: 500 }, () => infer({}, ['x', 2])));
    expect(lines).toHaveLength(3);
    await clock.advance(10_000);
    expect(lines).toHaveLength(4);
    expect(lines[3]).toMatchObject({
      code: 'INVALID_INPUT',
      count: 497,
      msg: '497 more calls failed with INVALID_INPUT within 10 s.',
    });
    await runner.close();
  });

  test.each([
    [{ logger: undefined }, 'logger'],
    [{ sample: 1.5 }, 'sample'],
    [{ maxFailureLines: -1 }, 'maxFailureLines'],
    [{ operations: ['guess'] }, 'operations.0'],
    [{ sampel: 1 }, 'sampel'],
  ])('refuses %j', (given, field) => {
    const options = { logger: openPino().logger, ...given } as unknown as AccessLogOptions;
    const making = (): unknown => accessLog(options);
    expect(making).toThrowError(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
    );
  });
});

describe('what the service itself tells pino', () => {
  test('is one warning for any number of deadlines that ran out, with their count', async () => {
    const { clock, lines, runner, send } = await open({ sample: 0, maxFailureLines: 0 });
    const answers = await send(...Array.from({ length: 1000 }, () => infer({ 'x-request-timeout-ms': '0' })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([504]));
    const told = () => lines.filter(({ level }) => Number(level) >= 40);
    expect(told()).toEqual([
      expect.objectContaining({ level: 40, code: 'DEADLINE_EXCEEDED', status: 504, path: '/v2/models/numbers/infer' }),
    ]);
    await clock.advance(10_000);
    expect(told()).toHaveLength(2);
    expect(told()[1]).toMatchObject({ level: 40, count: 999, code: 'DEADLINE_EXCEEDED' });
    await runner.close();
  });

  test('is ten errors of a code at most, each with what the client does not see, and how many more there were', async () => {
    const { clock, lines, runner, send } = await open(
      { sample: 0, maxFailureLines: 0 },
      {
        admit() {
          throw new FairleadError('BACKEND_UNAVAILABLE', 'The key store at 10.1.2.3 is gone.');
        },
      },
    );
    const answers = await send(...Array.from({ length: 25 }, () => infer()));
    expect(await answers[0]?.text()).not.toContain('10.1.2.3');
    const errors = () => lines.filter(({ level }) => level === 50);
    expect(errors()).toHaveLength(10);
    expect(errors()[0]).toMatchObject({
      status: 503,
      msg: 'A request was answered with 503: The key store at 10.1.2.3 is gone.',
    });
    await clock.advance(10_000);
    expect(errors()[10]).toMatchObject({ code: 'BACKEND_UNAVAILABLE', count: 15 });
    await runner.close();
  });

  test('is a warning of the runner as it is: its details are fields of the line', () => {
    const { logger, lines } = openPino();
    logger.warn({ requests: 3 }, 'Three.');
    expect(lines.map(withoutTime)).toEqual([{ level: 40, requests: 3, msg: 'Three.' }]);
  });
});
