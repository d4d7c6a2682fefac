import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { onEndSignal } from './signals';

const kill = vi.spyOn(process, 'kill');
const leftovers: (() => void)[] = [];
beforeEach(() => kill.mockReset().mockReturnValue(true));
afterEach(() => {
  for (const leave of leftovers.splice(0)) leave();
});

/** Listens as a user does who knows nothing of us. */
function listenAsUser(how: 'on' | 'once', listener: () => void): void {
  process[how]('SIGTERM', listener);
  leftovers.push(() => process.off('SIGTERM', listener));
}

function listen(onSignal: () => Promise<void> = async () => {}): void {
  leftovers.push(onEndSignal(onSignal));
}

describe('onEndSignal', () => {
  it('ends the process by the signal where nobody else listens, once all is closed', async () => {
    let close = (): void => {};
    const closing = new Promise<void>((resolve) => {
      close = resolve;
    });
    listen(() => closing);
    process.emit('SIGTERM', 'SIGTERM');
    await nextTurn();
    expect(kill).not.toHaveBeenCalled();
    close();
    await nextTurn();
    expect(kill.mock.calls).toEqual([[process.pid, 'SIGTERM']]);
  });

  it('ends it where closing failed, too', async () => {
    listen(() => Promise.reject(new Error('no')));
    process.emit('SIGTERM', 'SIGTERM');
    await nextTurn();
    expect(kill).toHaveBeenCalledOnce();
  });

  it('ends it once where several servers listen', async () => {
    listen();
    listen();
    process.emit('SIGTERM', 'SIGTERM');
    await nextTurn();
    expect(kill).toHaveBeenCalledOnce();
  });

  it.each([
    ['on', 'before'],
    ['on', 'after'],
    ['once', 'before'],
    ['once', 'after'],
  ] as const)('leaves the end to whoever listens by %s, %s us', async (how, when) => {
    const heard = vi.fn();
    if (when === 'before') listenAsUser(how, heard);
    listen();
    listen();
    if (when === 'after') listenAsUser(how, heard);
    process.emit('SIGTERM', 'SIGTERM');
    await nextTurn();
    expect(heard).toHaveBeenCalledOnce();
    expect(kill).not.toHaveBeenCalled();
  });

  it('hears nothing once it is stopped, and is nobody to others', async () => {
    const onSignal = vi.fn(async () => {});
    onEndSignal(onSignal)();
    listen();
    process.emit('SIGTERM', 'SIGTERM');
    await nextTurn();
    expect(onSignal).not.toHaveBeenCalled();
    expect(kill).toHaveBeenCalledOnce();
  });
});
