import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { digestInputs, digestOutputs, isCurrent, removeStamp, writeStamp } from './build-stamp';
import { packageFolders, repository } from './entries';

/**
 * Builds the packages, unless what lies in `dist` is what a build would write. `--no-dts` leaves out the declarations of
 * types, which take long.
 */
const declarations = !process.argv.includes('--no-dts');

if (isCurrent(repository, packageFolders, declarations)) {
  // Whoever asks for the JavaScript alone wants what comes after it, and may print nothing else.
  if (declarations)
    console.log('The packages are built from these sources. Remove packages/*/dist to build them anew.');
} else {
  removeStamp(repository);
  const inputs = digestInputs(repository, packageFolders);
  const tsup = join(repository, 'node_modules/.bin/tsup');
  const { status } = spawnSync(tsup, declarations ? ['--silent'] : ['--silent', '--no-dts'], {
    cwd: repository,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status === 0 && inputs !== undefined) {
    // Sources that changed meanwhile have another digest by now, and are built next time.
    writeStamp(repository, { inputs, outputs: digestOutputs(repository, packageFolders), declarations });
  }
  process.exitCode = status ?? 1;
}
