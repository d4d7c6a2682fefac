import type { FairleadError } from '@fairlead/core';
import { createSha256 } from '#files';
import { refusal } from './answers';

function tooLarge(what: string, limit: number, given: string, option: string): FairleadError {
  return refusal(
    413,
    'LIMIT_EXCEEDED',
    `The ${what} is larger than ${limit} bytes. Send less at once, or raise limits.${option} of createRelayHandler.`,
    {
      field: option,
      expected: `at most ${limit} bytes`,
      given,
    },
  );
}

/** The bytes of a body as they come, none beyond a limit. What the request says of its length is checked before any of them. */
async function* boundedBody(
  request: Request,
  limit: number,
  what: string,
  option: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const said = Number(request.headers.get('content-length') ?? 0);
  if (said > limit) throw tooLarge(what, limit, `${said} bytes`, option);
  const reader = request.body?.getReader();
  if (reader === undefined) return;
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      size += value.byteLength;
      if (size > limit) throw tooLarge(what, limit, 'more', option);
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined); // whoever sends more than we take stops by it
  }
}

/** The whole of a body that is a batch. @throws FairleadError `LIMIT_EXCEEDED` */
export async function readBatch(request: Request, limit: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of boundedBody(request, limit, 'batch', 'batchBytes')) {
    pieces.push(piece);
    size += piece.byteLength;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

/**
 * The bytes of an artifact in pieces; the last one is held back until the digest was checked, so that a store which reads
 * to the end keeps no others.
 * @throws FairleadError `LIMIT_EXCEEDED`, `DIGEST_MISMATCH`
 */
export async function* streamArtifact(
  request: Request,
  limit: number,
  digest: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createSha256();
  let held: Uint8Array | undefined;
  for await (const piece of boundedBody(request, limit, 'artifact', 'artifactBytes')) {
    hash.update(piece);
    if (held !== undefined) yield held;
    held = piece;
  }
  const given = hash.hex();
  if (given !== digest) {
    throw refusal(
      400,
      'DIGEST_MISMATCH',
      `The artifact should have the SHA-256 ${digest}, and what came has ${given}. Send it again.`,
      {
        field: 'digest',
        expected: digest,
        given,
      },
    );
  }
  if (held !== undefined) yield held;
}
