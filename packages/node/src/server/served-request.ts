import { IncomingMessage } from 'node:http';
import { freeMemory } from './free-memory';

/** Takes a body as it comes. */
export interface BodyTaker {
  /** @returns false where it takes nothing more, this piece included: the rest is the stream's again */
  onPiece(piece: Buffer): boolean;
  /** The body is whole. */
  onEnd(): void;
  /** The client went away before. */
  onBroken(cause: unknown): void;
}

/** Bytes of a body that nobody has asked for yet; after so many the connection is not read until somebody does. */
const mostEarlyBytes = 64 * 1024;

/**
 * A request whose body can be taken from Node's parser itself. As a stream it would come by way of several turns of the queue of ticks,
 * which costs as much as all that a service does with a small one, and keeps order among readers that do not exist where it is
 * wanted whole. It is a stream from the moment on in which somebody reads it as one; what comes before waits aside.
 */
export class ServedRequest extends IncomingMessage {
  #taker: BodyTaker | undefined = undefined;
  #isStream = false;
  #isTaken = false;
  /** Pieces that came before anybody asked for them, and whether they are all. */
  readonly #early: Buffer[] = [];
  #earlyBytes = 0;
  #hasEnded = false;

  /**
   * Gives the body to `taker`, what has come of it at once; the stream then neither has it nor ends.
   * @returns false where the stream has begun, and is what must be read, or somebody has the body already
   */
  takeBody(taker: BodyTaker): boolean {
    if (this.#isStream || this.#isTaken || this.readableFlowing !== null || this.destroyed) return false;
    this.#isTaken = true;
    this.#taker = taker;
    // Else Node would read the stream to its end once the request is answered.
    this.read(0);
    for (const piece of this.#early.splice(0)) this.push(piece);
    if (this.#hasEnded) this.push(null);
    return true;
  }

  /** Has the body dropped, as far as nobody has asked for it. */
  dropBody(): void {
    this.takeBody(dropper);
  }

  /** What Node's parser calls. */
  override push(piece: Buffer | null, encoding?: BufferEncoding): boolean {
    const taker = this.#taker;
    if (this.#isStream) return super.push(piece, encoding);
    if (taker === undefined) return this.#keep(piece);
    if (piece === null) {
      this.#taker = undefined;
      taker.onEnd();
      return false;
    }
    if (taker.onPiece(piece)) return true;
    this.#taker = undefined;
    this.#isStream = true;
    return super.push(piece, encoding);
  }

  #keep(piece: Buffer | null): boolean {
    if (piece === null) {
      this.#hasEnded = true;
      return false;
    }
    this.#early.push(piece);
    this.#earlyBytes += piece.length;
    return this.#earlyBytes < mostEarlyBytes;
  }

  override _read(size: number): void {
    if (!this.#isTaken && !this.#isStream) {
      this.#isStream = true;
      for (const piece of this.#early.splice(0)) super.push(piece);
      if (this.#hasEnded) super.push(null);
    }
    super._read(size);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const taker = this.#taker;
    this.#taker = undefined;
    super._destroy(error, callback);
    taker?.onBroken(error);
  }
}

const dropper: BodyTaker = {
  onPiece(piece) {
    freeMemory(piece);
    return true;
  },
  onEnd() {},
  onBroken() {},
};
