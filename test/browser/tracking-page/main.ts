import { openTracker, type Run, type Tracker } from '@fairlead/tracking';

// The page that the tests drive: it logs to the relay that its address names.

let tracker: Tracker | undefined;
let run: Run | undefined;

const api = {
  /** Opens the tracker, and says what went wrong. */
  async open(relay: string): Promise<void> {
    tracker = await openTracker({ relay, flushIntervalMs: 50 });
  },
  async start(name: string): Promise<string> {
    run = await (tracker as Tracker).startRun({ experiment: 'page', name, params: { lr: 0.1 } });
    return run.id;
  },
  log(from: number, count: number): void {
    for (let step = from; step < from + count; step++) run?.log({ loss: step / 2 }, { step });
  },
  flush: (durability: 'disk' | 'remote'): Promise<string> =>
    (run as Run).flush({ durability }).then(
      () => 'flushed',
      (error: unknown) => String(error),
    ),
  async artifact(name: string, bytes: number): Promise<string> {
    return (await (run as Run).logArtifact(name, new Uint8Array(bytes).fill(7))).digest;
  },
  complete: (): Promise<void> => (run as Run).complete(),
  health: () => {
    const { lastError, ...health } = (run as Run).health();
    return { ...health, lastError: lastError === undefined ? undefined : String(lastError) };
  },
};

/** What the tests call. */
export type PageApi = typeof api;

declare global {
  interface Window {
    logs: PageApi;
  }
}

window.logs = api;
