/** Whether a server takes requests. */
export interface Readiness {
  /** It does not drain, and its maker says that it is ready. */
  isOpen(): boolean;
  /** The models are ready, too. */
  isReady(): boolean;
  /** Whether it is closing. */
  readonly isDraining: boolean;
  /** Calls a listener when closing begins, at once where it has. @returns forgets it */
  onDrain(listener: () => void): () => void;
}

/** Readiness that can be taken away. */
export interface DrainableReadiness extends Readiness {
  drain(): void;
}

export function createReadiness(isUserReady: () => boolean, areModelsReady: () => boolean): DrainableReadiness {
  const listeners = new Set<() => void>();
  let isDraining = false;
  const isOpen = (): boolean => !isDraining && isUserReady();
  return {
    isOpen,
    isReady: () => isOpen() && areModelsReady(),
    get isDraining() {
      return isDraining;
    },
    onDrain(listener) {
      if (isDraining) listener();
      else listeners.add(listener);
      return () => listeners.delete(listener);
    },
    drain() {
      isDraining = true;
      for (const listener of listeners) listener();
      listeners.clear();
    },
  };
}
