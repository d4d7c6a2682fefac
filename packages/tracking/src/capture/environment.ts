import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { basename } from 'node:path';
import { type CallOptions, FairleadError, parseOptions, throwIfAborted } from '@fairlead/core';
import * as z from 'zod/mini';
import { redacted } from '../secrets';
import { type GitState, readGit } from './git';
import { type Lockfile, readLockfile, readPackageVersions } from './lockfile';
import { isSecretVariable, redactCode } from './redact';

/** What is captured beside the versions and the hardware. */
export interface CaptureOptions extends CallOptions {
  /** The folder whose Git state, lock file and packages count. @default the working folder of the process */
  readonly folder?: string;
  /** Commit, branch, remote and whether there are changes. @default true */
  readonly git?: boolean;
  /**
   * The changes themselves against the commit, of tracked files, with secrets taken out as far as they can be recognised:
   * look at one before you share it. @default false
   */
  readonly diff?: boolean;
  /** Most bytes of it; what is more is cut. 1 or more. @default 262144 (256 KiB) */
  readonly maxDiffBytes?: number;
  /**
   * Packages whose installed versions are noted.
   * @default those that compute: Fairlead's own, onnxruntime and TensorFlow.js
   */
  readonly packages?: readonly string[];
  /** The arguments of the process, with secrets taken out. @default false */
  readonly command?: boolean;
  /**
   * Environment variables that are noted, by name; none by default, and none whose name says that it is a secret.
   * @default []
   */
  readonly variables?: readonly string[];
  /** Seeds of your random numbers, by what they are for. Nobody else knows them. @default {} */
  readonly seeds?: Readonly<Record<string, number | string>>;
}

/** What a run was computed with. */
export interface Environment {
  /** Epoch milliseconds. */
  readonly capturedAt: number;
  /** The runtime: its name, its version and those of its parts that change numbers or performance. */
  readonly runtime: { readonly name: string; readonly version: string; readonly v8?: string; readonly uv?: string };
  readonly platform: { readonly os: string; readonly release: string; readonly arch: string };
  readonly hardware: {
    /** The model of the processor, as it names itself. */
    readonly cpu: string;
    /** Cores that the process may use. */
    readonly cores: number;
    /** Bytes. */
    readonly memory: number;
  };
  /** Version by package. */
  readonly packages: Readonly<Record<string, string>>;
  /** Absent where there is none. */
  readonly lockfile?: Lockfile;
  /** What Git says, or why it says nothing; absent where it was not asked. */
  readonly git?: GitState | { readonly missing: string };
  readonly command?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  readonly seeds?: Readonly<Record<string, number | string>>;
}

/** Packages that change what a model computes, or how fast. */
const computing = [
  '@fairlead/core',
  '@fairlead/node',
  '@fairlead/tracking',
  '@huggingface/transformers',
  '@tensorflow/tfjs',
  '@tensorflow/tfjs-backend-wasm',
  '@tensorflow/tfjs-core',
  '@tensorflow/tfjs-node',
  'onnxruntime-node',
  'onnxruntime-web',
];

const schema = z.strictObject({
  folder: z.optional(z.string().check(z.minLength(1))),
  git: z._default(z.boolean(), true),
  diff: z._default(z.boolean(), false),
  maxDiffBytes: z._default(z.int().check(z.minimum(1), z.maximum(64 * 1024 * 1024)), 256 * 1024),
  packages: z._default(z.array(z.string()), computing),
  command: z._default(z.boolean(), false),
  variables: z._default(z.array(z.string()), []),
  seeds: z.optional(z.record(z.string(), z.union([z.number(), z.string()]))),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
});

/**
 * Captures what a run is computed with: Node and package versions, hardware, Git commit, lock file. What tells more than
 * that (changes, arguments, environment variables) is captured only where it is asked for.
 * @throws FairleadError `INVALID_OPTION`, also for a variable whose name says that it is a secret, `ABORTED`
 */
export async function captureEnvironment(options: CaptureOptions = {}): Promise<Environment> {
  const asked = parseOptions(schema, options, 'captureEnvironment');
  const { folder = process.cwd(), signal, seeds } = asked;
  throwIfAborted(signal, 'Capturing the environment');
  const variables = readVariables(asked.variables);
  const maxDiffBytes = asked.diff ? asked.maxDiffBytes : undefined;
  const [lockfile, git] = await Promise.all([
    readLockfile(folder, signal),
    asked.git || asked.diff ? readGit({ folder, maxDiffBytes, signal }) : undefined,
  ]).catch((error: unknown) => {
    throwIfAborted(signal, 'Capturing the environment');
    throw error;
  });
  const { node, v8, uv, bun, deno } = process.versions as Readonly<Record<string, string | undefined>>;
  const [name, version] = bun ? ['bun', bun] : deno ? ['deno', deno] : ['node', node ?? ''];
  return {
    capturedAt: Date.now(),
    runtime: { name, version, ...(v8 !== undefined && { v8 }), ...(uv !== undefined && { uv }) },
    platform: { os: type(), release: release(), arch: process.arch },
    hardware: { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism(), memory: totalmem() },
    packages: readPackageVersions(folder, asked.packages),
    ...(lockfile !== undefined && { lockfile }),
    ...(git !== undefined && { git }),
    ...(asked.command && { command: readCommand() }),
    ...(asked.variables.length > 0 && { variables }),
    ...(seeds !== undefined && { seeds }),
  };
}

function readVariables(names: readonly string[]): Readonly<Record<string, string>> {
  const secret = names.find(isSecretVariable);
  if (secret !== undefined) {
    throw new FairleadError(
      'INVALID_OPTION',
      `captureEnvironment: the variable ${secret} is a secret by its name, and what is captured is kept for ever. Leave it out.`,
      { details: { field: 'variables', expected: 'names of variables that are no secret', given: secret } },
    );
  }
  const set = names.filter((name) => process.env[name] !== undefined);
  return Object.fromEntries(set.map((name) => [name, redactCode(process.env[name] as string)]));
}

/** The arguments, each without secrets; the one behind an option whose name says that it is a secret is left out. */
function readCommand(): readonly string[] {
  const [executable = '', ...rest] = process.argv;
  return [
    basename(executable),
    ...rest.map((argument, index) => {
      const before = rest[index - 1] ?? '';
      return before.startsWith('-') && isSecretVariable(before) ? redacted : redactCode(argument);
    }),
  ];
}
