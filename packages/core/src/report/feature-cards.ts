import type { BinReport, FeatureReport } from '../monitoring/attribution';
import { type HistogramBar, histogramOption } from './chart-options';
import type { DrawChart } from './draw-charts';
import { figure, fixed, percent, probability } from './format';
import { html, type Markup, shorten } from './markup';

/** More bins than this are added up to so many for the chart. */
const mostBars = 24;
const chartWidth = 340;
const chartHeight = 150;

const tallyNames: Readonly<Record<Exclude<BinReport['kind'], 'range'>, string>> = {
  missing: 'NaN',
  'negative-infinity': '−∞',
  'positive-infinity': '+∞',
};

/**
 * One feature: its histogram on the bins of the reference, and its numbers.
 * @param differs whether its window differs by more than chance makes any of all features differ
 */
export function featureCard(
  feature: FeatureReport,
  bins: readonly BinReport[],
  differs: boolean,
  draw: DrawChart,
): Markup {
  const { name, share, psi, ks, pValue, meanShift, windowMean, referenceMean } = feature;
  const bars = barsOf(bins);
  return html`<article class="card feature">
<h4 title="${shorten(name, 240)}">${shorten(name)}</h4>
${share > 0 && html`<span class="pill bad">${percent(share)} of the evidence</span>`}${share === 0 && differs && html`<span class="pill warn">differs</span>`}
<figure role="img" aria-label="${summaryOf(feature, bars)}">${bars.length > 0 && draw(histogramOption(bars), chartWidth, chartHeight)}</figure>
<dl class="numbers">
<div><dt><abbr title="Probability that chance alone makes as great a difference">p</abbr></dt><dd>${probability(pValue)}</dd></div>
<div><dt><abbr title="Population stability index">PSI</abbr></dt><dd>${fixed(psi, 3)}</dd></div>
<div><dt><abbr title="Kolmogorov–Smirnov distance on the bins">KS</abbr></dt><dd>${fixed(ks, 3)}</dd></div>
<div><dt><abbr title="Shift of the mean in standard deviations of the reference">Shift</abbr></dt><dd>${meanShift === null ? '–' : `${fixed(meanShift, 2)}\u202fσ`}</dd></div>
</dl>
<details><summary>Bins and means</summary><div class="scroll" tabindex="0" role="group" aria-label="${`Bins of ${shorten(name)}`}"><table>
<caption>Mean ${figure(referenceMean)} in the reference, ${figure(windowMean)} in the window</caption>
<thead><tr><th scope="col">Bin</th><th scope="col" class="n">Reference</th><th scope="col" class="n">Window</th></tr></thead>
<tbody>${bars.map(
    (bar) =>
      html`<tr><th scope="row">${bar.label}</th><td class="n">${percent(bar.referenceShare)}</td><td class="n">${percent(bar.windowShare)}</td></tr>`,
  )}</tbody></table></div></details>
</article>`;
}

/** The rest of the features, a line each. */
export function featureTable(features: readonly FeatureReport[]): Markup {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Other features"><table>
<caption>Strongest first</caption>
<thead><tr><th scope="col">Feature</th><th scope="col" class="n">p</th><th scope="col" class="n">PSI</th><th scope="col" class="n">KS</th><th scope="col" class="n">Shift, σ</th><th scope="col" class="n">Missing</th></tr></thead>
<tbody>${features.map(
    ({ name, pValue, psi, ks, meanShift, missingShare }) =>
      html`<tr><th scope="row">${shorten(name)}</th><td class="n">${probability(pValue)}</td><td class="n">${fixed(psi, 3)}</td><td class="n">${fixed(ks, 3)}</td><td class="n">${fixed(meanShift, 2)}</td><td class="n">${percent(missingShare)}</td></tr>
`,
  )}</tbody></table></div>`;
}

function summaryOf({ name }: FeatureReport, bars: readonly HistogramBar[]): string {
  const title = `Histogram of ${shorten(name)}, reference beside window.`;
  const [most] = [...bars].sort((a, b) => differenceOf(b) - differenceOf(a));
  if (most === undefined) return `${title} No rows yet.`;
  return `${title} The greatest difference is in the bin ${most.label}: ${percent(most.referenceShare)} of the reference, ${percent(most.windowShare)} of the window.`;
}

function differenceOf({ referenceShare, windowShare }: HistogramBar): number {
  return Math.abs(windowShare - referenceShare);
}

function barsOf(bins: readonly BinReport[]): HistogramBar[] {
  const ranges = bins.filter(({ kind }) => kind === 'range');
  const size = Math.ceil(ranges.length / mostBars);
  const bars: HistogramBar[] = [];
  for (let start = 0; start < ranges.length; start += size) {
    const part = ranges.slice(start, start + size);
    bars.push({
      label: rangeLabel(part[0]?.above ?? null, part.at(-1)?.upTo ?? null, ranges[start + size]?.upTo ?? null),
      tally: false,
      referenceShare: sum(part.map(({ referenceShare }) => referenceShare)),
      windowShare: sum(part.map(({ windowShare }) => windowShare)),
    });
  }
  for (const { kind, referenceShare, windowShare } of bins) {
    if (kind === 'range') continue;
    bars.push({ label: tallyNames[kind], tally: true, referenceShare, windowShare });
  }
  // A bin that neither has says nothing.
  return bars.filter(({ referenceShare, windowShare }) => referenceShare > 0 || windowShare > 0);
}

/**
 * A bin in words. A value with many rows has a bin of its own, from the double below it to itself, which print alike.
 * @param next where the next bin ends
 */
function rangeLabel(above: number | null, upTo: number | null, next: number | null): string {
  if (above === null && upTo === null) return 'any';
  if (upTo === null) return `> ${figure(above)}`;
  if (alike(above, upTo)) return `= ${figure(upTo)}`;
  return alike(upTo, next) ? `< ${figure(next)}` : `≤ ${figure(upTo)}`;
}

function alike(left: number | null, right: number | null): boolean {
  return left !== null && right !== null && Math.abs(right - left) <= Math.max(1e-300, Math.abs(right) * 4e-16);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
