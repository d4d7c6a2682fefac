import { systemClock } from '@fairlead/core';
import type { Erasure, RollingFile, RollingStore, StoredEntry } from '@fairlead/core/monitoring';
import {
  encodeHeader,
  frameHeaderLength,
  frameTypes,
  headerLength,
  newFrame,
  sealFrame,
} from '../embedded/segment-format';
import { scanSegment } from '../embedded/segment-reader';
import type { Files, OpenFile } from '../files/files';
import { claimFolder } from '../files/folder-claim';

const ending = '.seg';
const erasedPrefix = 'erased-';
const draftPrefix = '.tmp-';
const nameDigits = 12;

/** Segments in a folder: `000000000001.seg`, … with records, and `erased-000000000001.seg`, … with the keys that were erased. */
export function createSegmentStore(files: Files, dir: string): RollingStore {
  const pathOf = (name: string): string => files.join(dir, name + ending);
  const namesOf = async (isWanted: (name: string) => boolean): Promise<string[]> =>
    (await files.list(dir))
      .filter((name) => name.endsWith(ending) && !name.startsWith('.') && isWanted(name))
      .map((name) => name.slice(0, -ending.length))
      .sort();
  const erasedNames = () => namesOf((name) => name.startsWith(erasedPrefix));
  let release: (() => Promise<void>) | undefined;
  let erasedFile: RollingFile | undefined;

  const create = async (name: string): Promise<RollingFile> => {
    const file = (await files.open(pathOf(name), 'create')) as OpenFile;
    return segmentFile(file, () => files.syncFolder(dir));
  };

  const createErasedFile = async (): Promise<RollingFile> => {
    const last = (await erasedNames()).at(-1)?.slice(erasedPrefix.length) ?? '0';
    return create(erasedPrefix + String(Number(last) + 1).padStart(nameDigits, '0'));
  };

  return {
    async open() {
      await files.makeFolder(dir);
      release = await claimFolder(files, files.join(dir, 'writer.lock'), {
        does: 'keeps predictions in this folder',
        advice: 'Give each process a folder of its own',
        expected: 'a folder that no other sink uses',
      });
      // What a crash left of a file that was written anew.
      for (const name of await files.list(dir)) {
        if (name.startsWith(draftPrefix)) await files.remove(files.join(dir, name));
      }
    },
    list: () => namesOf((name) => !name.startsWith(erasedPrefix)),
    create,
    read: (name, size) => readSegment(files, pathOf(name), size),
    size: async (name) => (await files.size(pathOf(name))) ?? 0,
    async replace(name, records) {
      const draft = files.join(dir, `${draftPrefix}${name}`);
      await files.remove(draft);
      const file = (await files.open(draft, 'create')) as OpenFile;
      const segment = segmentFile(file, async () => undefined);
      let size: number;
      try {
        size = await segment.append(records);
        await segment.sync();
      } finally {
        await segment.close();
      }
      await files.rename(draft, pathOf(name));
      await files.syncFolder(dir);
      return size;
    },
    async remove(name) {
      await files.remove(pathOf(name));
      await files.syncFolder(dir);
    },
    async erasures() {
      const erasures: Erasure[] = [];
      for (const name of await erasedNames()) {
        const size = (await files.size(pathOf(name))) ?? 0;
        for await (const entry of readSegment(files, pathOf(name), size)) {
          if (entry.kind === 'record') erasures.push(JSON.parse(new TextDecoder().decode(entry.bytes)) as Erasure);
        }
      }
      return erasures;
    },
    async saveErasure(erasure) {
      erasedFile ??= await createErasedFile();
      await erasedFile.append([new TextEncoder().encode(JSON.stringify(erasure))]);
      await erasedFile.sync();
    },
    async close() {
      const file = erasedFile;
      erasedFile = undefined;
      try {
        await file?.close();
      } finally {
        await release?.();
      }
    },
  };
}

/** A segment that is written: its header with the first frames. */
function segmentFile(file: OpenFile, syncFolder: () => Promise<void>): RollingFile {
  const marker = randomMarker();
  let end = 0;
  let sequence = 0;
  let folderSynced = false;
  return {
    async append(records) {
      const chunks: Uint8Array[] = end === 0 ? [encodeHeader(marker, systemClock.epochMs())] : [];
      let number = sequence;
      for (const record of records) {
        const frame = newFrame(record.byteLength);
        frame.set(record, frameHeaderLength);
        sealFrame(frame, marker, ++number, frameTypes.prediction);
        chunks.push(frame);
      }
      // Place and numbers stay the same when it fails, so that another try leaves neither a gap nor a repetition.
      await file.write(chunks, end);
      end += chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      sequence = number;
      return end;
    },
    async sync() {
      await file.sync();
      if (folderSynced) return;
      await syncFolder();
      folderSynced = true;
    },
    close: () => file.close(),
  };
}

function randomMarker(): number {
  const [word] = crypto.getRandomValues(new Uint32Array(1));
  // 0 is what a file full of zeros would have.
  return word === undefined || word === 0 ? 1 : word;
}

async function* readSegment(files: Files, path: string, size: number): AsyncGenerator<StoredEntry> {
  if (size < headerLength) {
    if (size > 0) yield { kind: 'torn' };
    return;
  }
  const file = await files.open(path, 'read');
  if (file === undefined) return;
  const entries: StoredEntry[] = [];
  try {
    // Only up to what is known to be good: what lies behind is being written.
    const bounded: OpenFile = { ...file, size: async () => Math.min(size, await file.size()) };
    const { damage, tail } = await scanSegment(bounded, undefined, ({ type, payload }) => {
      // A payload is valid until the next frame.
      if (type === frameTypes.prediction) entries.push({ kind: 'record', bytes: payload.slice() });
    });
    for (const _ of damage) entries.push({ kind: 'corrupt' });
    if (tail !== undefined) entries.push({ kind: tail.kind === 'torn-tail' ? 'torn' : 'corrupt' });
  } finally {
    await file.close();
  }
  yield* entries;
}
