import { createDriftMonitor, type DriftReport, type DriftState, type Reference } from '@fairlead/core/monitoring';
import { darkest, pixelCount, side } from './downsample';

/** One pixel, compared with the training rows. */
export interface PixelDrift {
  /** From 1, as people count. */
  readonly row: number;
  readonly column: number;
  /** Mean ink of the window less that of the training rows, −1 to 1. */
  readonly difference: number;
  /** Whether chance alone hardly explains it (p-value, adjusted for the number of pixels, of 0.05 at most). */
  readonly moved: boolean;
  /** Kolmogorov–Smirnov distance from the training rows, 0 to 1. */
  readonly distance: number;
}

/** Pixels that lie together. */
export interface GroupDrift {
  readonly name: string;
  /** Mean Kolmogorov–Smirnov distance of its pixels, 0 to 1. */
  readonly score: number;
  readonly moved: number;
  readonly pixels: number;
}

/** What the panel shows. */
export interface DriftSummary {
  readonly state: DriftState;
  readonly rowsSeen: number;
  /** Rows that the pixels are compared by: the last fifty, counted on in fives. */
  readonly windowRows: number;
  readonly trainingRows: number;
  /** The evidence as a part of what raises an alarm, 0 to 1. */
  readonly evidence: number;
  /** The part of it that raises a warning. */
  readonly warningAt: number;
  /** The row at which the alarm came that lasts. */
  readonly alarmAtRow: number | undefined;
  readonly pixels: readonly PixelDrift[];
  readonly groups: readonly GroupDrift[];
}

/** Watches what is drawn and fed. */
export interface DriftWatch {
  /** Counts one digit. */
  observe(pixels: Float32Array): void;
  summary(): DriftSummary;
  close(): Promise<void>;
}

/** Few, so that a page that sees one digit at a time has something to show soon. */
const windowRows = 50;
/** The one number that sets the alarm: the digits that go by between two false ones, on average. */
const meanTimeBetweenFalseAlarms = 10_000;
const movedBelow = 0.05;

/**
 * Starts a watch. It is given finished digits one by one, and not attached to the runner: that is asked about half-drawn
 * digits as well, many times each, which are nothing like the rows of the training data.
 */
export function watchDrift(reference: Reference): DriftWatch {
  const monitor = createDriftMonitor({
    reference,
    windowRows,
    meanTimeBetweenFalseAlarms,
    // Few rows come, and none should be left out to save time.
    maxCpuShare: 1,
    // The panel shows it; without a listener the monitor would write a warning to the console.
    on: { 'drift-start': () => undefined },
  });
  return {
    observe: (pixels) =>
      monitor.observe({ pixels: { dtype: 'float32', shape: [1, pixelCount], data: Float32Array.from(pixels) } }),
    summary: () => summarise(monitor.report(), reference),
    close: () => monitor.close(),
  };
}

/** Where a pixel belongs: the columns at the sides, where training digits have next to no ink, or a band of rows. */
const groupNames = ['Top rows', 'Middle rows', 'Bottom rows', 'Side columns'] as const;

function groupOf({ row, column }: PixelDrift): (typeof groupNames)[number] {
  if (column === 1 || column === side) return 'Side columns';
  if (row <= 3) return 'Top rows';
  return row <= 5 ? 'Middle rows' : 'Bottom rows';
}

/** Puts a report into the order of the pixels and into groups. */
export function summarise(report: DriftReport, reference: Reference): DriftSummary {
  const byName = new Map(report.features.map((feature) => [feature.name, feature]));
  const compared = report.windowRows > 0;
  const pixels = reference.features.map(({ name }, index): PixelDrift => {
    const feature = byName.get(name);
    const place = { row: Math.floor(index / side) + 1, column: (index % side) + 1 };
    if (feature === undefined || !compared) return { ...place, difference: 0, moved: false, distance: 0 };
    return {
      ...place,
      difference: ((feature.windowMean ?? 0) - (feature.referenceMean ?? 0)) / darkest,
      moved: feature.adjustedPValue <= movedBelow,
      distance: feature.ks,
    };
  });
  return {
    state: report.state,
    rowsSeen: report.rowsSeen,
    windowRows: report.windowRows,
    trainingRows: reference.rows,
    evidence: Math.min(1, report.evidenceLog10 / report.alarmLevelLog10),
    warningAt: report.warningLevelLog10 / report.alarmLevelLog10,
    alarmAtRow: report.episode?.startedAtRow,
    pixels,
    groups: groupNames.map((name) =>
      groupDrift(
        name,
        pixels.filter((pixel) => groupOf(pixel) === name),
      ),
    ),
  };
}

function groupDrift(name: string, pixels: readonly PixelDrift[]): GroupDrift {
  const sum = pixels.reduce((total, { distance }) => total + distance, 0);
  return {
    name,
    score: sum / pixels.length,
    moved: pixels.filter(({ moved }) => moved).length,
    pixels: pixels.length,
  };
}
