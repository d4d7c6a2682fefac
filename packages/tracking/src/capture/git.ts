import { execFile } from 'node:child_process';
import { messageOf } from '@fairlead/core';
import { redacted } from '../secrets';
import { isSecretFile, redactCode } from './redact';

/** What Git knows of a folder. */
export interface GitState {
  /** The commit, 40 or 64 hexadecimal digits; absent in a repository without one. */
  readonly commit?: string;
  /** Absent where no branch is checked out. */
  readonly branch?: string;
  /** The address of the remote `origin`, without credentials; absent where there is none. */
  readonly remote?: string;
  /** Whether tracked files differ from the commit, or untracked ones lie about that Git does not ignore. */
  readonly dirty: boolean;
  /** How tracked files differ from the commit; only where it was asked for. */
  readonly diff?: GitDiff;
}

/** A difference, without secrets. */
export interface GitDiff {
  readonly text: string;
  /** Whether it was cut because it was too long. */
  readonly truncated: boolean;
}

/** How Git is asked. */
export interface GitOptions {
  readonly folder: string;
  /** Whether to take the difference as well, and of how many bytes at most. */
  readonly maxDiffBytes: number | undefined;
  readonly signal: AbortSignal | undefined;
}

const timeoutMs = 10_000;
const maxOutputBytes = 64 * 1024 * 1024;

/** The repository's own configuration must not have other programs run, nor wait for anybody. */
const quiet = [
  '-c',
  'core.fsmonitor=false',
  '-c',
  'core.hooksPath=/dev/null',
  '-c',
  'core.pager=cat',
  '--no-optional-locks',
];

function git({ folder, signal }: GitOptions, args: readonly string[]): Promise<string> {
  const env = { ...process.env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' };
  const options = {
    cwd: folder,
    env,
    timeout: timeoutMs,
    maxBuffer: maxOutputBytes,
    encoding: 'utf8',
    signal,
  } as const;
  return new Promise((resolve, reject) => {
    execFile('git', [...quiet, ...args], options, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
}

/** The answer, trimmed; `undefined` where Git refuses, as for what is not set. */
async function ask(options: GitOptions, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await git(options, args)).trim() || undefined;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    return undefined;
  }
}

/**
 * What Git knows of a folder, or why it knows nothing: there is no Git, or the folder is no working tree.
 */
export async function readGit(options: GitOptions): Promise<GitState | { readonly missing: string }> {
  try {
    await git(options, ['rev-parse', '--is-inside-work-tree']);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return {
      missing: isAbsent ? 'git is not installed' : (messageOf(error).split('\n').at(-2) ?? 'not in a Git working tree'),
    };
  }
  const [commit, branch, remote, status] = await Promise.all([
    ask(options, ['rev-parse', '--verify', '--quiet', 'HEAD']),
    ask(options, ['symbolic-ref', '--quiet', '--short', 'HEAD']),
    ask(options, ['remote', 'get-url', 'origin']),
    ask(options, ['status', '--porcelain', '--untracked-files=normal', '--ignore-submodules=dirty']),
  ]);
  const diff =
    options.maxDiffBytes === undefined || commit === undefined
      ? undefined
      : await git(options, ['diff', '--no-color', '--no-ext-diff', '--no-textconv', 'HEAD']);
  return {
    ...(commit !== undefined && { commit }),
    ...(branch !== undefined && { branch }),
    ...(remote !== undefined && { remote: withoutCredentials(remote) }),
    dirty: status !== undefined,
    ...(diff !== undefined && { diff: cutDiff(redactDiff(diff), options.maxDiffBytes ?? 0) }),
  };
}

function withoutCredentials(remote: string): string {
  return remote.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1');
}

/** Takes secrets out of a difference, and what changed in files that are known to hold some. */
export function redactDiff(diff: string): string {
  return diff
    .split(/^(?=diff --git )/m)
    .map((part) => {
      const path = /^diff --git "?a\/(.+?)"? "?b\//.exec(part)?.[1];
      if (path === undefined || !isSecretFile(path)) return redactCode(part);
      return `${part.slice(0, part.indexOf('\n') + 1)}${redacted}: a file that may hold secrets\n`;
    })
    .join('');
}

/** Cuts a difference after its last whole line within so many bytes. */
export function cutDiff(diff: string, maxBytes: number): GitDiff {
  const bytes = Buffer.from(diff);
  if (bytes.byteLength <= maxBytes) return { text: diff, truncated: false };
  const end = bytes.lastIndexOf(0x0a, maxBytes - 1) + 1;
  const left = bytes.byteLength - end;
  return { text: `${bytes.subarray(0, end).toString()}[${left} bytes more were left out]\n`, truncated: true };
}
