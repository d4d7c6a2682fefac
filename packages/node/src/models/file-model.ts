import { stat } from 'node:fs/promises';
import {
  type Clock,
  type ClockTimer,
  closeable,
  type LoadedModel,
  type ModelSource,
  messageOf,
  parseOptions,
  systemClock,
} from '@fairlead/core';
import * as z from 'zod/mini';
import { pathOf, readModelFile } from './model-file';

/** Options of {@link fileModel}. */
export interface FileModelOptions {
  /**
   * Whether a runner follows the file: it swaps to new bytes without losing a request.
   * @default false
   */
  readonly watch?: boolean;
  /**
   * Milliseconds between two looks at the file, 10 or more. A change is taken once the file has been the same at two
   * looks in a row, so that a copy in progress is left to finish.
   * @default 1000
   */
  readonly pollMs?: number;
  /**
   * Most bytes of the model, 1 or more.
   * @default 2147483647, what ONNX's own format allows
   */
  readonly maxModelBytes?: number;
  /** Where the time between two looks comes from. @default the system's */
  readonly clock?: Clock;
}

const schema = z.strictObject({
  watch: z._default(z.boolean(), false),
  pollMs: z._default(z.number().check(z.gte(10)), 1000),
  maxModelBytes: z._default(z.int().check(z.gte(1)), 2 ** 31 - 1),
  clock: z.optional(z.custom<Clock>((value) => typeof value === 'object' && value !== null)),
});

/**
 * A model in a file that may be replaced while it runs. A bare path serves where it is never replaced.
 *
 * @param reference path or `file:` URL
 * @throws FairleadError `INVALID_OPTION`; `MODEL_NOT_FOUND` for a URL that is no file's
 */
export function fileModel(reference: string, options: FileModelOptions = {}): ModelSource {
  const { watch, pollMs, maxModelBytes, clock = systemClock } = parseOptions(schema, options, 'fileModel');
  const path = pathOf(reference);
  /** What the runner has: the digest that was last handed out, and how the file looked before it was read. */
  let known: { digest: string; look: string } | undefined;

  const load = async (look: string, signal?: AbortSignal): Promise<LoadedModel> => {
    const model = await readModelFile(path, { maxBytes: maxModelBytes, ...(signal === undefined ? {} : { signal }) });
    known = { digest: model.digest, look };
    return model;
  };

  const source: ModelSource = { resolve: async ({ signal }) => load(await lookAt(path), signal) };
  if (!watch) return source;

  return {
    ...source,
    watch(onChange, onError) {
      let timer: ClockTimer | undefined;
      let closed = false;
      let lastLook: string | undefined;
      let lastProblem: string | undefined;

      const poll = async (): Promise<void> => {
        const look = await lookAt(path);
        const settled = look === lastLook;
        lastLook = look;
        if (!settled || look === known?.look) return;
        const before = known?.digest;
        const model = await load(look);
        lastProblem = undefined;
        if (!closed && model.digest !== before) onChange(model);
      };
      const tick = (): void => {
        poll()
          .catch((error: unknown) => {
            // A file that stays away is told once, not at every look.
            const problem = messageOf(error);
            if (!closed && problem !== lastProblem) onError?.(error);
            lastProblem = problem;
          })
          .finally(() => {
            if (!closed) timer = clock.setTimer(tick, pollMs);
          });
      };
      timer = clock.setTimer(tick, pollMs);
      return closeable(() => {
        closed = true;
        timer?.clear();
      });
    },
  };
}

/** What changes when a file is written or replaced; `gone` while there is none. */
async function lookAt(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs}:${size}:${ino}`;
  } catch {
    // Reading it will say what is wrong with it.
    return 'gone';
  }
}
