import { readFile, stat } from 'node:fs/promises';
import { FairleadError, messageOf } from '@fairlead/core';
import * as z from 'zod/mini';
import type { DvcHashName } from './dvc-hash';

/** A file or folder that DVC keeps, as a `.dvc` file or `dvc.lock` describes it. */
export interface DvcOutput {
  /** Its path, relative to the folder of the file that describes it. */
  readonly path: string;
  /** 32 hexadecimal digits, with `.dir` behind those of a folder; absent where it is known by another hash or not yet. */
  readonly md5?: string;
  readonly hash: DvcHashName;
  /** Bytes. */
  readonly size?: number;
  /** How many files a folder holds. */
  readonly files?: number;
}

/** A stage of a pipeline, as it was run last. */
export interface DvcStage {
  readonly name: string;
  readonly command: string;
  /** What it read. */
  readonly dependencies: readonly DvcOutput[];
  /** What it made. */
  readonly outputs: readonly DvcOutput[];
  /** Its parameters, by the file that they stand in. */
  readonly params: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** A file of DVC that is larger than this is none. */
const maxBytes = 16 * 1024 * 1024;

const outputSchema = z.looseObject({
  path: z.string().check(z.minLength(1)),
  md5: z.optional(z.string().check(z.regex(/^[0-9a-f]{32}(\.dir)?$/))),
  hash: z.optional(z.string()),
  size: z.optional(z.int().check(z.minimum(0))),
  nfiles: z.optional(z.int().check(z.minimum(0))),
});

const dvcSchema = z.looseObject({ outs: z.array(outputSchema), wdir: z.optional(z.string()) });

const lockSchema = z.looseObject({
  schema: z.literal('2.0'),
  stages: z.optional(
    z.record(
      z.string(),
      z.looseObject({
        cmd: z.union([z.string(), z.array(z.string())]),
        deps: z.optional(z.array(outputSchema)),
        outs: z.optional(z.array(outputSchema)),
        params: z.optional(z.record(z.string(), z.record(z.string(), z.unknown()))),
      }),
    ),
  ),
});

/**
 * Reads a `.dvc` file: what `dvc add` and `dvc import` write.
 * @throws FairleadError `NOT_FOUND`, `PROTOCOL_ERROR` for a file that is none of DVC's, `UNSUPPORTED` without the
 * package `yaml`
 */
export async function readDvcFile(path: string): Promise<readonly DvcOutput[]> {
  const { outs, wdir = '.' } = check(dvcSchema, await readYaml(path), path, 'a .dvc file');
  return outs.map((out) => {
    const output = toOutput(out);
    return wdir === '.' ? output : { ...output, path: `${wdir.replace(/\/+$/, '')}/${output.path}` };
  });
}

/**
 * Reads a `dvc.lock`: the stages of a pipeline, with what each of them read and made.
 * @throws FairleadError `NOT_FOUND`, `PROTOCOL_ERROR` for a file that is none of DVC's or of a schema other than 2.0,
 * `UNSUPPORTED` without the package `yaml`
 */
export async function readDvcLock(path: string): Promise<readonly DvcStage[]> {
  const { stages = {} } = check(lockSchema, await readYaml(path), path, 'a dvc.lock of schema 2.0');
  return Object.entries(stages).map(([name, { cmd, deps = [], outs = [], params = {} }]) => ({
    name,
    command: typeof cmd === 'string' ? cmd : cmd.join('\n'),
    dependencies: deps.map(toOutput),
    outputs: outs.map(toOutput),
    params,
  }));
}

function toOutput({ path, md5, hash, size, nfiles }: z.infer<typeof outputSchema>): DvcOutput {
  return {
    path,
    ...(md5 !== undefined && { md5 }),
    // DVC 3 names its hash; before, there was one, which it did not name.
    hash: hash === 'md5' ? 'md5' : 'md5-dos2unix',
    ...(size !== undefined && { size }),
    ...(nfiles !== undefined && { files: nfiles }),
  };
}

function check<T>(schema: z.ZodMiniType<T>, value: unknown, path: string, expected: string): T {
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? 'at its root' : `at ${issue.path.join('.')}`;
  throw new FairleadError(
    'PROTOCOL_ERROR',
    `"${path}" is not ${expected}: ${where}, ${issue?.message ?? 'it does not fit'}.`,
    {
      details: { field: 'path', expected, given: path },
    },
  );
}

async function readYaml(path: string): Promise<unknown> {
  const { parse } = await import('yaml').catch((cause: unknown) => {
    throw new FairleadError('UNSUPPORTED', 'Reading files of DVC needs the package yaml: npm install yaml', {
      cause,
      details: { field: 'yaml', expected: 'the package yaml', given: 'no such package' },
    });
  });
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > maxBytes) {
      throw new FairleadError(
        'LIMIT_EXCEEDED',
        `"${path}" has ${size} bytes, and a file of DVC has at most ${maxBytes}.`,
        {
          details: { field: 'path', expected: `at most ${maxBytes} bytes`, given: `${size} bytes` },
        },
      );
    }
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (FairleadError.isInstance(cause)) throw cause;
    throw new FairleadError('NOT_FOUND', `"${path}" cannot be read: ${messageOf(cause)}`, {
      cause,
      details: { field: 'path', given: path },
    });
  }
  try {
    // Aliases can blow a small file up.
    return parse(text, { maxAliasCount: 100, schema: 'core' });
  } catch (cause) {
    throw new FairleadError('PROTOCOL_ERROR', `"${path}" is no YAML: ${messageOf(cause).split('\n')[0]}`, {
      cause,
      details: { field: 'path', expected: 'YAML', given: path },
    });
  }
}
