import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Buffers are freed when so many wait for it, or so many bytes: to free one by itself takes longer than to free one of many. */
const [mostWaiting, mostWaitingBytes] = [32, 2 ** 20];

/** Each once: a list with one twice is refused as a whole. */
const waiting = new Set<ArrayBuffer>();
let waitingBytes = 0;
let closedPort: MessagePort | undefined;
/** Other runtimes that call themselves Node may keep what is sent to a port that is closed. */
const isNode = process.release.name === 'node' && process.versions.bun === undefined && !('Deno' in globalThis);

/**
 * Gives the memory of bytes back that nobody needs any more; whoever still holds them finds them empty. Without this the collector of garbage
 * gives it back, whose young generation counts none of it: at some thousands of bodies of 15 KB a second it takes the program's objects through in
 * full, several times a second, for what lies outside of them.
 *
 * Bytes that share their memory with others are left alone.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (!isNode || !(buffer instanceof ArrayBuffer) || byteLength === 0 || byteLength !== buffer.byteLength) return;
  waiting.add(buffer);
  waitingBytes += byteLength;
  if (waiting.size < mostWaiting && waitingBytes < mostWaitingBytes) return;
  closedPort ??= openClosedPort();
  const freed = [...waiting];
  waiting.clear();
  waitingBytes = 0;
  // What is transferred is taken from whoever had it, and a port that is closed passes nothing on.
  closedPort.postMessage(undefined, freed);
}

function openClosedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.close();
  port2.close();
  return port1;
}
