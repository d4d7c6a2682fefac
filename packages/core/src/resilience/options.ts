import * as z from 'zod/mini';
import { type Clock, systemClock } from '../clock';
import type { EventListeners } from '../events';
import { consoleLogger, type Logger } from '../logger';

/* Fields that the options of several stages have in common. */

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

/** Where time comes from; the runner's own clock, or deadlines mean nothing. */
export const clockField = z._default(z.custom<Clock>(isObject, 'a clock'), systemClock);

export const loggerField = z._default(z.custom<Logger>(isObject, 'a logger'), consoleLogger);

/** Listeners for the events `M` of a stage. */
export function listenersField<M extends object>() {
  return z.optional(z.custom<EventListeners<M>>(isObject, 'an object of listeners'));
}
