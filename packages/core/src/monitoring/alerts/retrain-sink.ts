import * as z from 'zod/mini';
import type { ClockTimer } from '../../clock';
import { parseOptions } from '../../config';
import { FairleadError, messageOf } from '../../errors';
import { createEvents, type EventListeners, type Events } from '../../events';
import { consoleLogger, type Logger } from '../../logger';
import type { ModelInfo } from '../../runner/runner';
import type { Reference } from '../reference';
import type { Alert } from './alert';
import type { AlertSink, DeliveryContext } from './sink';

/** Why a model is to be retrained. */
export interface RetrainEvidence {
  readonly alert: Alert;
  /** The report of the monitor, of its own type: for a drift monitor a `DriftReport`. */
  readonly report: unknown;
  /** What the live rows were compared with, where the monitor has such. */
  readonly reference: Reference | undefined;
  /** The model to be replaced, where it is known. */
  readonly model: ModelInfo | null;
  /** Aborted when `timeoutMs` is over, and when the router has no more time to close. */
  readonly signal: AbortSignal;
}

/** Why an alert did not lead to a retraining. */
export type RetrainSkip = 'cooldown' | 'running' | 'too-few-episodes';

/** What a retrain sink tells. */
export interface RetrainEventMap {
  'retrain-start': { readonly alert: Alert };
  /** `result` is what the trigger returned. */
  'retrain-end': { readonly alert: Alert; readonly result: unknown; readonly durationMs: number };
  'retrain-fail': { readonly alert: Alert; readonly error: unknown; readonly durationMs: number };
  'retrain-skip': { readonly alert: Alert; readonly why: RetrainSkip };
}

/** What a retrain sink did. */
export interface RetrainStats {
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: Readonly<Record<RetrainSkip, number>>;
  readonly running: boolean;
}

/** Options of {@link retrainSink}. */
export interface RetrainSinkOptions {
  /** Retrains, or has somebody retrain. One call at a time, and at most one for an episode, whether it succeeds or not. */
  readonly trigger: (evidence: RetrainEvidence) => unknown;
  /** Name of the sink. @default 'retrain' */
  readonly name?: string;
  /** Milliseconds from the start of a call until another may begin, 0 or more. @default 86400000 (a day) */
  readonly cooldownMs?: number;
  /** Episodes that must have begun within `episodesWithinMs`, this one included. 1 to 1000. @default 1 */
  readonly minimumEpisodes?: number;
  /** Milliseconds that `minimumEpisodes` looks back. More than 0. @default 604800000 (a week) */
  readonly episodesWithinMs?: number;
  /** Kinds of alerts that count. @default ['drift', 'performance'] */
  readonly kinds?: readonly string[];
  /** Milliseconds that a call may take; then its signal is aborted and it counts as failed. @default none */
  readonly timeoutMs?: number;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<RetrainEventMap>;
  /** Where failures go that nobody listens to. @default the console */
  readonly logger?: Logger;
}

/** A sink that retrains. */
export interface RetrainSink extends AlertSink {
  readonly events: Events<RetrainEventMap>;
  stats(): RetrainStats;
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;

const schema = z.strictObject({
  trigger: z.custom<RetrainSinkOptions['trigger']>((value) => typeof value === 'function', 'a function'),
  name: z._default(z.string().check(z.minLength(1)), 'retrain'),
  cooldownMs: z._default(z.number().check(z.gte(0)), 86_400_000),
  minimumEpisodes: z._default(z.int().check(z.gte(1), z.lte(1000)), 1),
  episodesWithinMs: z._default(z.number().check(z.gt(0)), 604_800_000),
  kinds: z._default(z.array(z.string()).check(z.minLength(1)), ['drift', 'performance']),
  timeoutMs: z.optional(z.number().check(z.gt(0), z.lte(2 ** 31 - 1))),
  on: z.optional(z.custom<EventListeners<RetrainEventMap>>(object, 'an object of listeners by event name')),
  logger: z._default(z.custom<Logger>(object, 'a logger'), consoleLogger),
});

/** Episodes whose ids are remembered. */
const mostEpisodes = 10_000;

/**
 * Calls a function that retrains the model when an episode begins, with what the monitor found. The call runs in the
 * background: other alerts do not wait for it. An episode that the cool-down or a running call kept waiting has another
 * chance at each reminder, so give the router a `repeatMs`. Warnings and ends of episodes do nothing.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function retrainSink(options: RetrainSinkOptions): RetrainSink {
  const settings = parseOptions(schema, options, 'retrainSink');
  const { trigger, name, cooldownMs, minimumEpisodes, episodesWithinMs, kinds, timeoutMs, logger } = settings;
  const events = createEvents<RetrainEventMap>(logger, settings.on);
  const skipped = { cooldown: 0, running: 0, 'too-few-episodes': 0 };
  /** When each episode began, and whether it has had its call; the oldest are forgotten. */
  const episodes = new Map<string, { readonly startedAtMs: number; called: boolean }>();
  let started = 0;
  let succeeded = 0;
  let failed = 0;
  let lastStart = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;

