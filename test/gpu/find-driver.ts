import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { findBrowser } from '../browser/find-browser';

/** Folders of Chromium and Chrome on common systems; each brings a Vulkan driver that computes on the CPU. */
const usualFolders = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];
const description = 'vk_swiftshader_icd.json';

/** What a person reads when there is no driver. */
export const noDriver =
  'No Vulkan driver was found, so nothing was tried on WebGPU. Install Chromium, which brings one that computes on the CPU (Debian: `apt-get install chromium`), or set FAIRLEAD_TEST_DEVICES=webgpu where the system has a driver.';

/**
 * The variables with which a new process computes WebGPU on the CPU, by the driver that comes with Chromium; undefined
 * without one. They have to be set before a process starts, since that is when its libraries are looked up.
 */
export function softwareDriver(): Readonly<Record<string, string>> | undefined {
  if (process.platform !== 'linux') return undefined;
  const browser = findBrowser();
  const folders = browser === undefined ? usualFolders : [dirname(realpathSync(browser)), ...usualFolders];
  const folder = folders.find((path) => existsSync(join(path, description)));
  if (folder === undefined) return undefined;
  // Vulkan's loader lies beside it, for systems that have none.
  const libraries = [process.env.LD_LIBRARY_PATH ?? '', folder].filter((path) => path !== '').join(delimiter);
  return { VK_ICD_FILENAMES: join(folder, description), LD_LIBRARY_PATH: libraries };
}
