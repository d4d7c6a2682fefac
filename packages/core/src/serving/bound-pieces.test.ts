import { describe, expect, test } from 'vitest';
import { FairleadError } from '../errors';
import { createRunner } from '../runner/create-runner';
import { createMockBackend } from '../testing/mock-backend';
import { collectInto } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { boundPieces } from './bound-pieces';
import { batchScoring, createHandler, openInference } from './index';

/** How many pieces of a size are taken, at most `most`. */
function taken(bytes: number, most: number, count = boundPieces(createVirtualClock())): number {
  for (let piece = 1; piece <= most; piece++) {
    try {
      count(piece * bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(FairleadError);
      expect((error as FairleadError).code).toBe('LIMIT_EXCEEDED');
      return piece - 1;
    }
  }
  return most;
}

describe('the pieces of a body', () => {
  test('may be of any size while they are few, and are not small beyond', () => {
    expect(taken(1, 1e6)).toBe(Math.floor((16_384 * 16) / 15));
    expect(taken(8, 1e6)).toBe(2 * 16_384);
    expect(taken(16, 1e6)).toBe(1e6);
  });

  test('are one a millisecond for as long as somebody likes', async () => {
    const clock = createVirtualClock();
    const count = boundPieces(clock);
    for (let piece = 1; piece <= 40_000; piece++) {
      count(piece);
      await clock.advance(1);
    }
  });

  test('are told with what to do', () => {
    const count = boundPieces(createVirtualClock());
    for (let piece = 1; piece <= 16_384; piece++) count(0);
    expect(() => count(0)).toThrow(
      'The body comes in too many pieces: 16385 pieces for 0 bytes. Expected pieces of 16 bytes or more on average: gather more before you send.',
    );
  });
});

test.each([
  ['infer', '/v2/models/mock/infer', 413],
  // Its first rows are answered before.
  ['batch', '/v1/batch/mock', 200],
])('a handler reads no more of a body that comes byte by byte: %s', async (_what, path, status) => {
  const runner = await createRunner({
    model: '1',
    backend: createMockBackend(),
    warmUp: false,
    logger: collectInto([]),
  });
  const handle = createHandler(runner, { protocols: [openInference(), batchScoring()], logger: collectInto([]) });
  let sent = 0;
  const row = new TextEncoder().encode('[1,2]\n');
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const at = sent++ % row.byteLength;
      controller.enqueue(row.slice(at, at + 1));
    },
  });
  const headers = { 'content-type': path.includes('batch') ? 'application/x-ndjson' : 'application/json' };
  const response = await handle(
    new Request(`http://x${path}`, { method: 'POST', body, headers, duplex: 'half' } as RequestInit),
  );
  const text = await response.text();
  expect(response.status).toBe(status);
  expect(JSON.parse(text.trim().split('\n').at(-1) as string)).toMatchObject({ code: 'LIMIT_EXCEEDED', field: 'body' });
  // It is real time in which they come, and one a millisecond is free.
  expect(sent).toBeLessThan(60_000);
  await runner.close();
});
