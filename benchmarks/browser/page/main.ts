import { measurer } from './measurer';
import { visits } from './visits';

// The page that the suite drives. What it measures it answers as plain data.

const functions = { ...measurer, ...visits };

/** What the suite calls. */
export type BenchPage = typeof functions;

declare global {
  var bench: BenchPage;
}

globalThis.bench = functions;
