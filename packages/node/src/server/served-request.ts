import { IncomingMessage } from 'node:http';

/** Takes a body as it comes. */
export interface BodyTaker {
  /** @returns false where it takes nothing more, this piece included: the rest is the stream's again */
  onPiece(piece: Buffer): boolean;
  /** The body is whole. */
  onEnd(): void;
  /** The client went away before. */
  onBroken(cause: unknown): void;
}

/**
 * A request whose body can be taken from Node's parser itself. As a stream it would come by way of several turns of the queue of ticks,
 * which costs as much as all that a service does with a small one, and keeps order among readers that do not exist where it is
 * wanted whole.
 */
export class ServedRequest extends IncomingMessage {
  #taker: BodyTaker | undefined = undefined;

  /**
   * Gives the body to `taker`; the stream then neither has it nor ends.
   * @returns false where the stream has begun, and is what must be read
   */
  takeBody(taker: BodyTaker): boolean {
    if (this.readableFlowing !== null || this.readableLength > 0 || this.complete || this.destroyed) return false;
    // Else Node would read the stream to its end once the request is answered.
    this.read(0);
    this.#taker = taker;
    return true;
  }

  /** What Node's parser calls. */
  override push(piece: Buffer | null, encoding?: BufferEncoding): boolean {
    const taker = this.#taker;
    if (taker === undefined) return super.push(piece, encoding);
    if (piece === null) {
      this.#taker = undefined;
      taker.onEnd();
      return false;
    }
    if (taker.onPiece(piece)) return true;
    this.#taker = undefined;
    return super.push(piece, encoding);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const taker = this.#taker;
    this.#taker = undefined;
    super._destroy(error, callback);
    taker?.onBroken(error);
  }
}
