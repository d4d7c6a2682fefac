import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, ClockTimer } from '@fairlead/core';
import { toText } from '../embedded/event-codec';
import type { Tracker } from '../tracker';
import { commonHeaders, toErrorAnswer } from './responses';

/** How often a look is taken at what other processes wrote, in milliseconds, where looking is cheap. */
const periodMs = 1000;
/** A look may take so much of the time at most. */
const share = 1 / 8;
/** Comments that keep proxies from closing a silent stream, and show that the reader is gone. */
const silenceMs = 20_000;

/** A thing that a page watches. */
export interface Watched {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly tracker: Tracker;
  readonly clock: Clock;
  /** What is watched, as it is now. */
  readonly answer: () => Promise<unknown>;
}

const told = [
  'run-start',
  'run-resume',
  'run-end',
  'version-register',
  'alias-move',
  'version-annotate',
  'version-evaluate',
  'version-approve',
  'version-deploy',
  'version-delete',
  'gates-set',
] as const;

/**
 * Streams an answer as server-sent events: what it is now, and then whenever it has become another one. A store has no
 * notice for everything that other processes write, so it is looked at once a second, less often where looking is dear, and
 * at once where this tracker itself changed something. Nothing is sent while nothing changes.
 *
 * @returns ends the stream
 */
export function streamLive({ request, response, tracker, clock, answer }: Watched): () => void {
  response.writeHead(200, { ...commonHeaders, 'content-type': 'text/event-stream; charset=utf-8' });
  let last: string | undefined;
  let timer: ClockTimer | undefined;
  let looking = false;
  let again = false;
  let ended = false;
  let saidAt = clock.now();

  const say = (text: string): void => {
    saidAt = clock.now();
    response.write(text);
  };
  const look = async (): Promise<void> => {
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    timer?.clear();
    const started = clock.now();
    // JSON has no line breaks, so that it is one line of data.
    const next = await answer().then(
      (value) => `event: change\ndata: ${toText(value)}\n\n`,
      (error: unknown) => `event: failure\ndata: ${toText(toErrorAnswer(error).answer)}\n\n`,
    );
    looking = false;
    if (ended) return;
    const now = clock.now();
    if (next !== last) say(next);
    else if (now - saidAt >= silenceMs) say(': still here\n\n');
    last = next;
    const waitMs = again ? 50 : Math.max(periodMs, (now - started) / share);
    again = false;
    timer = clock.setTimer(() => void look(), waitMs);
  };
  const onTold = (): void => void look();
  const stops = told.map((event) => tracker.events.on(event, onTold));
  const end = (): void => {
    if (ended) return;
    ended = true;
    timer?.clear();
    for (const stop of stops) stop();
    response.end();
  };
  request.on('close', end);
  response.on('close', end);
  void look();
  return end;
}
