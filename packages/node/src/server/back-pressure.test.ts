import type { Socket } from 'node:net';
import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, it } from 'vitest';
import { createBackPressure, type ReadConnection } from './back-pressure';

interface FakeSocket {
  readonly connection: ReadConnection;
  isRead: boolean;
  destroyed: boolean;
  /** Milliseconds after which Node would close it. */
  timeoutMs: number;
}

/**
 * Back-pressure over a loop that is as far behind as the test says, and over sockets that only keep whether they are read.
 *
 * @param active connections that something was just read from, of which three tenths may be held at once
 */
async function make(longestMs = 2000, active = 400) {
  const clock = createVirtualClock();
  const loop = {
    behind: 0,
    reading: { beforeMs: 3, turnMs: 1, turnReads: 1 },
    read: () => loop.reading,
    behindMs: () => loop.behind,
  };
  const pressure = createBackPressure(clock, loop, longestMs, 5000);
  const open = (): FakeSocket => {
    const fake = {
      isRead: true,
      destroyed: false,
      timeoutMs: 5000,
      setTimeout: (ms: number) => {
        fake.timeoutMs = ms;
        return fake;
      },
      pause: () => {
        fake.isRead = false;
      },
      resume: () => {
        fake.isRead = true;
      },
    };
    return Object.assign(fake, { connection: pressure.open(fake as unknown as Socket) });
  };
  /** Reads a request of a connection and refuses it, as a listener does. */
  const refuse = ({ connection }: FakeSocket): number | undefined => {
    pressure.arrived(connection);
    const holdMs = pressure.refuse(connection);
    if (holdMs !== undefined) pressure.hold(connection);
    return holdMs;
  };
  const refuseAll = (count: number): FakeSocket[] => {
    const sockets = Array.from({ length: count }, open);
    for (const fake of sockets) refuse(fake);
    return sockets;
  };
  const readOf = (sockets: readonly FakeSocket[]): number => sockets.filter(({ isRead }) => isRead).length;
  for (let read = 0; read < active; read++) pressure.arrived(open().connection);
  await clock.advance(10);
  return { clock, loop, pressure, open, refuse, refuseAll, readOf };
}

