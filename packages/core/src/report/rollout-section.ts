import type { SampleRatioAssessment } from '../rollouts/evidence/sample-ratio';
import type { DrawChart } from './draw-charts';
import { count, figure, percent, probability, timeToSecond } from './format';
import { html, type Markup, shorten } from './markup';
import { evidenceCards } from './rollout-evidence';
import { historyList } from './rollout-history';
import { shadowCards } from './rollout-shadows';
import { armClass, badge, eValue, type Kind, statusWords } from './rollout-words';
import type { RolloutSection } from './sections';

const mostRollouts = 20;
const mostArms = 20;

/** Rollouts, one below the other: where each stands, who gets what, on what evidence, and how it came to that. */
export function rolloutsSection(rollouts: readonly RolloutSection[], draw: DrawChart): Markup {
  return html`<section aria-labelledby="rollouts">
<h2 id="rollouts">${rollouts.length === 1 ? 'Rollout' : 'Rollouts'}</h2>
${rollouts.length === 0 && html`<p class="note">There is no rollout.</p>`}
${rollouts.slice(0, mostRollouts).map((rollout) => oneRollout(rollout, draw))}
${rollouts.length > mostRollouts && html`<p class="note">${count(rollouts.length - mostRollouts)} more rollouts are not shown.</p>`}
</section>`;
}

function oneRollout(rollout: RolloutSection, draw: DrawChart): Markup {
  const { name, strategy, status, reason, degraded, coolDownUntilEpochMs, sampleRatio, shadows, history } = rollout;
  const cools = status === 'rolled-back' && coolDownUntilEpochMs > 0;
  return html`<div class="rollout">
<div class="row"><h3 title="${shorten(name, 240)}">${shorten(name)} ${badge(statusWords(status))}</h3><p class="legend">${shorten(strategy)}</p></div>
<div class="card">
<p class="reason">${shorten(reason, 400)}</p>
${cools && html`<p class="note">Nothing starts by itself before ${timeToSecond(coolDownUntilEpochMs)}.</p>`}
${degraded.length > 0 && html`<ul class="alarm">${degraded.slice(0, mostArms).map((why) => html`<li>${shorten(why, 400)}</li>`)}</ul>`}
${shareBar(rollout)}
${armTable(rollout)}
</div>
${rewardBars(rollout)}
${evidenceCards(rollout, draw)}
${sampleRatio !== undefined && sampleRatioCard(sampleRatio)}
${shadowCards(shadows)}
${historyList(history)}
</div>`;
}

/** Who gets how much, as a bar; the table below has the numbers. */
function shareBar({ arms }: RolloutSection): Markup {
  const label = arms
    .slice(0, mostArms)
    .map(({ arm, weight }) => `${shorten(arm, 40)} ${percent(weight)}`)
    .join(', ');
  return html`<div class="shares" role="img" aria-label="${`Shares of the traffic: ${label}.`}">${arms.map(
    ({ weight }, index) =>
      weight > 0 && html`<i class="${armClass(index)}" style="width:${(weight * 100).toFixed(2)}%"></i>`,
  )}</div>`;
}