  const whyNot = (now: number, epochMs: number): RetrainSkip | undefined => {
    if (running !== undefined) return 'running';
    if (now - lastStart < cooldownMs) return 'cooldown';
    if (minimumEpisodes === 1) return undefined;
    let recent = 0;
    for (const { startedAtMs } of episodes.values()) if (epochMs - startedAtMs <= episodesWithinMs) recent++;
    return recent < minimumEpisodes ? 'too-few-episodes' : undefined;
  };

  const remember = (key: string, startedAtMs: number): { called: boolean } => {
    const known = episodes.get(key);
    if (known !== undefined) return known;
    const [oldest] = episodes.keys();
    if (episodes.size >= mostEpisodes && oldest !== undefined) episodes.delete(oldest);
    const episode = { startedAtMs, called: false };
    episodes.set(key, episode);
    return episode;
  };

  const call = async (alert: Alert, { clock, signal, evidenceOf }: DeliveryContext): Promise<void> => {
    const startedAt = clock.now();
    const ending = new AbortController();
    const onAbort = (): void => ending.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    let timer: ClockTimer | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      if (timeoutMs === undefined) return;
      timer = clock.setTimer(() => {
        reject(new FairleadError('DEADLINE_EXCEEDED', `Retraining took more than ${timeoutMs} ms.`));
        ending.abort();
      }, timeoutMs);
    });
    events.emit('retrain-start', { alert });
    try {
      const { report, reference } = evidenceOf(alert);
      const evidence = { alert, report, reference, model: alert.model, signal: ending.signal };
      const result = await Promise.race([(async () => trigger(evidence))(), tooLong]);
      succeeded++;
      events.emit('retrain-end', { alert, result, durationMs: clock.now() - startedAt });
    } catch (error) {
      failed++;
      if (events.listenerCount('retrain-fail') === 0) {
        logger.error({ episode: alert.id, error }, `Retraining failed: ${messageOf(error)}`);
      }
      events.emit('retrain-fail', { alert, error, durationMs: clock.now() - startedAt });
    } finally {
      timer?.clear();
      signal.removeEventListener('abort', onAbort);
    }
  };

  return {
    name,
    events,
    stats: () => ({ started, succeeded, failed, skipped: { ...skipped }, running: running !== undefined }),
    async deliver(notification, context) {
      let began = false;
      for (const alert of notification.alerts) {
        if (alert.severity !== 'critical' || alert.reason === 'end' || !kinds.includes(alert.kind)) continue;
        const episode = remember(`${alert.source}/${alert.id}`, alert.startedAtMs);
        if (episode.called) continue;
        const why = whyNot(context.clock.now(), context.clock.epochMs());
        if (why !== undefined) {
          skipped[why]++;
          events.emit('retrain-skip', { alert, why });
          continue;
        }
        episode.called = true;
        began = true;
        started++;
        lastStart = context.clock.now();
        running = call(alert, context).finally(() => {
          running = undefined;
        });
      }
      return began ? 'delivered' : 'skipped';
    },
    async close(signal) {
      if (running === undefined) return;
      // A trigger that does not hear its signal must not keep the router from closing.
      const aborted = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
        if (signal.aborted) resolve();
      });
      await Promise.race([running, aborted]);
    },
  };
}