describe('createBackPressure', () => {
  it('holds nobody while the loop keeps up, or has been behind for a moment only', async () => {
    const { loop, pressure, open, refuse } = await make();
    const fake = open();
    expect(refuse(fake)).toBeUndefined();
    loop.behind = 49;
    expect(refuse(fake)).toBeUndefined();
    expect([fake.isRead, pressure.held]).toEqual([true, 0]);
  });

  it('holds no more than three tenths at once of those that are read', async () => {
    const { clock, loop, pressure, open, refuse } = await make(2000, 0);
    const sockets = Array.from({ length: 300 }, open);
    loop.behind = 100;
    const held: number[] = [];
    for (let spans = 0; spans < 4; spans++) {
      for (const fake of sockets) if (fake.isRead) refuse(fake);
      held.push(pressure.held);
      await clock.advance(10);
    }
    // Nobody was read before the first; then 300, 300 and 210 were.
    expect(held).toEqual([0, 90, 180, 243]);
    pressure.end();
  });

  it('goes on reading 32 of them, however long they are refused', async () => {
    const { clock, loop, pressure, open, refuse, readOf } = await make(60_000, 0);
    const sockets = Array.from({ length: 60 }, open);
    loop.behind = 100;
    const read: number[] = [];
    for (let spans = 0; spans < 200; spans++) {
      for (const fake of sockets) if (fake.isRead) refuse(fake);
      read.push(readOf(sockets));
      await clock.advance(10);
    }
    expect(read.slice(0, 4)).toEqual([60, 42, 32, 32]);
    expect(read.at(-1)).toBe(32);
    pressure.end();
  });

  it('holds none of a few that are late now and then, so that others are read again', async () => {
    const { clock, loop, pressure, open, refuse, refuseAll } = await make();
    loop.behind = 100;
    refuseAll(100);
    const few = Array.from({ length: 3 }, open);
    const answerFew = async (times: number): Promise<void> => {
      for (let answers = 0; answers < times; answers++) {
        for (const { connection } of few) {
          pressure.arrived(connection);
          pressure.answered(connection);
        }
        await clock.advance(1);
      }
    };
    await answerFew(600);
    loop.behind = 0;
    const heldBefore = pressure.held;
    for (let pauses = 0; pauses < 20; pauses++) {
      for (const fake of few) expect(refuse(fake)).toBeUndefined();
      await answerFew(20);
    }
    expect(pressure.held).toBeLessThan(heldBefore - 10);
    pressure.end();
  });

  it('reads one that was held again for every 256 answers, the longest held first', async () => {
    const { loop, pressure, open, refuseAll, readOf } = await make();
    loop.behind = 100;
    const sockets = refuseAll(3);
    expect(readOf(sockets)).toBe(0);
    const { connection } = open();
    for (let answers = 0; answers < 255; answers++) pressure.answered(connection);
    expect(readOf(sockets)).toBe(0);
    pressure.answered(connection);
    expect(sockets.map(({ isRead }) => isRead)).toEqual([true, false, false]);
    for (let answers = 0; answers < 512; answers++) pressure.answered(connection);
    expect([readOf(sockets), pressure.held]).toEqual([3, 0]);
  });

  it('holds nobody for longer than it may, whatever is answered', async () => {
    const { clock, loop, pressure, refuseAll, readOf } = await make(500);
    loop.behind = 100;
    const early = refuseAll(2);
    await clock.advance(300);
    const late = refuseAll(1);
    await clock.advance(199);
    expect(readOf([...early, ...late])).toBe(0);
    await clock.advance(11);
    expect([readOf(early), readOf(late)]).toEqual([2, 0]);
    // What is not read is not idle.
    expect([...early, ...late].map(({ timeoutMs }) => timeoutMs)).toEqual([5000, 5000, 0]);
    await clock.advance(300);
    expect([readOf(late), pressure.held, clock.pendingTimers]).toEqual([1, 0, 0]);
  });

  it('reads one after the other again while the loop keeps up now and then, and many once it goes on', async () => {
    const { clock, loop, pressure, open, refuseAll, readOf } = await make();
    loop.behind = 100;
    const sockets = refuseAll(60);
    await clock.advance(100);
    expect(readOf(sockets)).toBe(0);
    const { connection } = open();
    const released: number[] = [];
    const look = async (behindMs: number): Promise<void> => {
      loop.behind = behindMs;
      // As many requests come anyway as allow for twelve.
      for (let read = 0; read < 100; read++) pressure.arrived(connection);
      const before = readOf(sockets);
      await clock.advance(10);
      released.push(readOf(sockets) - before);
    };
    for (const behindMs of [0, 0, 0, 0, 100]) await look(behindMs);
    expect(released).toEqual([1, 0, 0, 0, 0]);
    for (let looks = 0; looks < 8; looks++) await look(0);
    expect(released.slice(5)).toEqual([1, 0, 0, 0, 1, 4, 12, 12]);
  });

  it('reads many of them again at once where nothing comes any more', async () => {
    const { clock, loop, refuseAll, readOf } = await make();
    loop.behind = 100;
    const sockets = refuseAll(60);
    await clock.advance(10);
    loop.behind = 0;
    const read: number[] = [];
    for (let looks = 0; looks < 3; looks++) {
      await clock.advance(10);
      read.push(readOf(sockets));
    }
    expect(read).toEqual([4, 20, 60]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('holds whoever is refused as long as one is held, though the loop keeps up for a moment', async () => {
    const { clock, loop, pressure, open, refuse, refuseAll, readOf } = await make();
    loop.behind = 100;
    const sockets = refuseAll(30);
    await clock.advance(10);
    loop.behind = 0;
    await clock.advance(20);
    expect(readOf(sockets)).toBe(20);
    // What was read again has to be held again, so that no more than one is read again next.
    const again = open();
    expect(refuse(again)).toBeGreaterThan(0);
    await clock.advance(10);
    expect(readOf(sockets)).toBe(21);
    await clock.advance(20);
    expect([again.isRead, pressure.held]).toEqual([true, 0]);
    expect(refuse(open())).toBeUndefined();
  });

  it('counts what lay there as sent when reading stopped, and pardons its refusal', async () => {
    const { clock, loop, pressure, open, refuse } = await make(500);
    loop.behind = 100;
    const fake = open();
    refuse(fake);
    let delay: unknown;
    // What waited is read in the turn after reading was resumed.
    const resume = fake.connection.socket.resume.bind(fake.connection.socket);
    fake.connection.socket.resume = () => {
      resume();
      clock.defer(() => {
        delay = pressure.arrived(fake.connection);
      });
      return fake.connection.socket;
    };
    await clock.advance(510);
    expect(delay).toEqual({ beforeMs: 500 });
    expect([refuse(fake), fake.isRead]).toEqual([undefined, true]);
    expect(pressure.arrived(fake.connection)).toEqual({ beforeMs: 3, isTooMuch: false });
    expect(refuse(fake)).toBeGreaterThan(0);
    expect(fake.isRead).toBe(false);
    pressure.end();
  });

  it('has read too much where a turn is long and has read as many as fill a batch, while others are held', async () => {
    const { loop, pressure, open, refuse } = await make();
    const isTooMuch = (turnMs: number, turnReads: number): boolean | undefined => {
      loop.reading = { beforeMs: 3, turnMs, turnReads };
      return pressure.arrived(open().connection).isTooMuch;
    };
    expect(isTooMuch(20, 400)).toBe(false);
    loop.behind = 100;
    refuse(open());
    expect([isTooMuch(6, 400), isTooMuch(20, 64), isTooMuch(6.1, 65)]).toEqual([false, false, true]);
    pressure.end();
    expect(isTooMuch(20, 400)).toBe(false);
  });

  it('takes what comes later on such a connection for fresh', async () => {
    const { clock, loop, pressure, open, refuse } = await make(500);
    loop.behind = 100;
    const fake = open();
    refuse(fake);
    await clock.advance(510);
    expect(fake.isRead).toBe(true);
    expect(pressure.arrived(fake.connection)).toEqual({ beforeMs: 3, isTooMuch: false });
  });

  it('tells for how long, as others were held, and never for longer than it may', async () => {
    const { clock, loop, pressure, open, refuse } = await make(500);
    loop.behind = 100;
    expect(refuse(open())).toBe(10);
    await clock.advance(200);
    expect(refuse(open())).toBe(200);
    await clock.advance(310);
    expect(refuse(open())).toBe(500);
    pressure.end();
  });

  it('leaves connections alone that are gone', async () => {
    const { clock, loop, pressure, open, refuse } = await make(500);
    loop.behind = 100;
    const [gone, leaving] = [open(), open()];
    refuse(gone);
    gone.destroyed = true;
    leaving.destroyed = true;
    pressure.hold(leaving.connection);
    expect(pressure.held).toBe(1);
    await clock.advance(600);
    expect([gone.isRead, leaving.isRead, pressure.held]).toEqual([false, true, 0]);
  });

  it('reads all again when it ends, and holds none any more', async () => {
    const { clock, loop, pressure, refuseAll, readOf } = await make();
    loop.behind = 100;
    const sockets = refuseAll(100);
    pressure.end();
    expect([readOf(sockets), pressure.held, clock.pendingTimers]).toEqual([100, 0, 0]);
    expect(readOf(refuseAll(3))).toBe(3);
  });

  it('holds a bounded number', async () => {
    const { loop, pressure, refuseAll, readOf } = await make(2000, 20_000);
    loop.behind = 100;
    const sockets = refuseAll(5000);
    expect([readOf(sockets), pressure.held]).toEqual([904, 4096]);
    pressure.end();
  });
});
