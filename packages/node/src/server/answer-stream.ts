import type { ServerResponse } from 'node:http';

/** How an answer is sent in pieces. */
export interface AnswerStreamSettings {
  /** Milliseconds that may pass without a client's reading any more of its answer. */
  readonly answerTimeoutMs: number;
  /** The client read nothing for so long; whoever is told cuts it off. */
  readonly onStuck: () => void;
}

/**
 * Writes pieces as they come, and takes the next one only when the client has read what was written. Ends early, and closes
 * the pieces, when the connection is gone.
 *
 * @throws whatever the pieces throw
 */
export async function writePieces(
  response: ServerResponse,
  pieces: AsyncIterable<Uint8Array>,
  settings: AnswerStreamSettings,
): Promise<void> {
  // So that a client which sends while it reads knows at once how it is answered.
  response.flushHeaders();
  for await (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.write(piece)) await hasRead(response, settings);
  }
}

/** Resolves when everything was handed to the system, or the connection is gone. */
async function hasRead(response: ServerResponse, { answerTimeoutMs, onStuck }: AnswerStreamSettings): Promise<void> {
  if (response.destroyed) return;
  // Node's own timer knows whether any of what it has written was taken.
  response.setTimeout(answerTimeoutMs);
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('timeout', onStuck).off('drain', done).off('close', done);
      resolve();
    };
    response.on('timeout', onStuck).on('drain', done).on('close', done);
  });
  if (!response.destroyed) response.setTimeout(0);
}
