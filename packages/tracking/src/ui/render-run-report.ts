import { createHash } from 'node:crypto';
import { parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { toText } from '../embedded/event-codec';
import { invalidArgument } from '../names';
import type { Tracker } from '../tracker';
import { contentTypeOf } from './artifact-response';
import { escapeHtml, pageFrame, readPageFiles } from './page-files';
import type { ReportData } from './report-data';
import { historiesOf, lineageAnswer, runAnswer } from './run-answers';

/** Options of {@link renderRunReport}. */
export interface RunReportOptions {
  /** Heading of the page. @default the run's name, or how many runs there are */
  readonly title?: string;
  /** Most points of a line; the smallest and largest of each stretch stay. 4 or more. @default 800 */
  readonly maxPoints?: number;
  /** Bytes of images, tables, texts and figures that are put into the page, in all. 0 puts none in. @default 8388608 (8 MiB) */
  readonly maxArtifactBytes?: number;
}

const optionsSchema = z.strictObject({
  title: z.optional(z.string().check(z.minLength(1))),
  maxPoints: z._default(z.int().check(z.minimum(4), z.maximum(100_000)), 800),
  maxArtifactBytes: z._default(z.int().check(z.minimum(0)), 8 * 1024 * 1024),
});

/** The artifacts that can be shown, as data URLs by run and name, until their bytes are too many. */
async function inlineArtifacts(tracker: Tracker, ids: readonly string[], maxBytes: number) {
  const inlined: Record<string, string> = {};
  let left = maxBytes;
  for (const id of ids) {
    for (const artifact of (await tracker.getRun(id)).artifacts) {
      const type = contentTypeOf(artifact.name, artifact.mediaType);
      if (type === 'application/octet-stream' || artifact.size > left) continue;
      const bytes = await artifact.read();
      left -= bytes.byteLength;
      const plain = type.split(';')[0] as string;
      inlined[`${id}/${artifact.name}`] = `data:${plain};base64,${Buffer.from(bytes).toString('base64')}`;
    }
  }
  return inlined;
}

/** JSON as it may stand in a script element: no text of it can end the element or begin a comment. */
function scriptData(value: unknown): string {
  return toText(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029');
}

function sourceHash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/**
 * Renders one run, or several side by side, as one HTML file that asks for nothing else: no server, no network. Its script
 * is pinned by a content security policy.
 *
 * @param ids one run, or up to 100 to compare
 * @returns the file's text
 * @throws FairleadError `NOT_FOUND`, `INVALID_ARGUMENT`, `INVALID_OPTION`; `UNSUPPORTED` where the page was not built
 */
export async function renderRunReport(
  tracker: Tracker,
  ids: readonly string[],
  options: RunReportOptions = {},
): Promise<string> {
  const { title, maxPoints, maxArtifactBytes } = parseOptions(optionsSchema, options, 'renderRunReport');
  if (!Array.isArray(ids) || ids.length === 0) throw invalidArgument('ids', 'a list of 1 to 100 ids of runs', ids);
  const comparison = await tracker.compare(ids);
  const runs = await Promise.all(ids.map((id) => runAnswer(tracker, id)));
  const heading = title ?? (runs.length === 1 ? (runs[0]?.run.name ?? '') : `${runs.length} runs compared`);
  const data: ReportData = {
    title: heading,
    runs,
    lineages: Object.fromEntries(await Promise.all(ids.map(async (id) => [id, await lineageAnswer(tracker, id)]))),
    comparison,
    histories: await historiesOf(tracker, ids, undefined, maxPoints),
    artifacts: await inlineArtifacts(tracker, ids, maxArtifactBytes),
  };
  const files = await readPageFiles();
  const script = files.script.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');
  const policy = `default-src 'none'; script-src ${sourceHash(script)}; style-src ${sourceHash(files.style)}; img-src data:; base-uri 'none'; form-action 'none'`;
  return pageFrame({
    title: heading,
    head: `<meta http-equiv="content-security-policy" content="${escapeHtml(policy)}">\n<style>${files.style}</style>`,
    body: `<script type="application/json" id="report">${scriptData(data)}</script>\n<script type="module">${script}</script>`,
  });
}
