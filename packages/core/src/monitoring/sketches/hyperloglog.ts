import { checkOptions, wholeNumber } from '../../option-checks';
import { refuseOtherSketch } from './arguments';
import { type Category, canonicalCategory } from './category';
import { hashCategory, hashVersion } from './category-hash';
import { corruptState, recordIn, wholeIn } from './state-checks';

/** Options of {@link createHyperLogLog}. */
export interface HyperLogLogOptions {
  /**
   * log2 of the number of registers, a byte each: 4 to 14. The estimate's standard error is 1.04 / √registers: 6.5 % at 8,
   * 1.6 % at 12, .8 % at 14.
   * @default 12
   */
  readonly lgK?: number;
}

/** The plain form of a HyperLogLog: what JSON holds. */
export interface HyperLogLogJson {
  readonly lgK: number;
  /** Version of the hash that filled it. */
  readonly hash: number;
  /** A digit of base 62 (0–9, A–Z, a–z) for each register. */
  readonly registers: string;
}

/** log2 of the registers that may be asked for. */
export const lgKLimits = { least: 4, most: 14, usual: 12 } as const;

const optionChecks = { lgK: wholeNumber(lgKLimits.least, lgKLimits.most) };

/**
 * Makes an estimator of how many different values there were, in 4 KB by default. The estimator is Ertl's improved raw one
 * (arXiv:1702.01284), which needs no table and no switch between small and large counts. Merging takes the greater of each
 * two registers: exact, associative, commutative, and the same as if one had seen everything.
 *
 * @throws FairleadError `INVALID_OPTION` for an option that is wrong
 */
export function createHyperLogLog(options: HyperLogLogOptions = {}): HyperLogLog {
  checkOptions('createHyperLogLog', options, optionChecks);
  return new HyperLogLog(options.lgK ?? lgKLimits.usual);
}

/** An estimator of distinct counts; {@link createHyperLogLog} makes one and explains it. */
export class HyperLogLog {
  readonly lgK: number;
  readonly #registers: Uint8Array;

  /**
   * Use {@link createHyperLogLog}.
   * @param registers what it begins with, checked; taken over
   */
  constructor(lgK: number, registers = new Uint8Array(2 ** lgK)) {
    this.lgK = lgK;
    this.#registers = registers;
  }

  /**
   * Counts a value among the different ones. Allocates nothing for strings and numbers.
   * @throws FairleadError `INVALID_ARGUMENT` for a bigint beyond 64 bits, or for what is no category
   */
  add(value: Category): void {
    const hash = hashCategory(canonicalCategory(value));
    const high = hash[0] as number;
    const low = hash[1] as number;
    const register = high >>> (32 - this.lgK);
    // The position of the first 1 after the bits that chose the register; all of them 0 gives one more than there are.
    const rank = low === 0 ? 33 + Math.min(32 - this.lgK, Math.clz32(high << this.lgK)) : Math.clz32(low) + 1;
    if (rank > (this.#registers[register] as number)) this.#registers[register] = rank;
  }

  /** Takes in what another counted. @throws FairleadError `INVALID_ARGUMENT` when the other has another `lgK` */
  merge(other: HyperLogLog): void {
    if (other.lgK !== this.lgK) throw refuseOtherSketch(`lgK ${this.lgK}`, `lgK ${other.lgK}`);
    const own = this.#registers;
    const theirs = other.#registers;
    for (let i = 0; i < own.length; i++) {
      if ((theirs[i] as number) > (own[i] as number)) own[i] = theirs[i] as number;
    }
  }

  /** Forgets everything. */
  reset(): void {
    this.#registers.fill(0);
  }

  /** How many different values there were, as estimated; 0 when there were none. */
  estimate(): number {
    const registers = this.#registers.length;
    const longest = 64 - this.lgK;
    const having = new Float64Array(longest + 2);
    for (const rank of this.#registers) having[rank] = (having[rank] as number) + 1;
    let sum = registers * tau(1 - (having[longest + 1] as number) / registers);
    for (let rank = longest; rank >= 1; rank--) sum = (sum + (having[rank] as number)) / 2;
    sum += registers * sigma((having[0] as number) / registers);
    return (registers / (2 * Math.LN2)) * (registers / sum);
  }

  /** The standard error of the estimate, as a share of it. With few registers it is above the 1.04 / √registers of many. */
  get relativeError(): number {
    const registers = this.#registers.length;
    return (1.04 / Math.sqrt(registers)) * (1 + 3 / registers);
  }

  /** Bytes of its registers. */
  get byteLength(): number {
    return this.#registers.byteLength;
  }

  /** The registers, a copy. */
  registers(): Uint8Array {
    return this.#registers.slice();
  }

  /** The plain form, which {@link hyperLogLogFromJson} reads. Equal sketches have equal forms. */
  toJSON(): HyperLogLogJson {
    let registers = '';
    for (const rank of this.#registers) registers += digits[rank];
    return { lgK: this.lgK, hash: hashVersion, registers };
  }
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** x + Σ x^(2^k) · 2^(k−1) for k ≥ 1: what registers that are still 0 contribute. */
function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let power = share;
  let weight = 1;
  let sum = share;
  for (let before = -1; before !== sum; ) {
    before = sum;
    power *= power;
    sum += power * weight;
    weight *= 2;
  }
  return sum;
}

/** (1 − x − Σ (1 − x^(2^−k))² · 2^−k) / 3 for k ≥ 1: what registers at their end contribute. */
function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let root = share;
  let weight = 1;
  let sum = 1 - share;
  for (let before = -1; before !== sum; ) {
    before = sum;
    root = Math.sqrt(root);
    weight /= 2;
    sum -= (1 - root) ** 2 * weight;
  }
  return sum / 3;
}

/**
 * Reads the plain form of {@link HyperLogLog.toJSON}.
 *
 * @param field how messages name it. @default 'distinct'
 * @throws FairleadError `STORE_CORRUPT` when it is none; also when another hash filled it, since it would merge to nonsense
 */
export function hyperLogLogFromJson(plain: unknown, field = 'distinct'): HyperLogLog {
  const state = recordIn(plain, field, ['lgK', 'hash', 'registers']);
  const lgK = wholeIn(state.lgK, `${field}.lgK`, lgKLimits.least, lgKLimits.most);
  wholeIn(state.hash, `${field}.hash`, hashVersion, hashVersion);
  const { registers: text } = state;
  if (typeof text !== 'string' || text.length !== 2 ** lgK) {
    const given = typeof text === 'string' ? `${text.length} characters` : text;
    throw corruptState(`${field}.registers`, `a string of ${2 ** lgK} characters`, given);
  }
  const registers = Uint8Array.from(text, (digit) => digits.indexOf(digit) & 0xff);
  return hyperLogLogOf(lgK, registers, field);
}

/**
 * A sketch with these registers.
 * @throws FairleadError `STORE_CORRUPT` when one is greater than a rank can be
 */
export function hyperLogLogOf(lgK: number, registers: Uint8Array<ArrayBuffer>, field: string): HyperLogLog {
  const most = 65 - lgK;
  const wrong = registers.findIndex((rank) => rank > most);
  if (wrong >= 0) throw corruptState(`${field}.registers`, `ranks up to ${most}`, `another at ${wrong}`);
  return new HyperLogLog(lgK, registers);
}
