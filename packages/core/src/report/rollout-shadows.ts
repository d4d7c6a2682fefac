import type { RolloutShadow } from '../rollouts/shadow/shadow-stats';
import { count, duration, figure, percent } from './format';
import { html, type Markup, shorten } from './markup';

const mostShadows = 12;

const measures = {
  tolerance: 'Rows out of tolerance',
  top: 'Another first place',
  rank: 'Pairs in another order',
} as const;

const sparings: Readonly<Record<keyof RolloutShadow['stats']['shed'], string>> = {
  full: 'budget full',
  bytes: 'no room for a copy',
  busy: 'champion overloaded',
  unanswered: 'not answered by the champion',
  refused: 'refused by the shadow',
};

/** A card for each shadow: how much its answers disagree with the champion's, and what it cost. */
export function shadowCards(shadows: readonly RolloutShadow[]): Markup | null {
  if (shadows.length === 0) return null;
  return html`<div class="row"><h4>Shadows</h4><p class="legend">answers that nobody hears, beside the champion’s</p></div>
${shadows.slice(0, mostShadows).map(shadowCard)}
${shadows.length > mostShadows && html`<p class="note">${count(shadows.length - mostShadows)} more shadows are not shown.</p>`}`;
}

function shadowCard({ name, model, comparisons, disagreements, stats, lastError }: RolloutShadow): Markup {
  const { requests, mirrored, noiseComparisons, failures, shed, lagMs, overlapShare, timeShare, budgetUsed } = stats;
  const spared = Object.entries(shed).filter(([, times]) => times > 0) as [keyof typeof sparings, number][];
  const facts: readonly (readonly [name: string, value: string])[] = [
    ['Requests seen', count(requests)],
    ['Copied', count(mirrored)],
    ['Failed', count(failures)],
    ['Behind by', duration(lagMs)],
    ['Requests that met it', percent(overlapShare)],
    ['Time taken', percent(timeShare)],
    ['Of its budget', percent(budgetUsed)],
  ];
  return html`<article class="card"><div class="line"><h4>${shorten(name)} <span class="muted">${shorten([model.name, model.version].filter(Boolean).join(' '))}</span></h4><span class="pill">${count(comparisons)} comparisons</span></div>
${disagreements.length > 0 ? disagreementTable(name, disagreements) : html`<p class="note">Nothing was compared yet.</p>`}
<dl class="facts">${facts.map(([fact, value]) => html`<div><dt>${fact}</dt><dd>${value}</dd></div>`)}</dl>
<p class="note">The champion answered ${count(noiseComparisons)} requests twice, for its own noise.${spared.length > 0 && ` Spared: ${spared.map(([reason, times]) => `${count(times)} (${sparings[reason] ?? reason})`).join(', ')}.`}</p>
${lastError !== undefined && html`<p class="note">The last failure: ${shorten(lastError, 300)}</p>`}</article>`;
}

function disagreementTable(name: string, disagreements: RolloutShadow['disagreements']): Markup {
  const caption = `How much ${shorten(name)} disagrees with the champion`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${caption}"><table>
<caption class="hidden">${caption}</caption>
<thead><tr><th scope="col">Disagreement</th><th scope="col" class="n">Shadow</th><th scope="col" class="n">Champion with itself</th><th scope="col" class="n">Beyond that</th><th scope="col" class="n">Bounds</th></tr></thead>
<tbody>${disagreements.map(
    ({ measure, challenger, noise, excess }) =>
      html`<tr><th scope="row">${measures[measure] ?? shorten(measure)}</th><td class="n strong">${challenger.comparisons === 0 ? '–' : percent(challenger.mean)}</td><td class="n">${noise.comparisons === 0 ? '–' : percent(noise.mean)}</td><td class="n">${figure(excess.difference, 3)}</td><td class="n">${figure(excess.lower, 3)} – ${figure(excess.upper, 3)}</td></tr>
`,
  )}</tbody></table></div>`;
}
