import { FairleadError } from '../errors';
import type { BinReport } from './attribution';
import type { DriftHistoryReport } from './drift-history';
import type { DriftReport } from './report';

/** A report with everything that a page about it shows. Plain data that survives JSON. */
export interface FullDriftReport extends DriftReport {
  /** Every bin of every feature, from the lowest to the highest and then the tallies, by the feature's name. Empty before any row. */
  readonly bins: Readonly<Record<string, readonly BinReport[]>>;
  /** Evidence and episodes since the monitor was made. */
  readonly history: DriftHistoryReport;
}

/** What `report` makes: `full` is plain data, `html` a page. */
export type DriftReportFormat = 'full' | 'html';

/** What a format gives. */
export type DriftReportOf<Format extends DriftReportFormat> = Format extends 'html' ? Promise<string> : FullDriftReport;

const formats: readonly unknown[] = ['full', 'html'] satisfies DriftReportFormat[];

/**
 * The format that was asked for.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function formatOf(options: { readonly format: DriftReportFormat }): DriftReportFormat {
  const format: unknown = (options as Partial<typeof options> | null)?.format;
  if (formats.includes(format)) return format as DriftReportFormat;
  const given = JSON.stringify(format) ?? String(format);
  throw new FairleadError(
    'INVALID_ARGUMENT',
    `format: expected "full" or "html", given ${given}. Call report() without options for the plain report.`,
    { details: { field: 'format', expected: '"full" or "html"', given } },
  );
}
