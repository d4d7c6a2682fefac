import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What this machine has for computing on a graphics card, as far as files tell. */
export interface Graphics {
  /** Whether NVIDIA's driver is here, for a card or one that was passed into this container. */
  readonly nvidiaDriver: boolean;
  /** Whether there is a graphics card of any make that this system can compute on. */
  readonly card: boolean;
  /** What installs packages here, of those whose names of drivers are known. */
  readonly packageManager: 'apt-get' | 'dnf' | undefined;
}

/** Looks for graphics cards under Linux; elsewhere the system brings its own driver, and nothing is found. */
export function findGraphics(root = '/'): Graphics {
  const has = (path: string): boolean => existsSync(join(root, path));
  // Windows' subsystem for Linux reaches the card through /dev/dxg, with the libraries of Windows' own driver.
  const nvidiaDriver = ['proc/driver/nvidia/version', 'dev/nvidiactl', 'usr/lib/wsl/lib/libcuda.so.1'].some(has);
  const renderNode = entriesOf(join(root, 'dev/dri')).some((name) => name.startsWith('renderD'));
  const packageManager = has('usr/bin/apt-get') ? 'apt-get' : has('usr/bin/dnf') ? 'dnf' : undefined;
  return { nvidiaDriver, card: nvidiaDriver || renderNode || has('dev/dxg'), packageManager };
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
