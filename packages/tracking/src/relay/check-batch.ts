import { type EncodedPart, isHexName } from '../embedded/batch-codec';
import { decodeEvent } from '../embedded/event-codec';
import { copyPoints, decodePoints } from '../embedded/points-codec';
import { frameTypes } from '../embedded/segment-format';
import { checkKey, invalidArgument } from '../names';
import type { PointColumns, RunBatch, RunEvent } from '../store/run-store';
import { checkEvent, type EventRules } from './check-event';
import type { RelayMessage } from './message';

/** Points of a page, checked, in columns of our own. */
function pointsOf(payload: Uint8Array): PointColumns {
  const points = decodePoints(payload);
  if (points === undefined) throw invalidArgument('points', 'columns whose lengths add up', 'others');
  for (const key of points.keys) checkKey('metric', key);
  const columns = copyPoints(points);
  for (const step of columns.steps) {
    if (!Number.isSafeInteger(step)) throw invalidArgument('step', 'a whole number', step);
  }
  for (const timestamp of columns.timestamps) {
    if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
      throw invalidArgument('timestamp', 'whole milliseconds since 1970', timestamp);
    }
  }
  return columns;
}

function partOf({ type, payload }: EncodedPart, rules: EventRules): RunEvent | PointColumns {
  if (type === frameTypes.points) return pointsOf(payload);
  const event = type === frameTypes.event ? decodeEvent(payload) : undefined;
  if (event === undefined) throw invalidArgument('event', 'one that this release knows', 'another');
  return checkEvent(event, rules);
}

/**
 * A batch of a page as it is kept. Everything in it was checked; one part that will not do refuses the whole.
 * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`
 */
export function checkBatch({ run, batch }: RelayMessage, rules: Omit<EventRules, 'run'>): RunBatch {
  const { writer, seq } = batch;
  if (!isHexName(writer)) throw invalidArgument('writer', '32 hexadecimal digits', writer);
  const parts = batch.parts.map((part, index) => {
    const checked = partOf(part, { ...rules, run });
    const isStart = 'type' in checked && checked.type === 'start';
    if (isStart && (index > 0 || seq > 1))
      throw invalidArgument('start', 'the first event of the first batch', 'a later one');
    return checked;
  });
  return { writer, seq, parts };
}
