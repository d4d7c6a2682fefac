import { describe, expect, it } from 'vitest';
import { portOf, type WebWorker } from './worker-port';

class FakeWorker extends EventTarget {
  readonly posted: { message: unknown; transfer: unknown }[] = [];
  terminated = 0;
  postMessage(message: unknown, transfer: unknown): void {
    this.posted.push({ message, transfer });
  }
  terminate(): void {
    this.terminated++;
  }
  fire(type: string, fields: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), fields));
  }
}

function connected() {
  const worker = new FakeWorker();
  const port = portOf(worker as unknown as WebWorker);
  const exits: unknown[] = [];
  port.onExit((error) => void exits.push(error));
  return { worker, port, exits };
}

describe('portOf', () => {
  it('carries messages both ways', () => {
    const { worker, port } = connected();
    const heard: unknown[] = [];
    port.onMessage((message) => void heard.push(message));
    worker.fire('message', { data: { type: 'opened' } });
    expect(heard).toEqual([{ type: 'opened' }]);

    const buffer = new ArrayBuffer(8);
    port.post({ buffer }, [buffer]);
    port.post('close');
    expect(worker.posted).toEqual([
      { message: { buffer }, transfer: [buffer] },
      { message: 'close', transfer: [] },
    ]);
  });

  it('ends a worker in which an error was thrown, and passes the error on', () => {
    const { worker, exits } = connected();
    const error = new Error('boom');
    worker.fire('error', { message: 'Uncaught Error: boom', error });
    expect(exits).toEqual([
      expect.objectContaining({ code: 'LANE_LOST', message: 'Uncaught Error: boom', cause: error }),
    ]);
    expect(worker.terminated).toBe(1);
  });

  it('says what to do when the script could not be loaded', () => {
    const { worker, exits } = connected();
    worker.fire('error');
    expect(exits).toEqual([
      expect.objectContaining({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('lane-worker.js') }),
    ]);
  });

  it('takes a message that cannot be read for the end', () => {
    const { worker, exits } = connected();
    worker.fire('messageerror');
    expect(exits).toEqual([expect.objectContaining({ code: 'PROTOCOL_ERROR' })]);
    expect(worker.terminated).toBe(1);
  });

  it('terminates', async () => {
    const { worker, port } = connected();
    await port.terminate();
    expect(worker.terminated).toBe(1);
  });
});
