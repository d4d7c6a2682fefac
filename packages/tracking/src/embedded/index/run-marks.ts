import type { Files } from '../../files/files';

/*
 * A process that opens a run that is not new makes itself known in the folder of all runs, whose time changes by it, so
 * that readers need not look into every run's folder: `.opened-<run>-<writer>` for as long as it writes, and after that
 * `.closed-<run>-<writer>`, by which a reader that saw neither learns that there was something.
 */

const pattern = /^\.(opened|closed)-([0-9a-f]{32})-([0-9a-z-]+)$/;

/** A mark of a writer. */
export interface RunMark {
  readonly state: 'opened' | 'closed';
  readonly run: string;
  readonly writer: string;
}

/** Reads the name of a mark; `undefined` when it is none. */
export function parseMark(name: string): RunMark | undefined {
  const [, state, run, writer] = pattern.exec(name) ?? [];
  if (run === undefined || writer === undefined) return undefined;
  return { state: state as RunMark['state'], run, writer };
}

/** The file of a mark. */
export function markName({ state, run, writer }: RunMark): string {
  return `.${state}-${run}-${writer}`;
}

/** Makes a writer known. A mark that is there already is as good. */
export async function markOpened(files: Files, root: string, run: string, writer: string): Promise<void> {
  const path = files.join(root, markName({ state: 'opened', run, writer }));
  if ((await files.size(path)) !== undefined) return;
  await (await files.open(path, 'create'))?.close();
}

/** Says that a writer that was made known writes no more. */
export async function markClosed(files: Files, root: string, run: string, writer: string): Promise<void> {
  const from = files.join(root, markName({ state: 'opened', run, writer }));
  await files.rename(from, files.join(root, markName({ state: 'closed', run, writer })));
}
