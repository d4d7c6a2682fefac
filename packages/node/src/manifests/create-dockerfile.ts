import { parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { optionError } from '../option-error';
import { containerUser } from './pod';

/** Options of {@link createDockerfile}. */
export interface DockerfileOptions {
  /** The script that serves, relative to the folder that is built. @default 'server.js' */
  readonly entry?: string;
  /** Files and folders that the script needs beside it: models, its own modules. @default ['models'] */
  readonly files?: readonly string[];
  /**
   * What it is built on: an image with Node and npm on a Linux with glibc, which onnxruntime-node needs; or the archive of a
   * root that has `node` on its path, for a build that reaches no registry.
   * @default 'node:22-bookworm-slim'
   */
  readonly base?: string | { readonly archive: string };
  /**
   * Where the packages come from: `install` runs `npm ci` on the lock file in the build, without the scripts of packages;
   * `copy` takes the `node_modules` of the folder as it is.
   * @default 'install'; 'copy' for an archive
   */
  readonly packages?: 'install' | 'copy';
  /** Where `serve()` listens. 1024 to 65535. @default 8080 */
  readonly port?: number;
}

const relativePath = /^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\s"'\\$]+$/;
const path = z
  .string()
  .check(z.regex(relativePath, 'a path below the folder that is built, without spaces and quotes'));

const schema = z.strictObject({
  entry: z._default(path, 'server.js'),
  files: z._default(z.array(path), ['models']),
  base: z._default(
    z.union([z.string().check(z.regex(/^[^\s"'\\$]+$/, 'the name of an image')), z.strictObject({ archive: path })]),
    'node:22-bookworm-slim',
  ),
  packages: z.optional(z.enum(['install', 'copy'])),
  port: z._default(z.int().check(z.minimum(1024), z.maximum(65_535)), 8080),
});

/**
 * Writes the Dockerfile of a service of {@link serve}: packages in a stage of their own, so that a change of the script
 * builds fast; no root, no shell and no program between Node and SIGTERM. Any builder reads it.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createDockerfile(options: DockerfileOptions = {}): string {
  const settings = parseOptions(schema, options, 'createDockerfile');
  const { entry, files, base, port } = settings;
  const isArchive = typeof base !== 'string';
  const packages = settings.packages ?? (isArchive ? 'copy' : 'install');
  if (isArchive && packages === 'install') {
    throw optionError(
      'createDockerfile',
      'packages',
      '"copy" where the base is an archive, which has no npm',
      packages,
    );
  }
  const isInstalled = packages === 'install';
  const from = isArchive ? ['FROM scratch', `ADD ${base.archive} /`] : [`FROM ${base}`];
  const lines = [
    ...(isInstalled
      ? [
          `FROM ${base as string} AS packages`,
          'WORKDIR /app',
          'COPY package.json package-lock.json ./',
          '# Without scripts: that of onnxruntime-node would fetch the libraries of CUDA.',
          'RUN npm ci --omit=dev --ignore-scripts',
          '',
        ]
      : []),
    ...from,
    'ENV NODE_ENV=production',
    'WORKDIR /app',
    isInstalled ? 'COPY --from=packages /app/node_modules ./node_modules' : 'COPY node_modules ./node_modules',
    'COPY package.json ./',
    ...[...files, entry].map((file) => `COPY ${file} ./${file}`),
    '# No account of the machine, by number, so that Kubernetes can tell that it is not root.',
    `USER ${containerUser}:${containerUser}`,
    `EXPOSE ${port}`,
    'STOPSIGNAL SIGTERM',
    `ENTRYPOINT ["node", "${entry}"]`,
  ];
  return `${lines.join('\n')}\n`;
}
