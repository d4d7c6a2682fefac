import type { BinReport } from '../attribution';
import type { Alert, AlertFeature } from './alert';

const namedFeatures = 3;

/** Everything of an alert but its words. */
export type WordlessAlert = Omit<Alert, 'title' | 'text'>;

/** The words of an alert: a title of one line, and what happened with what to do about it. */
export function describeAlert(alert: WordlessAlert): Pick<Alert, 'title' | 'text'> {
  const what = alert.model === null ? alert.source : `${alert.model.name}@${alert.model.version}`;
  const subject = subjects[alert.kind] ?? { noun: `Alarm of ${alert.source}`, happened: 'raised an alarm', advice };
  const noun = alert.severity === 'warning' ? `Warning: ${lowerFirst(subject.noun)}` : subject.noun;
  const features = alert.features.slice(0, namedFeatures);
  const names = features.length === 0 ? '' : `, most in ${features.map(({ name }) => name).join(', ')}`;
  if (alert.state === 'resolved') {
    const lasted = duration((alert.endedAtMs ?? alert.startedAtMs) - alert.startedAtMs);
    return {
      title: `Over: ${lowerFirst(noun)} of ${what}`,
      text: `${noun} of ${what} is over after ${lasted}${names}. It began ${timeOf(alert.startedAtMs)} (episode ${alert.id}).`,
    };
  }
  const still = alert.reason === 'reminder' ? 'still ' : '';
  const lines = [
    `${what} ${still}${subject.happened}, since ${timeOf(alert.startedAtMs)} (monitor ${alert.source}, episode ${alert.id}).`,
    evidenceOf(alert),
    ...features.map(describeFeature),
    `What to do: ${subject.advice}`,
  ];
  return { title: `${noun} of ${what}${names}`, text: lines.filter((line) => line !== '').join('\n') };
}

const advice = "look at the monitor's report().";

const subjects: Readonly<
  Record<string, { readonly noun: string; readonly happened: string; readonly advice: string }>
> = {
  drift: {
    noun: 'Drift',
    happened: 'is asked about rows that differ from its reference',
    advice:
      'find out where these features come from and what changed there (a unit, a sensor, a release, a new kind of user). A fault: mend it there. A lasting change: check the accuracy on fresh labels, retrain, and ship the model with a reference of the new rows.',
  },
  quality: {
    noun: 'Bad data',
    happened: 'is given data that break the rules',
    advice:
      'look at the examples in report() of the quality monitor, and mend the data where they come from; change the rule only if the new values are right.',
  },
  performance: {
    noun: 'Worse answers',
    happened: 'answers worse than it did',
    advice:
      'look at which slices fell in report() of the performance monitor, compare with the drift of their inputs, and retrain or roll back.',
  },
};

function evidenceOf({ evidenceLog10, alarmLevelLog10 }: WordlessAlert): string {
  if (evidenceLog10 === null) return '';
  const level = alarmLevelLog10 === null ? '' : ` (alarm at 10^${alarmLevelLog10.toFixed(1)})`;
  return `Evidence: 10^${evidenceLog10.toFixed(1)}${level}.`;
}

function describeFeature({ name, share, psi, ks, meanShift, note, bins }: AlertFeature): string {
  const parts = [
    share === null ? '' : `${percent(share)} of the evidence`,
    meanShift === null ? '' : `mean ${meanShift >= 0 ? '+' : '−'}${Math.abs(meanShift).toFixed(2)} deviations`,
    psi === null ? '' : `PSI ${psi.toFixed(3)}`,
    ks === null ? '' : `KS ${ks.toFixed(3)}`,
    note ?? '',
    ...bins.slice(0, 1).map(describeBin),
  ];
  return `- ${name}: ${parts.filter((part) => part !== '').join(', ')}`;
}

function describeBin({ kind, above, upTo, referenceShare, windowShare }: BinReport): string {
  const range =
    kind !== 'range'
      ? kind.replace('-', ' ')
      : above === null
        ? `up to ${short(upTo)}`
        : upTo === null
          ? `above ${short(above)}`
          : `${short(above)} to ${short(upTo)}`;
  return `${range}: ${percent(referenceShare)} before, ${percent(windowShare)} now`;
}

function short(value: number | null): string {
  return value === null ? 'any' : String(Number(value.toPrecision(4)));
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** A time as ISO 8601; what no date can be is shown as the number. */
export function timeOf(epochMs: number): string {
  const date = new Date(epochMs);
  return Number.isNaN(date.getTime()) ? String(epochMs) : date.toISOString();
}

function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 120) return `${seconds.toFixed(0)} seconds`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} minutes`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} hours`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
