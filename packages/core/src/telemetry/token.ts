import { type Clock, systemClock } from '../clock';
import { FairleadError } from '../errors';
import { checkOptions, objectWith, test, wholeNumber } from '../option-checks';

/** Options of {@link createTelemetryToken}. */
export interface TelemetryTokenOptions {
  /** The secret that handler and issuer share, 32 characters or more of chance. */
  readonly key: string;
  /**
   * Whom the token stands for, 1 to 64 letters, digits, `_` and `-`: limits are kept for each. Use what tells nobody who it is,
   * such as a hash of the session.
   * @default 16 hexadecimal digits by chance
   */
  readonly subject?: string;
  /** Milliseconds for which it is good, 1000 to 86,400,000 (a day). @default 3600000 (an hour) */
  readonly expiresInMs?: number;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

const subjectPattern = /^[A-Za-z0-9_-]{1,64}$/;
const tokenPattern = /^v1\.(\d{1,16})\.([A-Za-z0-9_-]{1,64})\.([0-9a-f]{64})$/;

/** Whether a value can be a key; shorter ones can be guessed. */
export function isTelemetryKey(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 32;
}

async function macKey(key: string, usage: 'sign' | 'verify'): Promise<CryptoKey> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    throw new FairleadError('UNSUPPORTED', 'There is no crypto.subtle here, without which no token can be signed.');
  }
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  return subtle.importKey('raw', new TextEncoder().encode(key), algorithm, false, [usage]);
}

/** What is signed: nothing else that is signed with the same key begins so. */
function signedBytes(expiresEpochMs: string, subject: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`fairlead-telemetry.v1.${expiresEpochMs}.${subject}`);
}

/**
 * Makes a short-lived token that lets a page send telemetry: HMAC-SHA256 over its expiry and subject. Issue it on your server,
 * to pages that you know; it carries no data and gives no other right.
 *
 * @throws FairleadError `INVALID_OPTION`; `UNSUPPORTED` where there is no `crypto.subtle`
 */
export async function createTelemetryToken(options: TelemetryTokenOptions): Promise<string> {
  const checks = {
    key: test(isTelemetryKey, 'a secret of 32 characters or more'),
    subject: test(
      (value) => typeof value === 'string' && subjectPattern.test(value),
      '1 to 64 letters, digits, "_" and "-"',
    ),
    expiresInMs: wholeNumber(1000, 86_400_000),
    clock: objectWith('a clock', 'epochMs'),
  };
  // What is wrong with a key must not be shown.
  if (!isTelemetryKey((options as TelemetryTokenOptions | undefined)?.key))
    throw wrongKey('createTelemetryToken', 'key');
  checkOptions('createTelemetryToken', options, checks, ['key']);
  const { key, subject = randomSubject(), expiresInMs = 3_600_000, clock = systemClock } = options;
  const expires = String(Math.ceil(clock.epochMs() + expiresInMs));
  const mac = await globalThis.crypto.subtle.sign('HMAC', await macKey(key, 'sign'), signedBytes(expires, subject));
  const hex = Array.from(new Uint8Array(mac), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `v1.${expires}.${subject}.${hex}`;
}

/** The error for a key that cannot be used, which does not show it. */
export function wrongKey(owner: string, field: string): FairleadError {
  const expected = 'a secret of 32 characters or more, made by chance';
  return new FairleadError('INVALID_OPTION', `${owner}: option "${field}" is wrong: expected ${expected}.`, {
    details: { field, expected, given: 'another value' },
  });
}

/**
 * Whom a token stands for; `undefined` where it was not signed with one of the keys, or is over. Comparing takes the same time
 * wherever signatures differ.
 */
export async function subjectOfToken(
  token: string,
  keys: readonly string[],
  nowEpochMs: number,
): Promise<string | undefined> {
  const [, expires = '', subject = '', hex = ''] = tokenPattern.exec(token) ?? [];
  if (hex === '' || Number(expires) <= nowEpochMs) return undefined;
  const mac = Uint8Array.from({ length: 32 }, (_, index) => Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16));
  for (const key of keys) {
    const verifier = await macKey(key, 'verify');
    if (await globalThis.crypto.subtle.verify('HMAC', verifier, mac, signedBytes(expires, subject))) return subject;
  }
  return undefined;
}

function randomSubject(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
