import { checkCommand as checkStore } from './check';
import type { Command } from './command';
import { compactCommand as compactStore } from './compact';
import { garbageCommand as collectGarbage } from './gc';
import { openStore, storeOption, storeUsage } from './open-store';
import { parseArguments, wholeNumberOf } from './parse-arguments';

const dryRunOption = { 'dry-run': { type: 'boolean', default: false } } as const;
const dryRunUsage = '  --dry-run        says what would be done and does nothing';

/** `fairlead-tracking check`. */
export const checkCommand: Command = {
  name: 'check',
  summary: 'reads everything in a store and says what is wrong with it',
  usage: `[--dir <folder>]

${storeUsage}
`,
  async run(args, io) {
    const { values } = parseArguments(args, storeOption);
    const tracker = await openStore(values.dir, io);
    try {
      return await checkStore(tracker, { signal: io.signal }, (text) => io.stdout.write(text));
    } finally {
      await tracker.close();
    }
  },
};

/** `fairlead-tracking compact`. */
export const compactCommand: Command = {
  name: 'compact',
  summary: 'makes a store smaller and faster to read, losing nothing',
  usage: `[--dir <folder>] [--dry-run]

${storeUsage}
${dryRunUsage}
`,
  async run(args, io) {
    const { values } = parseArguments(args, { ...storeOption, ...dryRunOption });
    const tracker = await openStore(values.dir, io);
    try {
      const options = { dryRun: values['dry-run'], signal: io.signal };
      return await compactStore(tracker, options, (text) => io.stdout.write(text));
    } finally {
      await tracker.close();
    }
  },
};

const hourMs = 3_600_000;

/** `fairlead-tracking gc`. */
export const garbageCommand: Command = {
  name: 'gc',
  summary: 'removes deleted runs, artifacts nothing refers to, and what crashes left',
  usage: `[--dir <folder>] [--dry-run] [--older-than-hours <number>]

${storeUsage}
${dryRunUsage}
  --older-than-hours <number>
                   leaves alone what is younger, since another process may be
                   about to refer to it (default: 24)
`,
  async run(args, io) {
    const { values } = parseArguments(args, {
      ...storeOption,
      ...dryRunOption,
      'older-than-hours': { type: 'string', default: '24' },
    });
    const hours = wholeNumberOf('older-than-hours', values['older-than-hours'], 1, 1_000_000);
    const tracker = await openStore(values.dir, io);
    try {
      const options = { dryRun: values['dry-run'], olderThanMs: hours * hourMs, signal: io.signal };
      return await collectGarbage(tracker, options, (text) => io.stdout.write(text));
    } finally {
      await tracker.close();
    }
  },
};
