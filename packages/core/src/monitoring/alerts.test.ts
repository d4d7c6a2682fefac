import { describe, expect, it } from 'vitest';
import { AlertMachine } from './alerts';

const rules = { lnAlarm: -10, lnWarning: -7, quietLooks: 3, cooldownRows: 100 };

/** Feeds looks of ten rows each with these ln p; answers the states after each. */
function statesOf(machine: AlertMachine, lnPs: readonly number[], from = 0): string[] {
  return lnPs.map((lnP, i) => {
    const rows = (from + i + 1) * 10;
    machine.next({ lnP, rowsSeen: rows * 2, rowsObserved: rows, epochMs: 5000 + rows });
    return machine.state;
  });
}

describe('AlertMachine', () => {
  it('rises at once, and falls only after quiet looks in a row', () => {
    const machine = new AlertMachine(rules);
    expect(statesOf(machine, [-1, -8, -1, -1, -8, -1, -1, -1, -1])).toEqual([
      ...['ok', 'warning', 'warning', 'warning', 'warning', 'warning', 'warning', 'ok', 'ok'],
    ]);
    expect(machine.alarms).toBe(0);
  });

  it('makes one episode of evidence around the alarm level', () => {
    const machine = new AlertMachine(rules);
    const states = statesOf(machine, [-11, -9, -11, -1, -1, -8, -11, -1, -1, -1]);
    expect(states.slice(0, 9).every((state) => state === 'drift')).toBe(true);
    expect(states[9]).toBe('ok');
    expect(machine.alarms).toBe(1);
  });

  it('names an episode when it begins and when it ends', () => {
    const machine = new AlertMachine(rules);
    const look = (lnP: number) => machine.next({ lnP, rowsSeen: 70, rowsObserved: 50, epochMs: 1000 });
    const episode = { id: 'drift-rs-1', startedAtRow: 70, startedAtMs: 1000 };
    expect(look(-10)).toEqual({ from: 'ok', to: 'drift', episode });
    expect(machine.episode).toEqual(episode);
    expect([look(-1), look(-1)]).toEqual([undefined, undefined]);
    expect(look(-1)).toEqual({ from: 'drift', to: 'ok', episode });
    expect(machine.episode).toBeUndefined();
  });

  it('only warns during the cool-down, and counts what it held back', () => {
    const machine = new AlertMachine(rules);
    statesOf(machine, [-11, -1, -1, -1]);
    expect(statesOf(machine, [-20, -20], 4)).toEqual(['warning', 'warning']);
    expect(machine.suppressed).toBe(2);
    expect(statesOf(machine, [-20], 13)).toEqual(['drift']);
    expect(machine.alarms).toBe(2);
    expect(machine.episode?.id).toMatch(/-2$/);
  });

  it('ends an episode when it starts anew, and then has no cool-down', () => {
    const machine = new AlertMachine(rules);
    statesOf(machine, [-11]);
    expect(machine.reset()).toMatchObject({ from: 'drift', to: 'ok', episode: { startedAtRow: 20 } });
    expect(machine.reset()).toBeUndefined();
    expect(statesOf(machine, [-11], 1)).toEqual(['drift']);
    statesOf(machine, [-1, -1, -1, -8], 2);
    expect(machine.reset()).toEqual({ from: 'warning', to: 'ok' });
  });
});
