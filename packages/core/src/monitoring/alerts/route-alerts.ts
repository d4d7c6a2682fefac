import type { ClockTimer } from '../../clock';
import { FairleadError, messageOf } from '../../errors';
import { createEvents, type Events } from '../../events';
import type { Closeable } from '../../lifecycle';
import { guardLogger } from '../../logger';
import type { Alert, AlertEvidence, AlertReason } from './alert';
import { type DeliveryCounts, DeliveryQueue } from './delivery-queue';
import { alertOf, type Episode } from './episodes';
import { followSource } from './follow-source';
import { type MuteMatch, type MuteWindow, mutedUntil } from './mutes';
import {
  type AlertRouterEventMap,
  type AlertRouterOptions,
  type AlertRouterSettings,
  checkMuteWindow,
  longestTimerMs,
  parseRouterOptions,
  parseSources,
} from './router-options';
import type { AlertSource, AlertSourceOptions } from './source';

/** How a sink stands. */
export interface AlertSinkHealth extends DeliveryCounts {
  readonly name: string;
  /** `failing` from a notification that failed until one is delivered. */
  readonly status: 'ok' | 'failing';
  /** Notifications that wait. */
  readonly waiting: number;
  readonly failuresInARow: number;
  /** The last failure; `null` when there was none. */
  readonly lastError: { readonly message: string; readonly atEpochMs: number } | null;
}

/** How a router stands. Plain data that survives JSON. */
export interface AlertRouterHealth {
  /** `degraded` as long as a sink fails. */
  readonly status: 'ok' | 'degraded' | 'closed';
  readonly sinks: readonly AlertSinkHealth[];
  /** Episodes that last. */
  readonly active: number;
  /** Alerts that a mute window holds back. */
  readonly held: number;
  /** Alerts of episodes that began and ended while they were held back, so that nobody was told. */
  readonly muted: number;
  /** Starts of an episode that lasted already. */
  readonly deduplicated: number;
  /** Episodes beyond `maxActive`. */
  readonly overflowed: number;
}

/** Delivers the alerts of monitors to sinks. */
export interface AlertRouter extends Closeable {
  readonly events: Events<AlertRouterEventMap>;
  /** How the router and its sinks stand. */
  health(): AlertRouterHealth;
  /**
   * Holds alerts back from now on, for example during a deployment. What lasts when the time is over is delivered then.
   *
   * @param forMs how long, more than 0
   * @param match which alerts. @default all
   * @returns ends it before its time
   * @throws FairleadError `INVALID_OPTION`
   */
  mute(forMs: number, match?: MuteMatch): () => void;
  /** Delivers what waits within `closeTimeoutMs`, then gives the rest up and counts it. Monitors are left as they are. */
  close(): Promise<void>;
}

/**
 * Takes the alarms of monitors and delivers them to sinks, each episode once, with reminders and an end:
 *
 * ```ts
 * const alerts = routeAlerts([drift, { monitor: embeddings, name: 'pictures' }], {
 *   sinks: [webhookSink({ url, secret, format: 'slack' }), retrainSink({ trigger: startTraining })],
 *   repeatMs: 3_600_000,
 * });
 * ```
 *
 * Nothing is delivered in the turn of the event loop in which a monitor raises an alarm, and whatever a sink does reaches
 * neither the monitor nor a request.
 *
 * @param sources one monitor or several
 * @throws FairleadError `INVALID_OPTION`
 */
export function routeAlerts(
  sources: AlertSource | AlertSourceOptions | readonly (AlertSource | AlertSourceOptions)[],
  options: AlertRouterOptions,
): AlertRouter {
  return new EpisodeRouter(parseSources(sources), parseRouterOptions(options));
}

/** What is to be told of an episode, and the group that it was put in. */
interface Message {
  readonly episode: Episode;
  reason: AlertReason;
  group: string | undefined;
}

class EpisodeRouter implements AlertRouter {
  readonly events;
  readonly #settings: AlertRouterSettings;
  readonly #queues: readonly DeliveryQueue[];
  readonly #stops: readonly (() => void)[];
  readonly #mutes: Set<MuteWindow>;
  readonly #active = new Map<string, Episode>();
  readonly #reminders = new Map<string, ClockTimer>();
  /** By key of the episode: what goes out next, and what a mute window holds back. */
  readonly #messages = new Map<string, Message>();
  readonly #held = new Map<string, Message>();
  readonly #groupTimers = new Map<string, ClockTimer>();
  readonly #giveUp = new AbortController();
  readonly #closingSoon = new AbortController();
  readonly #idStem: string;
  #muteTimer: ClockTimer | undefined;
  #deferred = false;
  #notifications = 0;
  #muted = 0;
  #deduplicated = 0;
  #overflowed = 0;
  #closing: Promise<void> | undefined;

