import * as z from 'zod/mini';
import { type Clock, systemClock } from '../../clock';
import { describeValue, parseOptions } from '../../config';
import { FairleadError } from '../../errors';
import type { EventListeners } from '../../events';
import { consoleLogger, type Logger } from '../../logger';
import type { Alert, AlertNotification } from './alert';
import { isTimeOfDay, type MuteWindow } from './mutes';
import type { AlertSink } from './sink';
import type { AlertSource, AlertSourceOptions } from './source';

/** A sink delivered a notification. */
export interface AlertDeliverEvent {
  readonly sink: string;
  readonly notification: AlertNotification;
}

/** A sink failed at a notification, with all its tries. */
export interface AlertFailEvent extends AlertDeliverEvent {
  readonly error: unknown;
}

/** A notification was given up before a sink had it. */
export interface AlertDropEvent extends AlertDeliverEvent {
  readonly why: 'queue-full' | 'closed';
}

/** What a router tells. */
export interface AlertRouterEventMap {
  'alert-deliver': AlertDeliverEvent;
  'alert-fail': AlertFailEvent;
  'alert-drop': AlertDropEvent;
}

/** Options of `routeAlerts`. */
export interface AlertRouterOptions {
  /** Where alerts go. At least one; their names differ. */
  readonly sinks: readonly AlertSink[];
  /** Whether warnings are delivered too, as alerts of the severity `warning`. @default false */
  readonly warnings?: boolean;
  /** Milliseconds between reminders of an alert that lasts, 1000 or more. @default none */
  readonly repeatMs?: number;
  /**
   * What alerts that are delivered together have in common.
   * @default the model's name; without a model the monitor's
   */
  readonly groupBy?: (alert: Alert) => string;
  /**
   * Milliseconds that the first alert of a group waits for others, 0 or more. With 0 those of the same turn of the event
   * loop go together. An alert that is over by then is delivered once, as over. @default 0
   */
  readonly groupWaitMs?: number;
  /** Times in which alerts are held back; see {@link MuteWindow}. @default none */
  readonly mutes?: readonly MuteWindow[];
  /** Notifications that may wait for each sink, 1 to 10,000; beyond, the oldest is dropped and counted. @default 100 */
  readonly maxQueue?: number;
  /** Episodes that may last at once, 1 to 10,000; another is dropped and counted. @default 1000 */
  readonly maxActive?: number;
  /** Milliseconds that `close()` waits for deliveries, 0 or more. @default 5000 */
  readonly closeTimeoutMs?: number;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<AlertRouterEventMap>;
  /** Where failures go that nobody listens to. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** The options with their defaults. */
export interface AlertRouterSettings {
  readonly sinks: readonly AlertSink[];
  readonly warnings: boolean;
  readonly repeatMs: number | undefined;
  readonly groupBy: (alert: Alert) => string;
  readonly groupWaitMs: number;
  readonly mutes: readonly MuteWindow[];
  readonly maxQueue: number;
  readonly maxActive: number;
  readonly closeTimeoutMs: number;
  readonly on: EventListeners<AlertRouterEventMap> | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const owner = 'routeAlerts';
/** The longest time that timers of every platform can wait. */
export const longestTimerMs = 2 ** 31 - 1;

const objectOf = <T>(expected: string) => z.custom<T>((value) => typeof value === 'object' && value !== null, expected);
const waiting = z.number().check(z.gte(0), z.lte(longestTimerMs));

const sinkField = z.custom<AlertSink>((value) => {
  const { name, deliver } = (value ?? {}) as Partial<AlertSink>;
  return typeof name === 'string' && name !== '' && typeof deliver === 'function';
}, 'a sink with name and deliver');

const schema = z.strictObject({
  sinks: z.array(sinkField).check(z.minLength(1, 'at least one sink')),
  warnings: z._default(z.boolean(), false),
  repeatMs: z.optional(z.number().check(z.gte(1000), z.lte(longestTimerMs))),
  groupBy: z.optional(z.custom<(alert: Alert) => string>((value) => typeof value === 'function', 'a function')),
  groupWaitMs: z._default(waiting, 0),
  mutes: z._default(z.array(objectOf<MuteWindow>('a mute window')), []),
  maxQueue: z._default(z.int().check(z.gte(1), z.lte(10_000)), 100),
  maxActive: z._default(z.int().check(z.gte(1), z.lte(10_000)), 1000),
  closeTimeoutMs: z._default(waiting, 5000),
  on: z.optional(objectOf<EventListeners<AlertRouterEventMap>>('an object of listeners by event name')),
  logger: z._default(objectOf<Logger>('a logger with debug, info, warn and error'), consoleLogger),
  clock: z._default(objectOf<Clock>('a clock'), systemClock),
});

const byModel = ({ model, source }: Alert): string => model?.name ?? source;

/** @throws FairleadError `INVALID_OPTION` */
export function parseRouterOptions(options: AlertRouterOptions): AlertRouterSettings {
  const { repeatMs, groupBy, on, ...parsed } = parseOptions(schema, options, owner);
  const names = parsed.sinks.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw wrongOption('sinks', 'names that occur once (give one a name)', `"${twice}" twice`);
  for (const [index, window] of parsed.mutes.entries()) checkMuteWindow(window, `mutes.${index}`);
  return { ...parsed, repeatMs, groupBy: groupBy ?? byModel, on };
}

/**
 * Refuses a mute window that cannot be.
 * @throws FairleadError `INVALID_OPTION`
 */
export function checkMuteWindow(window: MuteWindow, field: string): void {
  if ('fromMs' in window) {
    if (!Number.isFinite(window.fromMs) || !Number.isFinite(window.toMs) || window.toMs <= window.fromMs) {
      throw wrongOption(field, 'fromMs before toMs, both finite', `${window.fromMs} to ${window.toMs}`);
    }
  } else {
    const { dailyFrom, dailyTo, days } = window;
    if (!isTimeOfDay(dailyFrom) || !isTimeOfDay(dailyTo)) {
      throw wrongOption(field, 'dailyFrom and dailyTo as HH:MM, or fromMs and toMs', `${dailyFrom} to ${dailyTo}`);
    }
    if (
      days !== undefined &&
      !(days.length > 0 && days.every((day) => Number.isInteger(day) && day >= 0 && day <= 6))
    ) {
      throw wrongOption(`${field}.days`, 'days of the week, 0 for Sunday to 6', String(days));
    }
  }
  for (const key of ['sources', 'models'] as const) {
    if (window[key] !== undefined && !Array.isArray(window[key])) {
      throw wrongOption(`${field}.${key}`, 'an array of names', typeof window[key]);
    }
  }
}

/** A source with its name. */
export interface NamedSource extends AlertSourceOptions {
  readonly name: string;
}

/**
 * Gives every source its name.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseSources(
  given: AlertSource | AlertSourceOptions | readonly (AlertSource | AlertSourceOptions)[],
): NamedSource[] {
  const list = (Array.isArray(given) ? given : [given]) as readonly (AlertSource | AlertSourceOptions)[];
  if (list.length === 0) throw wrongOption('sources', 'at least one monitor', 'none');
  const taken = new Set<string>();
  const take = (wanted: string): string => {
    let name = wanted;
    for (let number = 2; taken.has(name); number++) name = `${wanted}-${number}`;
    taken.add(name);
    return name;
  };
  const sources = list.map((one): AlertSourceOptions => {
    const source = optionsOf(one);
    const { monitor, name, kind } = source;
    if (typeof (monitor as Partial<AlertSource> | null | undefined)?.events?.on !== 'function') {
      throw wrongOption('sources', 'monitors with events, or { monitor, name, … }', describeValue(one));
    }
    for (const [field, value] of [['name', name] as const, ['kind', kind] as const]) {
      if (value !== undefined && (typeof value !== 'string' || value === '')) {
        throw wrongOption(`sources.${field}`, 'text that is not empty', describeValue(value));
      }
    }
    if (name !== undefined && taken.has(name)) {
      throw wrongOption('sources.name', 'names that occur once', `"${name}" twice`);
    }
    if (name !== undefined) taken.add(name);
    return source;
  });
  return sources.map((source) => ({ ...source, name: source.name ?? take(source.kind ?? 'monitor') }));
}

function optionsOf(one: AlertSource | AlertSourceOptions | null | undefined): AlertSourceOptions {
  if (typeof one === 'object' && one !== null && 'monitor' in one) return one;
  return { monitor: one as AlertSource };
}

function wrongOption(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    {
      details: { field, expected, given },
    },
  );
}
