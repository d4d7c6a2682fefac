import type { ModelInfo } from '../../runner/runner';
import type { BinReport } from '../attribution';
import type { AlertFeature } from './alert';
import { type AlertFacts, bareFeature, finiteOf, recordOf } from './source';

const mostFeatures = 10;
const mostBins = 3;
/** Names come from users' data; a longer one is cut. */
const longestName = 200;

/**
 * Reads what an alert says from a monitor's report: model, evidence, alarm level, and the features, rules or metrics
 * that have a part in it. Reports are read by their fields, so that monitors need not know of alerts; a field that is
 * missing or of another kind counts as not told.
 */
export function readFacts(report: unknown): AlertFacts {
  const { model, evidenceLog10, alarmLevelLog10, topMovers, checks } = recordOf(report);
  const features = [...listOf(topMovers).flatMap(readFeature), ...listOf(checks).flatMap(readCheck)];
  return {
    model: readModel(model),
    evidenceLog10: finiteOf(evidenceLog10),
    alarmLevelLog10: finiteOf(alarmLevelLog10),
    features: features.slice(0, mostFeatures),
  };
}

function readModel(value: unknown): ModelInfo | null {
  const { name, version, digest } = recordOf(value);
  if (typeof name !== 'string' || typeof version !== 'string') return null;
  return { name, version, digest: typeof digest === 'string' ? digest : '' };
}

function readFeature(value: unknown): AlertFeature[] {
  const { name, share, psi, ks, meanShift, topBins } = recordOf(value);
  if (typeof name !== 'string') return [];
  return [
    {
      ...bareFeature(cut(name)),
      share: finiteOf(share),
      psi: finiteOf(psi),
      ks: finiteOf(ks),
      meanShift: finiteOf(meanShift),
      bins: listOf(topBins).slice(0, mostBins).flatMap(readBin),
    },
  ];
}

const binKinds = ['range', 'missing', 'negative-infinity', 'positive-infinity'] as const;

function readBin(value: unknown): BinReport[] {
  const { kind, above, upTo, referenceShare, windowShare, psi } = recordOf(value);
  const known = binKinds.find((one) => one === kind);
  const shares = [finiteOf(referenceShare), finiteOf(windowShare)] as const;
  if (known === undefined || shares[0] === null || shares[1] === null) return [];
  return [
    {
      kind: known,
      above: finiteOf(above),
      upTo: finiteOf(upTo),
      referenceShare: shares[0],
      windowShare: shares[1],
      psi: finiteOf(psi) ?? 0,
    },
  ];
}

/** A rule of data quality that failed. */
function readCheck(value: unknown): AlertFeature[] {
  const { rule, feature, state, violations, tested } = recordOf(value);
  if (typeof feature !== 'string' || state === 'ok') return [];
  const counts =
    finiteOf(violations) === null ? '' : `, broken by ${violations} of ${finiteOf(tested) ?? 'the'} values`;
  return [{ ...bareFeature(cut(feature)), note: cut(`rule "${String(rule)}"${counts}`) }];
}

function cut(text: string): string {
  return text.length > longestName ? `${text.slice(0, longestName - 1)}…` : text;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
