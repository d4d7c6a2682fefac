import { alertsOf, alertsSection } from './alerts-section';
import { checkReportOptions } from './check-options';
import { loadCharts } from './draw-charts';
import { driftSection } from './drift-section';
import { time } from './format';
import { html, type Markup, shorten, textOf } from './markup';
import { performanceSection } from './performance-section';
import { pill } from './pill';
import { qualitySection } from './quality-section';
import { rolloutsSection } from './rollout-section';
import { badge, statusWords } from './rollout-words';
import type { ReportOptions, ReportSections, RolloutSection } from './sections';
import { style } from './style';
import { summaryTiles } from './summary';

/**
 * Writes one page with everything on it: no script, no font, no picture from elsewhere, and a policy that forbids any. It is
 * good in light and dark, on paper, on a phone and on a desktop.
 *
 * ```ts fragment
 * const page = await renderReport({ drift: drift.report({ format: 'full' }), quality: quality.report() });
 * ```
 *
 * @throws FairleadError `INVALID_ARGUMENT` for wrong sections or options; `UNSUPPORTED` where the package echarts, an optional
 * peer that draws the charts, is not installed
 */
export async function renderReport(sections: ReportSections, options: ReportOptions = {}): Promise<string> {
  const { title, generatedAtMs, charts } = checkReportOptions(sections, options);
  const draw = await loadCharts();
  const { drift, quality, performance, rollouts } = sections;
  const alerts = sections.alerts ?? (drift === undefined ? undefined : alertsOf(drift));
  const model = drift?.model ?? quality?.model ?? null;
  const name = title ?? (model === null ? headingOf(rollouts) : [model.name, model.version].filter(Boolean).join(' '));
  const parts: [id: string, name: string, section: Markup][] = [];
  if (drift !== undefined) parts.push(['drift', 'Drift', driftSection(drift, charts, draw)]);
  if (performance !== undefined) parts.push(['performance', 'Performance', performanceSection(performance, draw)]);
  if (quality !== undefined) parts.push(['quality', 'Data quality', qualitySection(quality)]);
  if (rollouts !== undefined) parts.push(['rollouts', 'Rollouts', rolloutsSection(rollouts, draw)]);
  if (alerts !== undefined) parts.push(['alerts', 'Alerts', alertsSection(alerts)]);
  return textOf(html`${doctype}<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${shorten(name)}</title>
${style}
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<div class="head"><div><p class="eyebrow">Monitoring report</p><h1>${shorten(name)}</h1></div><div class="verdict">${drift !== undefined && pill(drift.state, driftVerdicts[drift.state])}${quality !== undefined && pill(quality.state, qualityVerdicts[quality.state])}${rollouts !== undefined && rollouts.length > 0 && rolloutBadge(rollouts)}</div></div>
<p class="meta">${time(generatedAtMs)}${model !== null && html` · model <code>${shorten(model.digest, 19)}</code>`}</p>
${parts.length > 1 && html`<nav aria-label="Sections">${parts.map(([id, label]) => html`<a href="#${id}">${label}</a>`)}</nav>`}
</header>
<main id="content">
${summaryTiles(sections)}
${parts.map(([, , section]) => section)}
${parts.length === 0 && html`<p class="lead">There is nothing to report.</p>`}
</main>
<footer>Written by Fairlead. All times are UTC.</footer>
</body>
</html>
`);
}

/** The rollout, where the page is about nothing but one. */
function headingOf(rollouts: readonly RolloutSection[] | undefined): string {
  const [only, ...others] = rollouts ?? [];
  return only === undefined || others.length > 0 ? 'Model monitoring' : only.name;
}

/** Where the rollout stands; of several, how many there are. */
function rolloutBadge([first, ...others]: readonly RolloutSection[]): Markup | null {
  if (first === undefined) return null;
  if (others.length > 0) return badge(['', `${others.length + 1} rollouts`]);
  const [kind, words] = statusWords(first.status);
  return badge([kind, `Rollout: ${words.toLowerCase()}`]);
}

const doctype = html`<!doctype html>
`;

const driftVerdicts = { ok: 'No drift', warning: 'Drift warning', drift: 'Drift' } as const;
const qualityVerdicts = { ok: 'Data OK', warning: 'Data warning', failed: 'Data quality failed' } as const;
