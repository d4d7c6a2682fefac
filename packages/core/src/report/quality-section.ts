import type { CheckReport, QualityReport } from '../monitoring/quality/quality-report';
import { count, duration, percent, probability, time } from './format';
import { html, type Markup, shorten } from './markup';
import { pill } from './pill';

/** Rules that are listed at once; the rest, which hold better, can be unfolded. */
const mostListed = 20;
const mostRules = 2000;

/** Data quality: every rule, the worst first. */
export function qualitySection(quality: QualityReport): Markup {
  const { checks, freshness, testErrors } = quality;
  const listed = checks.slice(0, mostListed);
  const rest = checks.slice(mostListed, mostRules);
  const examples = checks.filter(({ examples }) => examples.length > 0).slice(0, mostListed);
  return html`<section aria-labelledby="quality">
<h2 id="quality">Data quality</h2>
<p class="lead">${leadOf(quality)}</p>
${checks.length > 0 && html`<div class="card">${checkTable(listed, 'Rules, the worst first')}${rest.length > 0 && html`<details><summary>${count(rest.length)} more rules</summary>${checkTable(rest, 'More rules')}</details>`}${checks.length > mostRules && html`<p class="note">${count(checks.length - mostRules)} more rules are not shown.</p>`}</div>`}
${examples.length > 0 && html`<details class="card"><summary>Examples of values that broke a rule</summary>${examplesTable(examples)}</details>`}
${freshness.length > 0 && html`<dl class="facts">${freshness.map(({ rule, feature, ageMs, maxAgeMs }) => html`<div><dt>${shorten(rule)} · ${shorten(feature)}</dt><dd>${duration(ageMs)} of ${duration(maxAgeMs)}</dd></div>`)}</dl>`}
${testErrors > 0 && html`<p class="note">${count(testErrors)} calls of a rule’s own test threw.</p>`}
</section>`;
}

function leadOf({ checks, rowsChecked, rowsSeen, meanTimeBetweenFalseAlarms }: QualityReport): string {
  const failed = checks.filter(({ state }) => state === 'failed').length;
  const verdict =
    failed === 0
      ? `All ${count(checks.length)} rules hold.`
      : `${count(failed)} of ${count(checks.length)} rules ${failed === 1 ? 'fails' : 'fail'}.`;
  return `${verdict} ${count(rowsChecked)} of ${count(rowsSeen)} rows were checked. While all is well, a rule fails by chance once in ${count(meanTimeBetweenFalseAlarms)} rows on average.`;
}

function checkTable(checks: readonly CheckReport[], caption: string): Markup {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${caption}"><table>
<caption class="hidden">${caption}</caption>
<thead><tr><th scope="col">Rule</th><th scope="col">Field</th><th scope="col">State</th><th scope="col" class="n">Violations</th><th scope="col" class="n">Tolerated</th><th scope="col" class="n">Last window</th><th scope="col" class="n">p</th></tr></thead>
<tbody>${checks.map(
    ({ rule, feature, state, violations, tested, tolerance, lastWindow }) =>
      html`<tr><th scope="row">${shorten(rule)}</th><td>${shorten(feature)}</td><td>${pill(state)}</td><td class="n">${count(violations)} <span class="muted">of ${count(tested)}</span></td><td class="n">${percent(tolerance)}</td><td class="n">${lastWindow === null || lastWindow.tested === 0 ? '–' : percent(lastWindow.violations / lastWindow.tested)}</td><td class="n">${probability(lastWindow?.pValue)}</td></tr>
`,
  )}</tbody></table></div>`;
}

function examplesTable(checks: readonly CheckReport[]): Markup {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Examples"><table>
<caption class="hidden">Examples of values that broke a rule</caption>
<thead><tr><th scope="col">Rule</th><th scope="col">Field</th><th scope="col">Value</th><th scope="col" class="n">Row</th><th scope="col" class="n">Time</th></tr></thead>
<tbody>${checks.map(({ rule, feature, examples }) =>
    examples
      .slice(0, 5)
      .map(
        ({ value, row, atMs }) =>
          html`<tr><th scope="row">${shorten(rule)}</th><td>${shorten(feature)}</td><td><code>${shorten(value, 120)}</code></td><td class="n">${count(row)}</td><td class="n">${time(atMs)}</td></tr>`,
      ),
  )}</tbody></table></div>`;
}
