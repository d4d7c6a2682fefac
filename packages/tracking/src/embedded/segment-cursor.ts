import type { Files } from '../files/files';
import { createSerial } from '../serial';
import type { StoreDamage } from '../store/run-store';
import { SegmentFold } from './segment-fold';
import { type ScanStart, scanSegment } from './segment-reader';

/** Follows one segment as it grows: every refresh reads only what came since. */
export class SegmentCursor {
  readonly #files: Files;
  readonly #path: string;
  /** The file's name within the store, for reports. */
  readonly #label: string;
  #fold = new SegmentFold();
  #resume: ScanStart | undefined;
  #damage: readonly Omit<StoreDamage, 'file'>[] = [];
  #tail: Omit<StoreDamage, 'file'> | undefined;
  #gone = false;
  #isBlank = true;
  readonly #serial = createSerial();

  constructor(files: Files, path: string, label: string) {
    this.#files = files;
    this.#path = path;
    this.#label = label;
  }

  /** Whether there was no such file at the last refresh. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Whether its writer had written nothing yet at the last refresh. */
  get isBlank(): boolean {
    return this.#isBlank;
  }

  /** What the segment adds up to, as of the last refresh. */
  get fold(): SegmentFold {
    return this.#fold;
  }

  /**
   * What cannot be read. The tail of a run that goes on may be a write in progress, so it is named only where the caller
   * knows that no writer is left.
   */
  damage(withTail: boolean): readonly StoreDamage[] {
    const all = [...this.#damage, ...this.#fold.unknown, ...(withTail && this.#tail ? [this.#tail] : [])];
    return all.map((place) => ({ file: this.#label, ...place }));
  }

  /** Reads what was appended since the last call. */
  refresh(): Promise<void> {
    return this.#serial(() => this.#read());
  }

  async #read(): Promise<void> {
    const file = await this.#files.open(this.#path, 'read');
    this.#gone = file === undefined;
    if (file === undefined) return this.#reset();
    try {
      const size = await file.size();
      this.#isBlank = size === 0;
      // A damaged place may be a gap that its writer still fills, so such a segment is read anew.
      const whole = this.#damage.length > 0 || this.#resume === undefined || size < this.#resume.offset;
      if (whole) this.#reset();
      else if (size === this.#resume?.offset) {
        this.#tail = undefined;
        return;
      }
      const end = await scanSegment(file, this.#resume, (frame) => this.#fold.add(frame));
      this.#damage = end.damage;
      this.#tail = end.tail;
      this.#resume = end.sequence === 0 ? undefined : end;
    } finally {
      await file.close();
    }
  }

  #reset(): void {
    this.#fold = new SegmentFold();
    this.#resume = undefined;
    this.#damage = [];
    this.#tail = undefined;
  }
}