function armTable({ arms, stats, promoted }: RolloutSection): Markup {
  const counts = (arm: string) => (stats !== undefined && Object.hasOwn(stats.arms, arm) ? stats.arms[arm] : undefined);
  const rows = arms.slice(0, mostArms);
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Arms"><table>
<caption class="hidden">Arms, their models and their shares</caption>
<thead><tr><th scope="col">Arm</th><th scope="col">Model</th><th scope="col" class="n">Share</th>${stats !== undefined && html`<th scope="col" class="n">Requests</th><th scope="col" class="n">Failed</th><th scope="col" class="n">Champion stepped in</th>`}</tr></thead>
<tbody>${rows.map(({ arm, model, weight, circuit }, index) => {
    const did = counts(arm);
    const steppedIn = did === undefined ? 0 : did.fellBack + did.diverted;
    return html`<tr><th scope="row"><span class="key ${armClass(index)}"></span>${shorten(arm, 40)}${promoted === arm && html` <span class="pill good">promoted</span>`}${circuit !== 'closed' && html` <span class="pill bad">left alone</span>`}</th><td>${model === undefined ? html`<span class="muted">not loaded</span>` : html`${shorten([model.name, model.version].filter(Boolean).join(' '))} <code class="muted">${shorten(model.digest, 13)}</code>`}</td><td class="n strong">${percent(weight)}</td>${
      stats !== undefined &&
      html`<td class="n">${did === undefined ? '–' : count(did.requests)}</td><td class="n">${did === undefined ? '–' : did.failures === 0 ? '0' : html`${count(did.failures)} <span class="muted">${percent(did.failures / did.requests)}</span>`}</td><td class="n">${did === undefined || index === 0 ? '–' : count(steppedIn)}</td>`
    }</tr>
`;
  })}</tbody></table></div>
${arms.length > mostArms && html`<p class="note">${count(arms.length - mostArms)} more arms are not shown.</p>`}`;
}

/** What a strategy that learns has learnt of each arm. */
function rewardBars({ arms }: RolloutSection): Markup | null {
  const learnt = arms.slice(0, mostArms).filter(({ reward }) => reward !== undefined);
  if (learnt.length === 0) return null;
  const means = learnt.flatMap(({ reward }) => (reward?.mean === undefined ? [] : [reward.mean]));
  const least = Math.min(0, ...means);
  const range = Math.max(0, ...means) - least || 1;
  const bars = learnt.map(({ arm, reward }) => {
    const { mean, rewards = 0 } = reward ?? {};
    const share = mean === undefined ? 0 : (mean - least) / range;
    const index = arms.findIndex((each) => each.arm === arm);
    return html`<div><dt>${shorten(arm, 40)}</dt><dd class="meter" aria-hidden="true"><i class="${armClass(index)}" style="width:${(share * 100).toFixed(1)}%"></i></dd><dd>${figure(mean)} <span class="muted">of ${figure(Math.round(rewards * 10) / 10, 6)} rewards</span></dd></div>`;
  });
  return html`<div class="row"><h4>Mean reward</h4><p class="legend">as the strategy has learnt it</p></div>
<div class="card"><dl class="meters">${bars}</dl></div>`;
}

function ratioWords(units: number, isMismatch: boolean): readonly [kind: Kind, words: string] {
  if (isMismatch) return ['bad', 'Mismatch'];
  return units === 0 ? ['', 'Nothing yet'] : ['good', 'As it should be'];
}

function sampleRatioCard({
  units,
  observed,
  expected,
  eValue: evidence,
  chiSquared,
  isMismatch,
}: SampleRatioAssessment): Markup {
  const arms = Object.keys(expected).slice(0, mostArms);
  const of = (shares: Readonly<Record<string, number>>, arm: string): number | undefined =>
    Object.hasOwn(shares, arm) ? shares[arm] : undefined;
  return html`<div class="row"><h4>Sample ratio ${badge(ratioWords(units, isMismatch))}</h4><p class="legend">${count(units)} keys</p></div>
<div class="card"><div class="scroll" tabindex="0" role="group" aria-label="Sample ratio"><table>
<caption class="hidden">Shares as they should be and as they are</caption>
<thead><tr><th scope="col">Arm</th><th scope="col" class="n">Should get</th><th scope="col" class="n">Got</th></tr></thead>
<tbody>${arms.map(
    (arm) =>
      html`<tr><th scope="row">${shorten(arm, 40)}</th><td class="n">${percent(of(expected, arm))}</td><td class="n">${percent(of(observed, arm))}</td></tr>`,
  )}</tbody></table></div>
<p class="note">Evidence of a mismatch: e-value ${eValue(evidence)}; χ² ${figure(chiSquared.statistic, 3)}, p ${probability(chiSquared.pValue)} for who looks once.${isMismatch && ' No other number of this rollout can be believed.'}</p></div>`;
}
