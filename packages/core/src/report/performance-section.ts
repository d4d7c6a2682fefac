import { seriesOption } from './chart-options';
import type { DrawChart } from './draw-charts';
import { count, figure, metric } from './format';
import { html, type Markup, shorten } from './markup';
import type { PerformanceMetric, PerformanceSection, PerformanceSeries } from './sections';

const mostSeries = 12;
const mostPoints = 2000;

/** Performance: the metrics with their intervals, then each over time. */
export function performanceSection(performance: PerformanceSection, draw: DrawChart): Markup {
  const { summary, metrics, series = [], facts = [] } = performance;
  return html`<section aria-labelledby="performance">
<h2 id="performance">Performance</h2>
${summary !== undefined && html`<p class="lead">${shorten(summary, 400)}</p>`}
${metrics.length > 0 ? metricTable(metrics) : html`<p class="note">No metric is known yet.</p>`}
${series.length > 0 && html`<div class="cards">${series.slice(0, mostSeries).map((one) => seriesCard(one, draw))}</div><p class="note">Dashed: the reference. Dotted: the confidence interval.</p>`}
${facts.length > 0 && html`<dl class="facts">${facts.map(({ name, value }) => html`<div><dt>${shorten(name)}</dt><dd>${typeof value === 'number' ? figure(value, 6) : shorten(value, 200)}</dd></div>`)}</dl>`}
</section>`;
}

function metricTable(metrics: readonly PerformanceMetric[]): Markup {
  return html`<div class="card scroll" tabindex="0" role="group" aria-label="Metrics"><table>
<caption class="hidden">Metrics with their confidence intervals</caption>
<thead><tr><th scope="col">Metric</th><th scope="col" class="n">Value</th><th scope="col" class="n">Interval</th><th scope="col" class="n">Reference</th><th scope="col" class="n">Rows</th></tr></thead>
<tbody>${metrics.map(
    ({ name, slice, value, lower, upper, reference, rows, estimated }) =>
      html`<tr><th scope="row">${shorten(name)}${slice !== undefined && html` <span class="muted">${shorten(slice)}</span>`}${estimated === true && html` <span class="pill">estimated</span>`}</th><td class="n strong">${metric(value)}</td><td class="n">${lower === undefined || upper === undefined ? '–' : `${metric(lower)} – ${metric(upper)}`}</td><td class="n">${metric(reference)}</td><td class="n">${rows === undefined ? '–' : count(rows)}</td></tr>
`,
  )}</tbody></table></div>`;
}

function seriesCard(series: PerformanceSeries, draw: DrawChart): Markup {
  const points = series.points.slice(-mostPoints);
  const last = points.at(-1);
  const label = `${shorten(series.name)} over time. Latest value: ${figure(last?.value)}.`;
  return html`<article class="card feature"><h4>${shorten(series.name)}</h4><span class="pill">${figure(last?.value)}</span>
<figure role="img" aria-label="${label}">${points.length > 0 && draw(seriesOption({ ...series, points }), 340, 150)}</figure></article>`;
}
