import { describe, expect, it } from 'vitest';
import { AlertMachine } from './alerts';

const rules = { alarmLevel: 1000, warningLevel: 100, quietLooks: 3, cooldownRows: 100 };

/** Weighs the evidence of ten rows each, then looks back; answers the states after each. */
function statesOf(machine: AlertMachine, evidence: readonly number[], from = 0, differs = false): string[] {
  return evidence.map((weight, i) => {
    const rows = (from + i + 1) * 10;
    const position = { rowsSeen: rows * 2, rowsObserved: rows, epochMs: 5000 + rows };
    machine.weigh(weight, position);
    machine.settle(differs, position);
    return machine.state;
  });
}

describe('AlertMachine', () => {
  it('warns while the evidence is above the level, as of the last look', () => {
    const machine = new AlertMachine(rules);
    expect(statesOf(machine, [1, 200, 1, 1, 200, 300, 1])).toEqual([
      ...['ok', 'warning', 'ok', 'ok', 'warning', 'warning', 'ok'],
    ]);
    expect(machine.alarms).toBe(0);
  });

  it('makes one episode of a drift that raises the evidence again and again', () => {
    const machine = new AlertMachine(rules);
    const states = statesOf(machine, [1100, 900, 1100, 1, 200, 1100, 1100, 900, 200, 1]);
    expect(states.slice(0, 9).every((state) => state === 'drift')).toBe(true);
    expect(states[9]).toBe('ok');
    expect(machine.alarms).toBe(1);
  });

  it('does not end an episode while the window differs from the reference', () => {
    const machine = new AlertMachine(rules);
    statesOf(machine, [1100]);
    expect(new Set(statesOf(machine, Array(20).fill(1), 1, true))).toEqual(new Set(['drift']));
    expect(statesOf(machine, [1, 1, 1], 21)).toEqual(['drift', 'drift', 'ok']);
  });

  it('names an episode when it begins and when it ends', () => {
    const machine = new AlertMachine(rules);
    const position = { rowsSeen: 70, rowsObserved: 50, epochMs: 1000 };
    const episode = { id: 'drift-rs-1', startedAtRow: 70, startedAtMs: 1000 };
    expect(machine.weigh(1000, position)).toEqual({ from: 'ok', to: 'drift', episode });
    expect(machine.episode).toEqual(episode);
    const look = () => machine.settle(false, position);
    expect([look(), look(), look()]).toEqual([undefined, undefined, undefined]);
    expect(look()).toEqual({ from: 'drift', to: 'ok', episode });
    expect(machine.episode).toBeUndefined();
  });

  it('only warns during the cool-down, and counts what it held back', () => {
    const machine = new AlertMachine(rules);
    statesOf(machine, [1100, 1, 1, 1]);
    expect(statesOf(machine, [2000, 2000], 4)).toEqual(['warning', 'warning']);
    expect(machine.suppressed).toBe(2);
    expect(statesOf(machine, [2000], 13)).toEqual(['drift']);
    expect(machine.alarms).toBe(2);
    expect(machine.episode?.id).toMatch(/-2$/);
  });

  it('ends an episode when it starts anew, and then has no cool-down', () => {
    const machine = new AlertMachine(rules);
    statesOf(machine, [1100]);
    expect(machine.reset()).toMatchObject({ from: 'drift', to: 'ok', episode: { startedAtRow: 20 } });
    expect(machine.reset()).toBeUndefined();
    expect(statesOf(machine, [1100], 1)).toEqual(['drift']);
    statesOf(machine, [1, 1, 1, 200], 2);
    expect(machine.reset()).toEqual({ from: 'warning', to: 'ok' });
  });
});
