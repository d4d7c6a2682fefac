import { measurer } from './measurer';
import { visits } from './visits';

// The page that the suite drives. What it measures it answers as plain data.

const bench = { ...measurer, ...visits };

/** What the suite calls. */
export type BenchPage = typeof bench;

declare global {
  var bench: BenchPage;
}

globalThis.bench = bench;
