import type { FullDriftReport } from '../monitoring/full-report';
import { count, duration, powerOfTen, time } from './format';
import { html, type Markup, shorten } from './markup';
import { pill } from './pill';
import type { AlertRow } from './sections';

const mostAlerts = 200;

/** Alerts, the latest first. */
export function alertsSection(alerts: readonly AlertRow[]): Markup {
  const latest = [...alerts].sort((left, right) => right.atMs - left.atMs).slice(0, mostAlerts);
  return html`<section aria-labelledby="alerts">
<h2 id="alerts">Alerts</h2>
${latest.length === 0 ? html`<p class="note">There was no alert.</p>` : alertTable(latest)}
${alerts.length > mostAlerts && html`<p class="note">${count(alerts.length - mostAlerts)} earlier alerts are not shown.</p>`}
</section>`;
}

/** The episodes of drift as alerts. */
export function alertsOf({ history }: FullDriftReport): AlertRow[] {
  return history.episodes.map(({ startedAtMs, startedAtRow, endedAtMs, evidenceLog10, topMovers, endReason }) => {
    const most = topMovers.length > 0 ? `, most in ${topMovers.map((name) => shorten(name)).join(', ')}` : '';
    const end = endReason === 'reference-change' ? ' Another reference ended it.' : '';
    return {
      atMs: startedAtMs,
      endedAtMs,
      level: 'drift',
      source: 'drift',
      text: `Drift from row ${count(startedAtRow)} at an evidence of ${powerOfTen(evidenceLog10)}${most}.${end}`,
    };
  });
}

function alertTable(alerts: readonly AlertRow[]): Markup {
  return html`<div class="card scroll" tabindex="0" role="group" aria-label="Alerts"><table>
<caption class="hidden">Alerts, the latest first</caption>
<thead><tr><th scope="col">Raised</th><th scope="col">Level</th><th scope="col">Source</th><th scope="col">What happened</th><th scope="col" class="n">Lasted</th></tr></thead>
<tbody>${alerts.map(
    ({ atMs, endedAtMs = null, level, source, text }) =>
      html`<tr><th scope="row" class="time">${time(atMs)}</th><td>${pill(level)}</td><td>${shorten(source)}</td><td class="text">${shorten(text, 400)}</td><td class="n">${endedAtMs === null ? 'ongoing' : duration(endedAtMs - atMs)}</td></tr>
`,
  )}</tbody></table></div>`;
}
