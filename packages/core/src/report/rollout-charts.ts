import type { GuardrailEvidence } from '../rollouts/contracts';
import type { EvidencePoint } from '../rollouts/evidence/trail';
import type { ChartOption } from './draw-charts';
import { count, figure } from './format';
import { html, type Markup } from './markup';

/** What is drawn of very small evidence: beyond it nothing is to be told apart. */
const leastLog10 = -2;
/** Also that of the page's style for drawings. */
const fontSize = 11;

/** E-values of one guardrail by the requests that the challenger had. */
export interface EvidenceCourse {
  readonly requests: number;
  readonly harm: number;
  readonly nonInferiority: number;
}

/** The course of the evidence of a guardrail, where the trail has it. */
export function courseOf(trail: readonly EvidencePoint[], arm: string, guardrail: string): readonly EvidenceCourse[] {
  return trail.flatMap(({ arms }) => {
    const at = Object.hasOwn(arms, arm) ? arms[arm] : undefined;
    const found = at !== undefined && Object.hasOwn(at.guardrails, guardrail) ? at.guardrails[guardrail] : undefined;
    return at === undefined || found === undefined ? [] : [{ requests: at.requests, ...found }];
  });
}

/** The logarithm of an e-value as it is drawn. */
function drawn(eValue: number): number {
  return Math.max(leastLog10, Math.log10(Math.max(eValue, Number.MIN_VALUE)));
}

/** Both kinds of evidence on their logarithmic scale, against the levels at which they decide. */
export function evidenceCourseOption(
  course: readonly EvidenceCourse[],
  { alpha, maxFalsePromotionRate }: Pick<GuardrailEvidence, 'alpha' | 'maxFalsePromotionRate'>,
): ChartOption {
  const harmLevel = -Math.log10(alpha);
  const fairLevel = -Math.log10(maxFalsePromotionRate);
  const all = course.flatMap(({ harm, nonInferiority }) => [drawn(harm), drawn(nonInferiority)]);
  const least = Math.min(0, ...all);
  const greatest = Math.max(harmLevel, fairLevel, ...all);
  const step = Math.max(1, Math.ceil((greatest - least) / 4));
  const series = (color: string, level: number, value: (point: EvidenceCourse) => number) => ({
    type: 'line' as const,
    silent: true,
    clip: false,
    emphasis: { disabled: true },
    showSymbol: false,
    lineStyle: { color, width: 1.75 },
    data: course.map((point) => [point.requests, drawn(value(point))]),
    markLine: {
      silent: true,
      symbol: 'none',
      label: { show: false },
      data: [{ yAxis: level, lineStyle: { color, type: 'dashed' as const, width: 1.25 } }],
    },
  });
  return {
    grid: { left: 32, right: 12, top: 8, bottom: 22 },
    xAxis: {
      type: 'value',
      min: 0,
      max: 'dataMax',
      splitNumber: 3,
      axisLine: { lineStyle: { color: 'var(--axis)' } },
      splitLine: { show: false },
      axisLabel: { color: 'var(--muted)', fontSize, hideOverlap: true, formatter: (value: number) => count(value) },
    },
    yAxis: {
      type: 'value',
      min: Math.floor(least / step) * step,
      max: Math.ceil((greatest * 1.02) / step) * step,
      interval: step,
      axisLabel: { color: 'var(--muted)', fontSize, formatter: (value: number) => figure(value) },
      splitLine: { lineStyle: { color: 'var(--line)' } },
    },
    series: [
      series('var(--bad)', harmLevel, ({ harm }) => harm),
      series('var(--good)', fairLevel, ({ nonInferiority }) => nonInferiority),
    ],
  };
}

const width = 340;
const height = 56;
const inset = 6;
const axisY = 30;

/** The difference between challenger and control with its bounds, beside nothing and what is let pass; what lies beyond is shaded. */
export function differenceFigure({ estimate, margin, harmfulWhen }: GuardrailEvidence): Markup {
  const { difference, lower, upper } = estimate;
  const limit = harmfulWhen === 'higher' ? margin : -margin;
  const values = [lower, upper, difference, 0, limit].filter(Number.isFinite);
  const least = Math.min(...values);
  const greatest = Math.max(...values);
  const range = greatest - least || 1;
  const [from, to] = [least - 0.08 * range, greatest + 0.08 * range];
  const x = (value: number): number => {
    const share = (Math.min(to, Math.max(from, value)) - from) / (to - from);
    return Number((inset + share * (width - 2 * inset)).toFixed(1));
  };
  const [limitX, zeroX] = [x(limit), x(0)];
  const shadeX = harmfulWhen === 'higher' ? limitX : inset;
  const shadeWidth = Number((harmfulWhen === 'higher' ? width - inset - limitX : limitX - inset).toFixed(1));
  const anchor = (at: number): string => (at < width / 3 ? 'start' : at > (2 * width) / 3 ? 'end' : 'middle');
  const barWidth = Math.max(2, x(upper) - x(lower)).toFixed(1);
  return html`<svg viewBox="0 0 ${width} ${height}" aria-hidden="true" focusable="false">
<rect x="${shadeX}" y="16" width="${shadeWidth}" height="28" fill="var(--bad)" fill-opacity="0.1"/>
<line x1="${inset}" y1="${axisY}" x2="${width - inset}" y2="${axisY}" stroke="var(--line)" stroke-width="1"/>
<line x1="${zeroX}" y1="20" x2="${zeroX}" y2="42" stroke="var(--axis)" stroke-width="1.5"/>
<line x1="${limitX}" y1="14" x2="${limitX}" y2="44" stroke="var(--bad)" stroke-width="1.25" stroke-dasharray="4 3"/>
<rect x="${x(lower)}" y="${axisY - 4}" width="${barWidth}" height="8" rx="4" fill="var(--window)" fill-opacity="0.35"/>
<circle cx="${x(difference)}" cy="${axisY}" r="5" fill="var(--window)"/>
<text x="${zeroX}" y="54" text-anchor="${anchor(zeroX)}" fill="var(--muted)">0</text>
<text x="${limitX}" y="10" text-anchor="${anchor(limitX)}" fill="var(--muted)">${figure(limit, 3)} is let pass</text>
</svg>`;
}
