import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { FairleadError, messageOf } from '@fairlead/core';

/** What the build makes of the folder `page`: one script, one style. */
export interface PageFiles {
  readonly script: string;
  readonly style: string;
}

/** Beside the built module, or, where the sources are run, in the build. */
const folders = ['./page/', '../../dist/page/'].map((path) => new URL(path, import.meta.url));

/**
 * Reads the built page.
 * @throws FairleadError `UNSUPPORTED` where it was not built
 */
export async function readPageFiles(): Promise<PageFiles> {
  const folder = folders.find((url) => existsSync(fileURLToPath(new URL('main.js', url))));
  try {
    if (folder === undefined) throw new Error('main.js is in none of the folders where it may be');
    const [script, style] = await Promise.all(
      ['main.js', 'main.css'].map((name) => readFile(new URL(name, folder), 'utf8')),
    );
    return { script: script as string, style: style as string };
  } catch (error) {
    throw new FairleadError(
      'UNSUPPORTED',
      `The page of @fairlead/tracking is missing (${messageOf(error)}). Install the package again, or in its repository run \`npm run build\`.`,
      { cause: error, details: { field: 'page', expected: 'dist/page/main.js and main.css', given: 'none' } },
    );
  }
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it may stand in HTML and in a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character] as string);
}

/** The icon: a ring, which is what a fairlead is. */
const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Ccircle cx='16' cy='16' r='10' fill='none' stroke='%232f6fed' stroke-width='6'/%3E%3C/svg%3E";

/** The frame of the page. @param head, body HTML, already safe */
export function pageFrame({ title, head, body }: { title: string; head: string; body: string }): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${icon}">
${head}
</head>
<body>
<div id="app"></div>
<noscript>This page is drawn by a script. Allow scripts for it.</noscript>
${body}
</body>
</html>
`;
}
