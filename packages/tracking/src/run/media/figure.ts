import { invalidArgument } from '../../names';

/**
 * A figure: the text of an SVG file, a Vega-Lite specification, or an option of ECharts. The last two are plain objects;
 * NaN in them becomes `null`, a gap, since JSON has no NaN.
 */
export type Figure = string | Readonly<Record<string, unknown>>;

/** A figure as a file. */
export interface EncodedFigure {
  readonly text: string;
  readonly mediaType: string;
  readonly extensions: readonly [string, ...string[]];
}

const maxDepth = 100;

/** Checks that a value survives JSON; a figure's functions, for example, would be lost silently. */
function checkJson(value: unknown, path: string, above: readonly unknown[]): void {
  if (value === undefined || value === null || ['string', 'number', 'boolean'].includes(typeof value)) return;
  if (typeof value !== 'object')
    throw invalidArgument(path, 'a value that JSON has', value, 'Give a text or a number.');
  if (above.includes(value) || above.length > maxDepth) {
    throw invalidArgument(path, 'an object that does not contain itself', value);
  }
  for (const [key, part] of Object.entries(value)) checkJson(part, `${path}.${key}`, [...above, value]);
}

/** The number of the Vega-Lite version that a specification names; 6 where it names none. */
function vegaLiteVersion(spec: Readonly<Record<string, unknown>>): string {
  return /vega-lite\/v(\d+)/.exec(String(spec.$schema))?.[1] ?? '6';
}

/** What follows the declarations, comments and the document type at the head of an XML file. */
function rootOf(text: string): string {
  let rest = text.replace(/^\uFEFF/, '').trimStart();
  for (;;) {
    const end = rest.startsWith('<?')
      ? '?>'
      : rest.startsWith('<!--')
        ? '-->'
        : /^<!doctype/i.test(rest)
          ? '>'
          : undefined;
    if (end === undefined) return rest;
    // A document type may have a part in brackets, in which other declarations stand.
    const from = end === '>' && /^[^>]*\[/.test(rest) ? rest.indexOf(']') : 0;
    const at = from < 0 ? -1 : rest.indexOf(end, from);
    if (at < 0) return '';
    rest = rest.slice(at + end.length).trimStart();
  }
}

const vegaLiteParts = ['mark', 'layer', 'hconcat', 'vconcat', 'concat', 'facet', 'repeat', 'spec'];

/** @throws FairleadError `INVALID_ARGUMENT` for what is neither of the three */
export function encodeFigure(figure: Figure): EncodedFigure {
  if (typeof figure === 'string') {
    if (!/^<svg[\s>/]/i.test(rootOf(figure))) {
      throw invalidArgument('figure', 'an SVG file, which begins with <svg', figure.slice(0, 40));
    }
    return { text: figure, mediaType: 'image/svg+xml', extensions: ['.svg'] };
  }
  if (typeof figure !== 'object' || figure === null || Array.isArray(figure)) {
    throw invalidArgument('figure', 'the text of an SVG file, a Vega-Lite specification or an ECharts option', figure);
  }
  const isVegaLite =
    String(figure.$schema).includes('vega-lite') || vegaLiteParts.some((part) => Object.hasOwn(figure, part));
  if (!isVegaLite && !Object.hasOwn(figure, 'series')) {
    throw invalidArgument(
      'figure',
      'a Vega-Lite specification, with "$schema" or "mark", or an ECharts option, with "series"',
      `an object with ${Object.keys(figure).slice(0, 10).join(', ') || 'nothing'}`,
    );
  }
  checkJson(figure, 'figure', []);
  const text = JSON.stringify(figure);
  if (!isVegaLite) {
    return { text, mediaType: 'application/vnd.apache.echarts+json', extensions: ['.echarts.json'] };
  }
  const mediaType = `application/vnd.vegalite.v${vegaLiteVersion(figure)}+json`;
  return { text, mediaType, extensions: ['.vl.json'] };
}
