import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import { findBrowser, noBrowser } from '../../test/browser/find-browser';
import { buildPage, removePage } from '../../test/browser/site';
import type { BenchPage } from './page/main';
import { type BenchSite, serveBench } from './site';

/** A tab on the page that measures. */
export interface Tab {
  /** Calls a function of the page. */
  call<K extends FunctionName>(name: K, ...args: Parameters<BenchPage[K]>): Promise<Awaited<ReturnType<BenchPage[K]>>>;
  close(): Promise<void>;
}

type FunctionName = Exclude<keyof BenchPage, 'isolated'>;

/** Chromium with a page of the built packages. */
export interface OpenedBrowser {
  readonly site: BenchSite;
  /** What a reader of the figures has to know. */
  readonly description: string;
  /** Opens the page in a new tab. */
  openTab(): Promise<Tab>;
  close(): Promise<void>;
}

const launchArguments = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A tab that measures is never treated as one that nobody looks at.
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
];

/**
 * Builds the page, serves it and starts the machine's Chromium, with a profile on the disk, as a visitor has it.
 * @throws Error where there is none
 */
export async function openBrowser(): Promise<OpenedBrowser> {
  const executablePath = findBrowser();
  if (executablePath === undefined) throw new Error(noBrowser);
  const folder = await buildPage('es', fileURLToPath(new URL('./page', import.meta.url)));
  const profile = await mkdtemp(join(tmpdir(), 'fairlead-bench-profile-'));
  const site = await serveBench(folder);
  const removeAll = async (): Promise<void> => {
    await site.close();
    removePage(folder);
    await rm(profile, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const context = await chromium.launchPersistentContext(profile, { executablePath, args: launchArguments });
    const version = context.browser()?.version() ?? 'of an unknown version';
    return {
      site,
      description: `Chromium ${version}, headless, on ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'})`,
      async openTab() {
        const page = await context.newPage();
        await page.goto(site.origin);
        if (!(await page.evaluate(() => globalThis.bench.isolated))) {
          throw new Error('The page is not cross-origin isolated, and its clock too coarse to measure with.');
        }
        return tabOf(page);
      },
      async close() {
        await context.close();
        await removeAll();
      },
    };
  } catch (error) {
    await removeAll();
    throw error;
  }
}

function tabOf(page: Page): Tab {
  return {
    call: (name, ...args) =>
      page.evaluate(
        ([method, values]) => (globalThis.bench[method] as (...all: never) => never)(...(values as never)),
        [name, args] as const,
      ) as never,
    close: () => page.close(),
  };
}
