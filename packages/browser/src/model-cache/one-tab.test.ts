import { describe, expect, it } from 'vitest';
import { withLock } from './locks';
import { memoryStorage } from './storage/memory-storage';
import { modelBytes, setUp, sha256Of } from './test-kit.fixture';

const url = 'https://models.test/digits.onnx';
const bytes = modelBytes(20_000);
const digest = sha256Of(bytes);

/** A cache whose storage other tabs share, one of which holds the lock of the download until `release`. */
function withOtherTab(name: string) {
  const storage = { ...memoryStorage(name), shared: true };
  const kit = setUp({ storage });
  kit.server.files.set(url, { bytes, etag: '"1"' });
  let release = (): void => undefined;
  const lock = `fairlead-${name}-${digest}`;
  const held = withLock(lock, true, () => new Promise<void>((resolve) => (release = resolve)));
  return { ...kit, lock, held, release: () => release() };
}

describe('a tab that waits for another one', () => {
  it('takes what the other one fetched', async () => {
    const { model, open, held, release, server, clock, tell } = withOtherTab('takes');
    const waiting = model(url, { digest }).resolve({});
    await clock.settle();
    expect(server.requests).toEqual([]);
    release();
    await held;
    expect((await waiting).digest).toBe(digest);
    expect(await open().list()).toHaveLength(1);
    expect(tell('cache-skip')).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('hears how far the other one is, and waits as long as it hears something', async () => {
    const { model, lock, held, release, clock, told, tell } = withOtherTab('hears');
    const channel = new BroadcastChannel(lock);
    try {
      const waiting = model(url, { digest, stallTimeoutMs: 1000 }).resolve({});
      for (let beat = 1; beat <= 3; beat++) {
        await clock.advance(900);
        channel.postMessage({ url: 'other', bytes: beat, total: 20_000, bytesPerSecond: 5, by: 'this-tab' });
        while (tell('progress').length < beat) await clock.settle();
      }
      expect(told).toMatchObject([1, 2, 3].map((beat) => ({ name: 'progress', url, bytes: beat, by: 'other-tab' })));
      release();
      await held;
      expect((await waiting).digest).toBe(digest);
    } finally {
      channel.close();
    }
  });

  it('goes on alone, from memory, when the other one is silent', async () => {
    const { model, open, held, release, clock, tell } = withOtherTab('silent');
    const waiting = model(url, { digest, stallTimeoutMs: 1000 }).resolve({});
    await clock.advance(1000);
    expect(Buffer.compare((await waiting).bytes, bytes)).toBe(0);
    expect(tell('cache-skip')).toMatchObject([{ url, reason: expect.stringContaining('silent for 1000 ms') }]);
    expect(await open().list()).toEqual([]);
    release();
    await held;
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves when its caller does', async () => {
    const { model, held, release, clock, server } = withOtherTab('leaves');
    const controller = new AbortController();
    const waiting = model(url, { digest }).resolve({ signal: controller.signal });
    await clock.settle();
    controller.abort('gone');
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED', cause: 'gone' });
    release();
    await held;
    await clock.settle();
    expect(server.requests).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});
