import type { HistoryEntry } from '../rollouts/contracts';
import { count, percent, timeToSecond } from './format';
import { html, type Markup, shorten } from './markup';
import { evidenceTable } from './rollout-evidence';
import { decisionWords } from './rollout-words';

/** Entries that are listed; the state of a rollout has the latest hundred. */
const mostEntries = 50;
/** Challengers whose evidence an entry unfolds. */
const mostArms = 10;

/** What happened, the latest first: when, on whose word, why, and on what evidence. */
export function historyList(history: readonly HistoryEntry[]): Markup | null {
  if (history.length === 0) return null;
  const latest = history.slice(-mostEntries).reverse();
  const left = history.length - latest.length;
  return html`<div class="row"><h4>What happened</h4><p class="legend">the latest first</p></div>
<div class="card"><ol class="timeline">${latest.map(entryItem)}</ol>${left > 0 && html`<p class="note">${count(left)} earlier decisions are not shown.</p>`}</div>`;
}

function entryItem(entry: HistoryEntry): Markup {
  const { atEpochMs, actor, reason, weights, evidence } = entry;
  const [kind, words] = decisionWords(entry.decision);
  const shares = Object.entries(weights)
    .filter(([, weight]) => weight > 0)
    .slice(0, mostArms)
    .map(([arm, weight]) => `${shorten(arm, 32)} ${percent(weight)}`)
    .join(', ');
  const arms = Object.values(evidence.arms).filter(({ guardrails }) => guardrails.length > 0);
  const when = timeToSecond(atEpochMs);
  return html`<li class="${kind}"><p><strong>${words}</strong> <span class="muted">${when} · by ${shorten(actor, 64)}</span></p>
<p>${shorten(reason, 400)}</p>
<p class="note">${shares}</p>
${arms.length > 0 && html`<details><summary>Evidence</summary>${evidenceTable(arms.slice(0, mostArms), `Evidence at ${when}`)}</details>`}</li>
`;
}
