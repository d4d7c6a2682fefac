import type { LineageGraph } from '../lineage/lineage';
import type { CompareAnswer, HistoryAnswer, RunAnswer } from './answers';

/** What a report carries for its script. */
export interface ReportData {
  readonly title: string;
  readonly runs: readonly RunAnswer[];
  /** By run. */
  readonly lineages: Readonly<Record<string, LineageGraph>>;
  readonly comparison: CompareAnswer;
  readonly histories: readonly HistoryAnswer[];
  /** Data URLs by `<run id>/<artifact name>`, of those that were put in. */
  readonly artifacts: Readonly<Record<string, string>>;
}