  constructor(sources: ReturnType<typeof parseSources>, settings: AlertRouterSettings) {
    const { clock, repeatMs, maxQueue, on } = settings;
    const logger = guardLogger(settings.logger);
    this.#settings = { ...settings, logger };
    this.#mutes = new Set(settings.mutes);
    this.#idStem = clock.epochMs().toString(36);
    const events = createEvents<AlertRouterEventMap>(logger, on);
    this.events = events;
    const shared = { signal: this.#giveUp.signal, closing: this.#closingSoon.signal, clock, logger, repeatMs };
    this.#queues = settings.sinks.map(
      (sink) =>
        new DeliveryQueue(sink, maxQueue, shared, {
          onDeliver: (notification) => events.emit('alert-deliver', { sink: sink.name, notification }),
          onFail: (notification, error) => {
            if (events.listenerCount('alert-fail') === 0) {
              logger.error({ sink: sink.name, error }, `Alerts did not reach "${sink.name}": ${messageOf(error)}`);
            }
            events.emit('alert-fail', { sink: sink.name, notification, error });
          },
          onDrop: (notification, why) => {
            if (events.listenerCount('alert-drop') === 0) {
              logger.warn({ sink: sink.name, why }, `Alerts for "${sink.name}" were dropped: ${why}.`);
            }
            events.emit('alert-drop', { sink: sink.name, notification, why });
          },
        }),
    );
    this.#stops = sources.map((source) =>
      followSource(source, clock, {
        begin: (episode) => this.#begin(episode),
        end: (key, endedAtMs) => this.#end(key, endedAtMs),
        warnings: settings.warnings,
      }),
    );
  }

  health(): AlertRouterHealth {
    const sinks = this.#queues.map((queue): AlertSinkHealth => {
      const { sink, waiting, failuresInARow, lastError = null, counts } = queue;
      const status = failuresInARow > 0 ? 'failing' : 'ok';
      return { name: sink.name, status, waiting, failuresInARow, lastError, ...counts };
    });
    const degraded = sinks.some(({ status }) => status === 'failing');
    return {
      status: this.#closing !== undefined ? 'closed' : degraded ? 'degraded' : 'ok',
      sinks,
      active: this.#active.size,
      held: this.#held.size,
      muted: this.#muted,
      deduplicated: this.#deduplicated,
      overflowed: this.#overflowed,
    };
  }

  mute(forMs: number, match: MuteMatch = {}): () => void {
    if (this.#closing !== undefined) {
      throw new FairleadError('CLOSED', 'The alert router was closed. Make a new one with routeAlerts.');
    }
    const fromMs = this.#settings.clock.epochMs();
    const window: MuteWindow = { ...match, fromMs, toMs: fromMs + forMs };
    checkMuteWindow(window, 'mute');
    this.#mutes.add(window);
    return () => {
      if (this.#mutes.delete(window)) this.#release();
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(episode: Episode): void {
    if (this.#active.has(episode.key)) {
      this.#deduplicated++;
      return;
    }
    if (this.#active.size >= this.#settings.maxActive) {
      this.#overflowed++;
      return;
    }
    this.#active.set(episode.key, episode);
    this.#tell(episode, 'start');
  }

  #end(key: string, endedAtMs: number): void {
    const episode = this.#active.get(key);
    if (episode === undefined) return;
    this.#active.delete(key);
    this.#reminders.get(key)?.clear();
    this.#reminders.delete(key);
    episode.endedAtMs = endedAtMs;
    this.#tell(episode, 'end');
  }

  #tell(episode: Episode, reason: AlertReason): void {
    const { key } = episode;
    const held = this.#held.get(key);
    if (held !== undefined && reason === 'end' && held.reason === 'start') {
      this.#held.delete(key);
      this.#muted++;
      return;
    }
    const waiting = held ?? this.#messages.get(key);
    if (waiting !== undefined && waiting.episode === episode) waiting.reason = reason;
    else this.#messages.set(key, { episode, reason, group: undefined });
    this.#collectSoon();
  }

  #collectSoon(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    this.#settings.clock.defer(() => {
      this.#deferred = false;
      this.#collect();
    });
  }

  /** Puts what is to be told into groups, and holds back what is muted. */
  #collect(): void {
    const { clock, logger, groupBy, groupWaitMs } = this.#settings;
    const now = clock.epochMs();
    for (const [key, message] of this.#messages) {
      if (message.group !== undefined) continue;
      const alert = alertOf(message.episode, message.reason, logger);
      if (mutedUntil(alert, this.#mutes, now) !== undefined) {
        this.#messages.delete(key);
        if (message.reason === 'reminder') this.#remindLater(message.episode);
        else this.#held.set(key, message);
        continue;
      }
      try {
        message.group = String(groupBy(alert));
      } catch (error) {
        logger.error({ error }, `groupBy threw, so the alert goes alone: ${messageOf(error)}`);
        message.group = key;
      }
      const { group } = message;
      if (groupWaitMs === 0 || this.#groupTimers.has(group)) continue;
      this.#groupTimers.set(
        group,
        clock.setTimer(() => this.#send(group), groupWaitMs),
      );
    }
    if (groupWaitMs === 0) for (const group of this.#groups()) this.#send(group);
    this.#awaitMuteEnd(now);
  }

  #groups(): Set<string> {
    const groups = new Set<string>();
    for (const { group } of this.#messages.values()) if (group !== undefined) groups.add(group);
    return groups;
  }

  #send(group: string): void {
    this.#groupTimers.get(group)?.clear();
    this.#groupTimers.delete(group);
    const alerts: Alert[] = [];
    const evidence = new Map<Alert, AlertEvidence>();
    for (const [key, { episode, reason, group: its }] of this.#messages) {
      if (its !== group) continue;
      this.#messages.delete(key);
      const alert = alertOf(episode, reason, this.#settings.logger);
      episode.deliveries++;
      alerts.push(alert);
      if (episode.known !== undefined) evidence.set(alert, episode.known.evidence);
      if (episode.endedAtMs === null) this.#remindLater(episode);
    }
    if (alerts.length === 0) return;
    const notification = { id: `${this.#idStem}-${++this.#notifications}`, group, alerts };
    for (const queue of this.#queues) queue.push({ notification, evidence });
  }

  #remindLater(episode: Episode): void {
    const { repeatMs, clock } = this.#settings;
    if (repeatMs === undefined || this.#closing !== undefined) return;
    this.#reminders.get(episode.key)?.clear();
    this.#reminders.set(
      episode.key,
      clock.setTimer(() => this.#tell(episode, 'reminder'), repeatMs),
    );
  }

  #awaitMuteEnd(now: number): void {
    this.#muteTimer?.clear();
    this.#muteTimer = undefined;
    for (const window of this.#mutes) if ('toMs' in window && window.toMs <= now) this.#mutes.delete(window);
    let soonest: number | undefined;
    for (const { episode, reason } of this.#held.values()) {
      const until = mutedUntil(alertOf(episode, reason, this.#settings.logger), this.#mutes, now) ?? now;
      if (soonest === undefined || until < soonest) soonest = until;
    }
    if (soonest === undefined) return;
    const delayMs = Math.min(longestTimerMs, Math.max(0, soonest - now));
    this.#muteTimer = this.#settings.clock.setTimer(() => this.#release(), delayMs);
  }

  /** Looks again at what was held back. */
  #release(): void {
    for (const [key, message] of this.#held) this.#messages.set(key, message);
    this.#held.clear();
    this.#collectSoon();
  }

  async #drain(): Promise<void> {
    const { clock, closeTimeoutMs } = this.#settings;
    for (const stop of this.#stops) stop();
    for (const timer of this.#reminders.values()) timer.clear();
    this.#reminders.clear();
    this.#collect();
    for (const group of this.#groups()) this.#send(group);
    this.#muteTimer?.clear();
    this.#muted += this.#held.size;
    this.#held.clear();
    this.#closingSoon.abort();
    const drained = Promise.all(
      this.#queues.map(async (queue) => {
        await queue.idle();
        await queue.sink.close?.(this.#giveUp.signal);
      }),
    );
    let timer: ClockTimer | undefined;
    const timeIsUp = new Promise<void>((resolve) => {
      timer = clock.setTimer(resolve, closeTimeoutMs);
    });
    try {
      await Promise.race([drained, timeIsUp]);
    } catch (error) {
      this.#settings.logger.error({ error }, `A sink failed to close: ${messageOf(error)}`);
    }
    timer?.clear();
    for (const queue of this.#queues) queue.end();
    this.#giveUp.abort();
    await Promise.all(this.#queues.map((queue) => queue.idle()));
    // Whatever still fails in the background has been told or is of no more interest.
    drained.catch(() => undefined);
    (this.events as { clear?(): void }).clear?.();
  }
}
