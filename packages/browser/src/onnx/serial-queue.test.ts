import { describe, expect, it } from 'vitest';
import { SerialQueue } from './serial-queue';

function gate<T>(): { promise: Promise<T>; open: (value: T) => void; fail: (error: unknown) => void } {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

describe('SerialQueue', () => {
  it('starts a task only when the one before has ended, in the order of the calls', async () => {
    const queue = new SerialQueue();
    const first = gate<string>();
    const started: string[] = [];
    const task = (name: string, result: Promise<string>) => () => {
      started.push(name);
      return result;
    };
    const answers = Promise.all([
      queue.run(task('a', first.promise)),
      queue.run(task('b', Promise.resolve('B'))),
      queue.run(task('c', Promise.resolve('C'))),
    ]);
    await new Promise(setImmediate);
    expect(started).toEqual(['a']);
    first.open('A');
    expect(await answers).toEqual(['A', 'B', 'C']);
    expect(started).toEqual(['a', 'b', 'c']);
  });

  it('goes on after a rejection and after a throw', async () => {
    const queue = new SerialQueue();
    const rejected = queue.run(() => Promise.reject(new Error('first')));
    const thrown = queue.run(() => {
      throw new Error('second');
    });
    const answered = queue.run(() => 3);
    await expect(rejected).rejects.toThrow('first');
    await expect(thrown).rejects.toThrow('second');
    expect(await answered).toBe(3);
  });

  it('lets an aborted caller leave at once, and never runs its task', async () => {
    const queue = new SerialQueue();
    const first = gate<number>();
    const controller = new AbortController();
    let ran = false;
    const running = queue.run(() => first.promise);
    const waiting = queue.run(() => {
      ran = true;
      return 2;
    }, controller.signal);
    controller.abort('changed my mind');
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED', name: 'AbortError', cause: 'changed my mind' });
    first.open(1);
    expect(await running).toBe(1);
    await queue.drained();
    expect(ran).toBe(false);
  });

  it('refuses a signal that was aborted before the call', async () => {
    const queue = new SerialQueue();
    await expect(queue.run(() => 1, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('lets a task that runs end by itself though its signal is aborted', async () => {
    const queue = new SerialQueue();
    const controller = new AbortController();
    const first = gate<number>();
    const running = queue.run(() => first.promise, controller.signal);
    await new Promise(setImmediate);
    controller.abort();
    first.open(7);
    expect(await running).toBe(7);
  });

  it('is bounded, and takes calls again once some have left', async () => {
    const queue = new SerialQueue();
    const first = gate<number>();
    const all = [queue.run(() => first.promise)];
    await new Promise(setImmediate);
    for (let count = 0; count < 1000; count++) all.push(queue.run(() => count));
    await expect(queue.run(() => 0)).rejects.toMatchObject({ code: 'OVERLOADED' });
    first.open(-1);
    expect((await Promise.all(all)).at(-1)).toBe(999);
    expect(await queue.run(() => 5)).toBe(5);
  });
});
