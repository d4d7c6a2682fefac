import type { Files } from '../../files/files';
import type { StoreDamage } from '../../store/run-store';
import { encodeHeader, frameHeaderLength, frameTypes, sealFrame } from '../segment-format';
import { scanSegment } from '../segment-reader';
import type { IndexEntry } from './index-entry';
import { decodePage, encodePage } from './index-page';
import { createTimeSlices } from './time-slices';

/*
 * The snapshot of the index: a segment whose frames are pages. It says nothing that the runs' own segments do not say, so
 * a page that is damaged, or of a later layout, is left out, and its runs are read again.
 */

/** Runs a page. A page whose runs have not changed is written again as it is. */
const pageRuns = 256;

/** A page and its runs. */
export interface IndexPage {
  /** A sealed frame's payload. */
  readonly payload: Uint8Array;
  readonly entries: readonly IndexEntry[];
}

const folderOf = (files: Files, dir: string): string => files.join(dir, 'index');
const pathOf = (files: Files, dir: string): string => files.join(folderOf(files, dir), 'runs.idx');

/** The pages that can be read; none where there is no snapshot, or none that can be opened. */
export async function readSnapshot(files: Files, dir: string): Promise<IndexPage[]> {
  const pages: IndexPage[] = [];
  try {
    const file = await files.open(pathOf(files, dir), 'read');
    if (file === undefined) return [];
    try {
      await scanSegment(file, undefined, ({ type, payload }) => {
        const entries = type === frameTypes.page ? entriesOf(payload) : undefined;
        if (entries !== undefined) pages.push({ payload, entries });
      });
    } finally {
      await file.close();
    }
  } catch {
    // It says nothing that cannot be read elsewhere. The pages before the trouble are good.
  }
  return pages;
}

/** What of a snapshot cannot be read; nothing where there is none. */
export async function snapshotDamage(files: Files, dir: string): Promise<readonly Omit<StoreDamage, 'file'>[]> {
  const file = await files.open(pathOf(files, dir), 'read');
  if (file === undefined) return [];
  try {
    const { damage, tail } = await scanSegment(file, undefined, () => {});
    return tail === undefined ? damage : [...damage, tail];
  } finally {
    await file.close();
  }
}

function entriesOf(payload: Uint8Array): IndexEntry[] | undefined {
  try {
    return decodePage(payload);
  } catch {
    // Its checksum holds, so it is a page of another layout: its runs are read again.
    return undefined;
  }
}

/**
 * Replaces the snapshot, as a whole, by one of these pages and of `loose` runs, and answers its pages.
 * @throws FairleadError `STORE_FAILED`
 */
export async function writeSnapshot(
  files: Files,
  dir: string,
  kept: readonly IndexPage[],
  loose: readonly IndexEntry[],
  createdAt: number,
): Promise<IndexPage[]> {
  const slices = createTimeSlices();
  const marker = crypto.getRandomValues(new Uint32Array(1))[0] || 1;
  const temporary = files.join(folderOf(files, dir), `.tmp-${crypto.randomUUID()}`);
  const pages: IndexPage[] = [];
  await files.makeFolder(folderOf(files, dir));
  const file = await files.open(temporary, 'create');
  if (file === undefined) return [];
  try {
    let position = 0;
    const write = async (bytes: Uint8Array): Promise<void> => {
      await file.write([bytes], position);
      position += bytes.byteLength;
    };
    const writePage = async (frame: Uint8Array, entries?: readonly IndexEntry[]): Promise<void> => {
      sealFrame(frame, marker, pages.length + 1, frameTypes.page);
      const payload = frame.subarray(frameHeaderLength);
      pages.push({ payload, entries: entries ?? decodePage(payload) });
      await write(frame);
      await slices.yield();
    };
    try {
      await write(encodeHeader(marker, createdAt));
      for (const { payload, entries } of kept) {
        const frame = new Uint8Array(frameHeaderLength + payload.byteLength);
        frame.set(payload, frameHeaderLength);
        await writePage(frame, entries);
      }
      for (let i = 0; i < loose.length; i += pageRuns) await writePage(encodePage(loose.slice(i, i + pageRuns)));
    } finally {
      await file.close();
    }
    await files.rename(temporary, pathOf(files, dir));
  } finally {
    await files.remove(temporary);
  }
  return pages;
}
