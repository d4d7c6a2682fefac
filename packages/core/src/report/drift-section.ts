import type { BinReport, FeatureReport } from '../monitoring/attribution';
import type { FullDriftReport } from '../monitoring/full-report';
import { evidenceOption } from './chart-options';
import type { DrawChart } from './draw-charts';
import { featureCard, featureTable } from './feature-cards';
import { count, duration, percent, powerOfTen, time } from './format';
import { html, type Markup, shorten } from './markup';

const reasons: Readonly<Record<keyof FullDriftReport['rowsSkipped'], string>> = {
  budget: 'left out to stay within the time budget',
  rejected: 'in batches that do not fit the reference',
  noReference: 'without a reference',
  learning: 'used to learn the reference',
  loading: 'while a reference was loading',
  otherModel: 'answered by a model that was replaced',
};

/** Drift: the evidence over time, then the features one by one. */
export function driftSection(drift: FullDriftReport, mostCharts: number, draw: DrawChart): Markup {
  return html`<section aria-labelledby="drift">
<h2 id="drift">Drift</h2>
<p class="lead">${leadOf(drift)}</p>
${evidenceFigure(drift, draw)}
${skippedList(drift)}
${featuresOf(drift, mostCharts, draw)}
</section>`;
}

function leadOf({
  state,
  referenceRows,
  alarmLevelLog10,
  alarmUnit,
  episode,
  rowsSeen,
  topMovers,
}: FullDriftReport): string {
  if (referenceRows === null) return 'There is no reference, so nothing is compared.';
  const mean = 10 ** alarmLevelLog10;
  const promise = `Without a drift, one alarm comes in ${alarmUnit === 'rows' ? `${count(mean)} rows` : duration(mean)} on average.`;
  if (state !== 'drift' || episode === null) {
    const verdict =
      state === 'warning'
        ? 'There is some evidence that the live rows changed.'
        : 'The live rows are like the reference.';
    return `${rowsSeen === 0 ? 'No rows have come yet.' : verdict} ${promise}`;
  }
  const names = topMovers.slice(0, 3).map(({ name }) => shorten(name));
  const most = names.length > 0 ? `, most in ${names.join(', ')}` : '';
  return `The live rows have differed from the reference since ${time(episode.startedAtMs)} (row ${count(episode.startedAtRow)})${most}. ${promise}`;
}

function evidenceFigure(drift: FullDriftReport, draw: DrawChart): Markup | null {
  const { history, alarmLevelLog10, warningLevelLog10, evidenceLog10, referenceRows } = drift;
  const { points, episodes } = history;
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined || referenceRows === null) return null;
  const stretchMs = last.epochMs - first.epochMs;
  const label = `Evidence of drift from ${time(first.epochMs)} to ${time(last.epochMs)}, over ${count(last.rowsSeen)} rows. It is at ${powerOfTen(evidenceLog10)}; a warning comes at ${powerOfTen(warningLevelLog10)}, an alarm at ${powerOfTen(alarmLevelLog10)}. Episodes of drift: ${episodes.length}.`;
  const wide = draw(evidenceOption(history, drift, false), 1040, 260);
  const narrow = draw(evidenceOption(history, drift, true), 350, 220);
  return html`<figure class="card" role="img" aria-label="${label}">
<figcaption>Evidence <span class="muted">log₁₀, over ${stretchMs > 0 ? 'time (UTC)' : 'rows'}; shaded while an episode lasts</span></figcaption>
<div class="wide">${wide}</div><div class="narrow">${narrow}</div></figure>`;
}

function skippedList({ rowsSkipped, rowsSeen }: FullDriftReport): Markup | null {
  const skipped = Object.entries(rowsSkipped).filter(([, rows]) => rows > 0) as [keyof typeof reasons, number][];
  if (skipped.length === 0) return null;
  return html`<p class="note">Not observed: ${skipped
    .map(([reason, rows]) => `${count(rows)} rows (${percent(rows / rowsSeen)}) ${reasons[reason]}`)
    .join('; ')}.</p>`;
}

function featuresOf(
  { features, bins, windowRows, referenceRows }: FullDriftReport,
  mostCharts: number,
  draw: DrawChart,
): Markup | null {
  if (features.length === 0) return null;
  const binsOf = ({ name }: FeatureReport): readonly BinReport[] =>
    Object.hasOwn(bins, name) ? (bins[name] ?? []) : [];
  // After Bonferroni, as the monitor itself decides when an episode is over.
  const differs = ({ pValue }: FeatureReport): boolean => pValue * features.length < 0.001;
  const charted = windowRows === 0 ? [] : features.slice(0, mostCharts);
  const listed = features.slice(charted.length);
  const more = listed.length === 1 ? '1 more feature' : `${count(listed.length)} more features`;
  return html`<div class="row"><h3>Features</h3><p class="legend"><span class="key reference"></span>reference, ${count(referenceRows ?? 0)} rows <span class="key window"></span>window, ${count(windowRows)} rows</p></div>
<div class="cards">${charted.map((feature) => featureCard(feature, binsOf(feature), differs(feature), draw))}</div>
${listed.length > 0 && html`<details class="card rest"><summary>${charted.length > 0 ? more : `All ${count(listed.length)} features`}</summary>${featureTable(listed)}</details>`}`;
}
