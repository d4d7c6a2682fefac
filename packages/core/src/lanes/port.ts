/** One end of a line between two threads: all that the lane protocol asks of a platform. */
export interface LanePort {
  /**
   * Sends a message by structured cloning, in order.
   * @param transfer buffers that move to the other side instead of being copied
   */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Sets the one listener for messages from the other side. */
  onMessage(listener: (message: unknown) => void): void;
  /**
   * Takes the next message if one has come already, in place of the listener; `undefined` when none has. A worker with it
   * looks out for the next batch for a moment before it sleeps; leave it out where that would hold up somebody else: the
   * lanes that share the worker, or the owner on a machine of one core.
   */
  poll?(): unknown;
}

/** The end that owns a worker. */
export interface WorkerPort extends LanePort {
  /**
   * Sets the one listener that hears that the worker is gone, whatever ended it. May be called more than once; only
   * the first call counts.
   * @param listener takes the error that ended the worker, or `undefined` for a plain exit
   */
  onExit(listener: (error: unknown) => void): void;
  /** Ends the worker at once; settles when it is gone. */
  terminate(): Promise<void>;
  /**
   * Told `true` when the worker owes an answer and `false` when it owes none, so that an idle worker need not keep the
   * process alive. Left out where the platform has no such notion.
   */
  hold?(busy: boolean): void;
}
