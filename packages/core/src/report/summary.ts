import { count, figure, percent, powerOfTen } from './format';
import { html, type Markup, shorten } from './markup';
import { statusWords } from './rollout-words';
import type { ReportSections } from './sections';

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  /** Part of a bar, 0 to 1. */
  readonly level?: number;
  readonly kind?: 'good' | 'warn' | 'bad';
}

/** The few numbers that come first. */
export function summaryTiles(sections: ReportSections): Markup | null {
  const tiles = [
    ...driftTiles(sections),
    ...performanceTiles(sections),
    ...qualityTiles(sections),
    ...rolloutTiles(sections),
  ];
  if (tiles.length === 0) return null;
  return html`<dl class="tiles" aria-label="Summary">${tiles.map(
    ({ name, value, note, level, kind }) =>
      html`<div class="card tile"><dt>${name}</dt><dd class="value">${value}</dd>${
        level !== undefined &&
        html`<dd class="meter" aria-hidden="true"><i class="${kind ?? 'good'}" style="width:${(Math.min(1, level) * 100).toFixed(1)}%"></i></dd>`
      }<dd class="note">${note}</dd></div>`,
  )}</dl>`;
}

const kindOf = { ok: 'good', warning: 'warn', drift: 'bad', failed: 'bad' } as const;

function driftTiles({ drift }: ReportSections): Tile[] {
  if (drift === undefined) return [];
  const { rowsSeen, rowsObserved, evidenceLog10, alarmLevelLog10, alarms, episode, suppressedAlarms, state } = drift;
  // The evidence starts anew at every alarm: while an episode lasts, what raised it says more.
  const raised = episode === null ? undefined : drift.history.episodes.at(-1)?.evidenceLog10;
  const evidence = raised ?? evidenceLog10;
  const held = suppressedAlarms > 0 ? `, ${count(suppressedAlarms)} held back` : '';
  return [
    {
      name: 'Rows',
      value: count(rowsSeen),
      note: rowsSeen === 0 ? 'none yet' : `${percent(rowsObserved / rowsSeen)} observed`,
    },
    {
      name: 'Evidence of drift',
      value: powerOfTen(evidence),
      note: raised === undefined ? `alarm at ${powerOfTen(alarmLevelLog10)}` : 'at the alarm',
      level: evidence / alarmLevelLog10,
      kind: kindOf[state],
    },
    { name: 'Drift episodes', value: count(alarms), note: `${episode === null ? 'none lasts' : 'one lasts'}${held}` },
  ];
}

function performanceTiles({ performance }: ReportSections): Tile[] {
  const [metric] = performance?.metrics ?? [];
  if (metric === undefined) return [];
  const { name, value, reference, estimated } = metric;
  const kind = estimated === true ? 'estimated' : 'measured';
  return [
    {
      name: shorten(name, 32),
      value: figure(value),
      note: reference === undefined ? kind : `${kind}; ${figure(reference)} in the reference`,
    },
  ];
}

function qualityTiles({ quality }: ReportSections): Tile[] {
  if (quality === undefined) return [];
  const { checks, windows } = quality;
  const failed = checks.filter(({ state }) => state === 'failed').length;
  return [
    {
      name: 'Failed rules',
      value: count(failed),
      note: `of ${count(checks.length)}, after ${count(windows)} windows`,
      level: checks.length === 0 ? 0 : failed / checks.length,
      kind: kindOf[quality.state],
    },
  ];
}

/** Rollouts that have a tile of their own. */
const mostRolloutTiles = 3;

function rolloutTiles({ rollouts = [], drift, performance, quality }: ReportSections): Tile[] {
  // Of a page about one rollout the heading says it all.
  if (rollouts.length === 1 && [drift, performance, quality].every((other) => other === undefined)) return [];
  return rollouts.slice(0, mostRolloutTiles).map(({ name, status, arms }) => {
    const [kind, value] = statusWords(status);
    const challengers = arms.slice(1).reduce((sum, { weight }) => sum + weight, 0);
    return {
      name: `Rollout ${shorten(name, 24)}`,
      value,
      note: `challengers get ${percent(challengers)}`,
      level: challengers,
      ...(kind === '' ? {} : { kind }),
    };
  });
}
