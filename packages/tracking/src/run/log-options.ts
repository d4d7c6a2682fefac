import { invalidArgument } from '../names';
import type { LogOptions } from './run';

/** Checks the options of `run.log`. @throws FairleadError `INVALID_ARGUMENT` */
export function checkLogOptions(options: LogOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('options of log', 'an object such as { step: 3 }', options);
  }
  for (const key in options) {
    if (key !== 'step' && key !== 'timestamp') throw invalidArgument(`options.${key}`, 'no such option of log', key);
  }
  const { step, timestamp } = options;
  if (step !== undefined && !Number.isSafeInteger(step)) throw invalidArgument('step', 'a whole number', step);
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    throw invalidArgument('timestamp', 'whole milliseconds since 1970', timestamp);
  }
}
