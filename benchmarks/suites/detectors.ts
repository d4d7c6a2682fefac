import type { Suite } from '../lib/suite';
import { measureDelays } from '../monitoring/delay';

/** Detectors of changes beside each other, at the same measured time between false alarms. */
export default {
  name: 'detectors',
  describe: 'How late detectors see a change, all at one measured time between false alarms, beside the limit.',
  run: measureDelays,
} satisfies Suite;
