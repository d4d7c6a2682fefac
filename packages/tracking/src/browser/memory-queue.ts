import { type BatchKey, isOlder, type PageQueue, type QueuedBatch, type QueuedUpload } from './page-queue';

/** A queue that goes with its process, for where there is no database. */
export function createMemoryQueue(): PageQueue {
  const batches = new Map<string, QueuedBatch>();
  const uploads = new Map<string, QueuedUpload>();
  const pieces = new Map<string, Blob[]>();
  const nameOf = ([writer, seq]: BatchKey): string => `${writer}-${seq}`;
  const removeUpload = async (id: string): Promise<void> => {
    uploads.delete(id);
    pieces.delete(id);
  };
  return {
    durabilities: ['remote'],
    async put(added) {
      for (const batch of added) batches.set(nameOf([batch.writer, batch.seq]), batch);
    },
    async keys() {
      const keys = Array.from(batches.values(), ({ writer, seq }) => [writer, seq] as const);
      return keys.sort((a, b) => (a[0] === b[0] ? a[1] - b[1] : a[0] < b[0] ? -1 : 1));
    },
    get: async (key) => batches.get(nameOf(key)),
    async remove({ writer, seq, uploads: named }) {
      batches.delete(nameOf([writer, seq]));
      for (const id of named) await removeUpload(id);
    },
    async putPiece(upload, index, bytes) {
      const all = pieces.get(upload) ?? [];
      all[index] = new Blob([bytes.slice()]);
      pieces.set(upload, all);
    },
    async putUpload(upload) {
      uploads.set(upload.id, upload);
    },
    upload: async (id) => uploads.get(id),
    pieces: async (id) => new Blob(pieces.get(id) ?? []),
    removeUpload,
    async sweep(before) {
      const named = new Set(Array.from(batches.values(), (batch) => batch.uploads).flat());
      for (const id of pieces.keys()) if (isOlder(id, before) && !named.has(id)) await removeUpload(id);
    },
    close() {},
  };
}
