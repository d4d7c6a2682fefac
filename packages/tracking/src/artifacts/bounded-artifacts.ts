import { abortedError, throwIfAborted } from '@fairlead/core';
import PQueue from 'p-queue';
import type { ArtifactPlace, ArtifactStore, UploadProgress } from '../store/artifact-store';

/** How a tracker uploads. */
export interface BoundedArtifactsOptions {
  /** Uploads at a time. */
  readonly concurrency: number;
  /** Told of every piece of an upload that has a place. */
  readonly onProgress: (place: ArtifactPlace, progress: UploadProgress) => void;
}

/** A store that takes so many uploads at a time; others wait their turn, and read nothing of their source before it. */
export function boundArtifacts(store: ArtifactStore, options: BoundedArtifactsOptions): ArtifactStore {
  const queue = new PQueue({ concurrency: options.concurrency });
  return {
    ...store,
    async put(source, call = {}) {
      const { place, signal } = call;
      throwIfAborted(signal, 'Logging an artifact');
      const onProgress = (progress: UploadProgress): void => {
        call.onProgress?.(progress);
        if (place !== undefined) options.onProgress(place, progress);
      };
      let begun = false;
      let leave = (): void => undefined;
      // A caller leaves the queue at once; an upload that has begun ends by itself, so that what it has kept is put in order.
      const left = new Promise<never>((_, reject) => {
        leave = () => void (!begun && signal !== undefined && reject(abortedError(signal, 'Logging an artifact')));
      });
      signal?.addEventListener('abort', leave, { once: true });
      try {
        const work = queue.add(async () => {
          begun = true;
          throwIfAborted(signal, 'Logging an artifact');
          return store.put(source, { ...call, onProgress });
        });
        work.catch(() => undefined); // who has left the queue has been told
        return await (signal === undefined ? work : Promise.race([work, left]));
      } finally {
        signal?.removeEventListener('abort', leave);
      }
    },
  };
}
