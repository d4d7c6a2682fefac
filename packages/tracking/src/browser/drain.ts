import { type Clock, type ClockTimer, FairleadError, messageOf } from '@fairlead/core';
import type { PagePlatform } from './page-platform';
import type { PageQueue, QueuedBatch } from './page-queue';
import type { Delivery, Transport } from './transport';

/** What a {@link Drain} stands on. */
export interface DrainOptions {
  /** What all tabs that share the queue call it. */
  readonly name: string;
  readonly queue: PageQueue;
  readonly transport: Transport;
  readonly platform: PagePlatform;
  readonly clock: Clock;
}

/** What is told of a writer's batches, whichever tab sent them. */
export interface DrainListener {
  /** The relay has every batch up to this one. */
  onKept(seq: number): void;
  /** A batch will never be taken, and was given up. */
  onRefused(seq: number, error: FairleadError): void;
  /** An attempt to send failed; it is repeated. */
  onFail(error: FairleadError): void;
}

/** Sends what waits in a queue. */
export interface Drain {
  /** Something was put into the queue. `now`: do not wait out a pause after a failure. */
  wake(now: boolean): void;
  /** Tells of a writer's batches until the answer is called. */
  listen(writer: string, listener: DrainListener): () => void;
  close(): Promise<void>;
}

type TabMessage =
  | { readonly type: 'wake'; readonly now: boolean }
  | { readonly type: 'kept'; readonly writer: string; readonly seq: number }
  | { readonly type: 'refused'; readonly writer: string; readonly seq: number; readonly message: string }
  | { readonly type: 'failed'; readonly message: string };

const firstPauseMs = 1000;
const longestPauseMs = 60_000;
/** Uploads that no batch names are removed after a day: whoever made them is gone. */
const orphanMs = 24 * 60 * 60 * 1000;

/** The pause after so many failures: twice as long each time, and somewhere between half of it and all. */
function pauseAfter(failures: number, random: number): number {
  return Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs) * (0.5 + random / 2);
}

/** Sends from one tab alone, one batch at a time, those of one writer in their order. */
export function createDrain({ name, queue, transport, platform, clock }: DrainOptions): Drain {
  const listeners = new Map<string, Set<DrainListener>>();
  const uploaded = new Set<string>();
  const ending = new AbortController();
  const isClosed = (): boolean => ending.signal.aborted;
  let woken = false;
  let wakeUp: (() => void) | undefined;
  let isPaused = false;

  const tell = (writer: string, call: (listener: DrainListener) => void): void => {
    for (const listener of [...(listeners.get(writer) ?? [])]) call(listener);
  };
  const tellFailure = (error: FairleadError): void => {
    for (const writer of [...listeners.keys()]) tell(writer, (listener) => listener.onFail(error));
  };

  const hear = (message: TabMessage): void => {
    if (message.type === 'wake') rouse(message.now);
    else if (message.type === 'kept') tell(message.writer, (listener) => listener.onKept(message.seq));
    else if (message.type === 'failed') tellFailure(new FairleadError('REMOTE_FAILED', message.message));
    else {
      const error = new FairleadError('REMOTE_FAILED', message.message);
      tell(message.writer, (listener) => listener.onRefused(message.seq, error));
    }
  };
  const channel = platform.channel(name, (message) => hear(message as TabMessage));
  const announce = (message: TabMessage): void => {
    channel.post(message);
    hear(message);
  };

  function rouse(now: boolean): void {
    woken = true;
    if (now || !isPaused) wakeUp?.();
  }

  /** Until somebody wakes it, or so long. */
  const rest = (ms: number | undefined): Promise<void> =>
    new Promise((resolve) => {
      let timer: ClockTimer | undefined;
      const end = (): void => {
        timer?.clear();
        wakeUp = undefined;
        isPaused = false;
        resolve();
      };
      if (isClosed() || (ms === undefined && woken)) return end();
      isPaused = ms !== undefined;
      wakeUp = end;
      if (ms !== undefined) timer = clock.setTimer(end, ms);
    });

  const deliver = async (batch: QueuedBatch): Promise<Delivery> => {
    for (const id of batch.uploads) {
      const upload = uploaded.has(id) ? undefined : await queue.upload(id);
      if (upload === undefined) continue;
      const sent = await transport.upload(upload, () => queue.pieces(id));
      if (sent.kind !== 'kept') return sent;
      uploaded.add(id);
    }
    const sent = await transport.send(batch, batch.seq - 1);
    // The relay lost the bytes: they are sent again.
    if (sent.kind === 'parked') for (const id of batch.uploads) uploaded.delete(id);
    // What the relay lacks was refused, or it lost what it had. It was first in the queue, so it is not here either.
    return sent.kind === 'gap' ? transport.send(batch, sent.last) : sent;
  };

  /** Sends what waits. Answers how long to wait at least where something did not go, and `undefined` where all did. */
  const pass = async (): Promise<number | undefined> => {
    const keys = await queue.keys();
    const parked = new Set<string>();
    let failed = false;
    for (const key of keys) {
      if (isClosed()) return 0;
      const [writer, seq] = key;
      const batch = parked.has(writer) ? undefined : await queue.get(key);
      if (batch === undefined) continue;
      const sent = await deliver(batch);
      if (isClosed()) return 0;
      if (sent.kind === 'kept' || sent.kind === 'refused') {
        await queue.remove(batch);
        if (sent.kind === 'kept') announce({ type: 'kept', writer, seq });
        else announce({ type: 'refused', writer, seq, message: sent.error.message });
      } else {
        failed = true;
        if ('error' in sent) announce({ type: 'failed', message: sent.error.message });
        if (sent.kind === 'failed') return sent.retryAfterMs ?? 0;
        parked.add(writer);
      }
    }
    return failed ? 0 : undefined;
  };

  const lead = async (): Promise<void> => {
    let failures = 0;
    await queue.sweep(clock.epochMs() - orphanMs).catch(() => undefined); // it is tried again by the next that leads
    while (!isClosed()) {
      woken = false;
      let wait: number | undefined;
      try {
        wait = await pass();
      } catch (error) {
        wait = 0;
        if (!isClosed()) announce({ type: 'failed', message: messageOf(error) });
      }
      if (wait === undefined) {
        failures = 0;
        await rest(undefined);
      } else {
        failures++;
        await rest(Math.max(wait, pauseAfter(failures, platform.random())));
      }
    }
  };

  const ignoreOnline = platform.listen('online', () => rouse(true));
  const leading = platform.lead(name, ending.signal, lead).catch((error: unknown) => {
    tellFailure(new FairleadError('STORE_FAILED', `What waits cannot be sent: ${messageOf(error)}`, { cause: error }));
  });

  return {
    wake(now) {
      channel.post({ type: 'wake', now } satisfies TabMessage);
      rouse(now);
    },
    listen(writer, listener) {
      const all = listeners.get(writer) ?? new Set();
      listeners.set(writer, all.add(listener));
      return () => {
        all.delete(listener);
        if (all.size === 0) listeners.delete(writer);
      };
    },
    async close() {
      ending.abort();
      ignoreOnline();
      wakeUp?.();
      transport.close();
      await leading;
      channel.close();
    },
  };
}
