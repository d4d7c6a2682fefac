import { printable } from './printable';
import { createSipHash } from './sip-hash';

/** What the id of a decision tells a replica that did not take it. */
export interface SealedDecision {
  /** Its id among those of its replica. */
  readonly id: string;
  /** The replica that took it. */
  readonly owner: string;
  /** The run of the rollout in which it was taken, as an evidence epoch. */
  readonly run: number;
  /** When, in milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  readonly arm: string;
  readonly propensity: number;
  /** Whether chance had a say in it. */
  readonly isRandomised: boolean;
  readonly context?: readonly number[];
}

/** Writes and reads the ids of one rollout's decisions. */
export interface Seal {
  write(decision: SealedDecision): string;
  /** `undefined` for what was not written with the same key, whatever is wrong with it. */
  read(text: string): SealedDecision | undefined;
}

/** Longer ones are nobody's. */
const maxLength = 65_536;
/** Fields before the signature: id, owner's length, run, time, arm, propensity, chance, context. */
const fieldCount = 7;

/**
 * Makes the seal of a key that the replicas share. An id carries all that its reward needs, so that any replica can credit it, and a
 * signature, so that nobody else can make one: ids may go to clients. It hides nothing: who has an id can read its arm. Of an owner's
 * and a decision's name it takes what is printable ASCII already; an arm may have any name.
 * @param key 32 hexadecimal digits
 */
export function createSeal(key: string): Seal {
  const hash = createSipHash(key);
  const encoder = new TextEncoder();
  const buffer = new Uint8Array(512);
  const sign = (text: string): string => {
    const { read, written } = encoder.encodeInto(text, buffer);
    return read === text.length ? hash(buffer, written) : hash(encoder.encode(text));
  };
  return {
    write({ id, owner, run, at, arm, propensity, isRandomised, context }) {
      const numbers = context?.join('_') ?? '';
      const name = `${id},${owner.length},${run.toString(36)},${Math.floor(at).toString(36)}`;
      const text = `${name},${escaped(arm)},${propensity}${isRandomised ? '' : '!'},${numbers}`;
      return `${text},${sign(text)}`;
    },
    read(sealed) {
      const end = sealed.lastIndexOf(',');
      const text = sealed.slice(0, Math.max(0, end));
      if (end < 0 || sealed.length > maxLength || sign(text) !== sealed.slice(end + 1)) return undefined;
      // What is signed was written here; the name of a replica may have commas.
      const parts = text.split(',');
      const [ownerLength, run, at, arm, chance, numbers] = parts.slice(1 - fieldCount) as [
        string,
        string,
        string,
        string,
        string,
        string,
      ];
      const id = parts.slice(0, 1 - fieldCount).join(',');
      const context = numbers === '' ? undefined : numbers.split('_').map(Number);
      return {
        id,
        owner: id.slice(0, Number(ownerLength)),
        run: Number.parseInt(run, 36),
        at: Number.parseInt(at, 36),
        arm: decodeURIComponent(arm),
        propensity: Number.parseFloat(chance),
        isRandomised: !chance.endsWith('!'),
        ...(context === undefined ? {} : { context }),
      };
    },
  };
}

/** A key by chance. */
export function createSealKey(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function escaped(arm: string): string {
  return printable(arm).replaceAll(',', '%2C');
}
