import type { DeviceFallback } from '../backend';
import type { EventSource } from '../events';
import type { Logger } from '../logger';
import { labelOf } from './model-info';
import type { ModelInfo, RunnerEventMap } from './runner';

/** Tells of a fallback so that somebody hears it: a listener, or else whoever reads the log. */
export function tellFallback(
  { events, logger }: { readonly events: EventSource<RunnerEventMap>; readonly logger: Logger },
  model: ModelInfo,
  fallback: DeviceFallback,
  lane?: string,
): void {
  if (events.listenerCount('device-fallback') > 0) {
    events.emit('device-fallback', { ...fallback, model, ...(lane === undefined ? {} : { lane }) });
    return;
  }
  const { from, to, reason } = fallback;
  logger.warn(fallback, `${labelOf(model)} runs on ${to} instead of ${from}: ${reason}`);
}
