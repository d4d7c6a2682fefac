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

/**
 * The format that was asked for.
 * @throws FairleadError `INVALID_ARGUMENT` when it is none of `formats`
 */
export function formatOf<Format extends DriftReportFormat>(
  options: { readonly format: Format },
  formats: readonly Format[],
): Format {
  const given: unknown = (options as Partial<typeof options> | null)?.format;
  const format = formats.find((one) => one === given);
  if (format !== undefined) return format;
  const expected = formats.map((one) => `"${one}"`).join(' or ');
  const words = typeof given === 'string' ? JSON.stringify(given) : String(given);
  throw new FairleadError(
    'INVALID_ARGUMENT',
    `format: expected ${expected}, given ${words}. Call report() without options for the plain report.`,
    { details: { field: 'format', expected, given: words } },
  );
}
