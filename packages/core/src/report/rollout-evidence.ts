import type { ArmEvidence, GuardrailEvidence } from '../rollouts/contracts';
import type { DrawChart } from './draw-charts';
import { count, figure, percent } from './format';
import { html, type Markup, shorten } from './markup';
import { courseOf, differenceFigure, evidenceCourseOption } from './rollout-charts';
import { eValue, verdictBadge } from './rollout-words';
import type { RolloutSection } from './sections';

/** Guardrails that get a card; a rollout has few. */
const mostCards = 24;
/** Points from which on a line says more than two bars. */
const fewestPoints = 3;

/** The evidence of each challenger: as it is now, or as it was when the challenger left. */
export function evidenceOf({ arms, history }: RolloutSection): readonly ArmEvidence[] {
  return arms.flatMap(({ arm, evidence }) => {
    if (evidence !== undefined) return [evidence];
    const entry = history.findLast((each) => Object.hasOwn(each.evidence.arms, arm));
    const found = entry?.evidence.arms[arm];
    return found === undefined ? [] : [found];
  });
}

/** A card for each guardrail of each challenger: how much it differs, and what speaks for harm and against it. */
export function evidenceCards(rollout: RolloutSection, draw: DrawChart): Markup | null {
  const all = evidenceOf(rollout);
  const pairs = all.flatMap((arm) => arm.guardrails.map((found): [ArmEvidence, GuardrailEvidence] => [arm, found]));
  if (pairs.length === 0) return null;
  const left = pairs.length - mostCards;
  return html`<div class="row"><h4>Evidence</h4><p class="legend"><span class="key bad"></span>harm <span class="key good"></span>not worse <span class="dashed">dashed: where it decides</span></p></div>
<div class="cards">${pairs.slice(0, mostCards).map(([arm, found]) => evidenceCard(rollout, arm, found, draw))}</div>
${left > 0 && html`<p class="note">${count(left)} more guardrails are not shown.</p>`}`;
}

function evidenceCard(rollout: RolloutSection, arm: ArmEvidence, found: GuardrailEvidence, draw: DrawChart): Markup {
  const { guardrail, blocks, harm, nonInferiority, estimate, alpha, maxFalsePromotionRate, verdict } = found;
  const name = `${shorten(arm.arm, 32)} · ${shorten(guardrail, 32)}`;
  const course = courseOf(rollout.trail, arm.arm, guardrail);
  const isDrawn = course.length >= fewestPoints && (course.at(-1)?.requests ?? 0) > 0;
  const label = `Difference of ${shorten(arm.arm)} from its control in ${shorten(guardrail)}: ${figure(estimate.difference)}, between ${figure(estimate.lower)} and ${figure(estimate.upper)}.`;
  return html`<article class="card feature"><h4 title="${shorten(`${arm.arm} · ${guardrail}`, 240)}">${name}</h4>${verdictBadge(verdict)}
<figure role="img" aria-label="${label}">${differenceFigure(found)}</figure>
<p class="note">Challenger less control: <strong>${figure(estimate.difference, 3)}</strong>, between ${figure(estimate.lower, 3)} and ${figure(estimate.upper, 3)}; ${count(blocks)} pairs of blocks.</p>
${isDrawn && html`<figure role="img" aria-label="${courseLabel(arm, found)}">${draw(evidenceCourseOption(course, found), 340, 150)}</figure><p class="axis">log₁₀ of the e-values by requests of ${shorten(arm.arm, 32)}</p>`}
<dl class="meters">${[meter('Harm', harm.eValue, 1 / alpha, 'bad'), meter('Not worse', nonInferiority.eValue, 1 / maxFalsePromotionRate, 'good')]}</dl>
</article>`;
}

function courseLabel({ arm, requests }: ArmEvidence, found: GuardrailEvidence): string {
  const { harm, nonInferiority, alpha, maxFalsePromotionRate } = found;
  return `Evidence over ${count(requests)} requests of ${shorten(arm)}: of harm ${eValue(harm.eValue)}, which decides at ${eValue(1 / alpha)}; that it is not worse ${eValue(nonInferiority.eValue)}, which decides at ${eValue(1 / maxFalsePromotionRate)}.`;
}

/** How far evidence is on its way, on the logarithmic scale on which it grows. */
function meter(name: string, value: number, level: number, kind: 'good' | 'bad'): Markup {
  const share = Math.min(1, Math.max(0, Math.log(value) / Math.log(level))) || 0;
  return html`<div><dt>${name}</dt><dd class="meter" aria-hidden="true"><i class="${kind}" style="width:${(share * 100).toFixed(1)}%"></i></dd><dd>${eValue(value)} <span class="muted">of ${eValue(level)}</span></dd></div>`;
}

/** Evidence of a moment in the past, a line each. */
export function evidenceTable(arms: readonly ArmEvidence[], caption: string): Markup {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${caption}"><table>
<caption class="hidden">${caption}</caption>
<thead><tr><th scope="col">Arm</th><th scope="col">Guardrail</th><th scope="col" class="n">Difference</th><th scope="col" class="n">Bounds</th><th scope="col" class="n">Harm</th><th scope="col" class="n">Not worse</th><th scope="col">Verdict</th></tr></thead>
<tbody>${arms.map(({ arm, requests, failedRequests, guardrails }) =>
    guardrails.map(
      ({ guardrail, estimate, harm, nonInferiority, verdict }, index) =>
        html`<tr><th scope="row">${shorten(arm, 40)}${index === 0 && html` <span class="muted">${count(requests)} requests${failedRequests > 0 && html`, ${percent(failedRequests / requests)} failed`}</span>`}</th><td>${shorten(guardrail, 40)}</td><td class="n">${figure(estimate.difference, 3)}</td><td class="n">${figure(estimate.lower, 3)} – ${figure(estimate.upper, 3)}</td><td class="n">${eValue(harm.eValue)}</td><td class="n">${eValue(nonInferiority.eValue)}</td><td>${verdictBadge(verdict)}</td></tr>
`,
    ),
  )}</tbody></table></div>`;
}
