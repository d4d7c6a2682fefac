import { sections } from '../known-families';
import type { GrafanaPanel, GrafanaRow } from './model';
import { toGrafanaPanel } from './panel';
import type { PanelPlan } from './panel-plan';

/** Columns of Grafana's grid. */
const columns = 24;

/** Lays the panels out below headings, line after line; what a line has left over goes to its last panel. */
export function layOut(plans: readonly PanelPlan[]): (GrafanaPanel | GrafanaRow)[] {
  const takeId = createIds();
  const panels: (GrafanaPanel | GrafanaRow)[] = [];
  let y = 0;
  for (const section of sections) {
    const mine = plans.filter((plan) => plan.section === section);
    if (mine.length === 0) continue;
    const gridPos = { x: 0, y, w: columns, h: 1 };
    panels.push({ id: takeId(`row ${section}`), type: 'row', title: section, collapsed: false, gridPos, panels: [] });
    y++;
    for (const line of linesOf(mine)) {
      const height = Math.max(...line.map((plan) => plan.height));
      let x = 0;
      for (const [index, plan] of line.entries()) {
        const w = index === line.length - 1 ? columns - x : plan.width;
        panels.push(toGrafanaPanel(plan, { id: takeId(plan.key), gridPos: { x, y, w, h: height } }));
        x += w;
      }
      y += height;
    }
  }
  return panels;
}

function linesOf(plans: readonly PanelPlan[]): PanelPlan[][] {
  const lines: PanelPlan[][] = [];
  let left = 0;
  for (const plan of plans) {
    if (plan.width > left) {
      lines.push([]);
      left = columns;
    }
    lines.at(-1)?.push(plan);
    left -= plan.width;
  }
  return lines;
}

/** Numbers made from keys, so that a panel keeps its number, and with it its links, whatever is added beside it. */
function createIds(): (key: string) => number {
  const taken = new Set<number>();
  return (key) => {
    let id = 1 + (hash(key) % (2 ** 31 - 1));
    while (taken.has(id)) id = 1 + (id % (2 ** 31 - 1));
    taken.add(id);
    return id;
  };
}

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  return state;
}
