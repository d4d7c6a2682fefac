import { FairleadError, messageOf } from '@fairlead/core';
import * as z from 'zod/mini';
import { invalidArgument } from '../names';
import type { CardResult, ModelCard } from './model-card';

/** Most characters of a card that is read. */
const maxLength = 1_048_576;

const resultSchema = z.looseObject({
  task: z.looseObject({ type: z.string(), name: z.optional(z.string()) }),
  dataset: z.looseObject({ type: z.string(), name: z.string() }),
  metrics: z.array(z.looseObject({ type: z.string(), name: z.optional(z.string()) })),
});
const indexSchema = z.array(z.looseObject({ name: z.string(), results: z.array(resultSchema) }));

/** The package `yaml`, an optional peer. */
async function loadYaml(): Promise<typeof import('yaml')> {
  return import('yaml').catch((cause: unknown) => {
    throw new FairleadError(
      'UNSUPPORTED',
      'Model cards need the package "yaml", which is not installed. Run `npm install yaml`.',
      { cause, details: { field: 'yaml', expected: 'the package yaml', given: 'no such package' } },
    );
  });
}

/** A text that no reader takes for anything but a text, words such as `no` apart. */
const boring = /^[A-Za-z][\w ./()-]*$/;

/** Numbers that JavaScript writes without a point before their exponent. */
const pointedFloat = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  identify: (value: unknown) => typeof value === 'number' && /^-?\de/.test(String(value)),
  test: /^-?\d\.0e[-+]\d+$/,
  resolve: Number,
  stringify: ({ value }: { value?: unknown }) => String(value).replace('e', '.0e'),
};

function indexOf(results: readonly CardResult[]): { name: string; results: object[] }[] {
  const models = new Map<string, object[]>();
  for (const { model, ...result } of results) models.set(model, [...(models.get(model) ?? []), result]);
  return Array.from(models, ([name, own]) => ({ name, results: own }));
}

/**
 * A card as text: YAML front matter, then Markdown, as Hugging Face reads it. Needs the package `yaml`.
 *
 * @throws FairleadError `UNSUPPORTED` where `yaml` is not installed
 */
export async function formatModelCard({ metadata, results, body }: ModelCard): Promise<string> {
  const { Document, visit } = await loadYaml();
  const matter = { ...metadata, ...(results.length === 0 ? {} : { 'model-index': indexOf(results) }) };
  const document = new Document(matter, {
    aliasDuplicateObjects: false,
    // For Python's reader, to which the language `no` is false and `1e-7` a text.
    compat: 'yaml-1.1',
    customTags: (tags) => [pointedFloat, ...tags],
  });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && !boring.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  // A text of several lines, quoted into one, cannot end the front matter.
  const yaml = document
    .toString({ lineWidth: 0, blockQuote: false })
    // Ends of lines to YAML 1.1, which stand in quotes only.
    .replace(/[\u0085\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `---\n${Object.keys(matter).length === 0 ? '' : yaml}---\n\n${body}`;
}

function wrong(field: string, problem: string, cause?: unknown): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', `The model card cannot be read: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { field, expected: 'Markdown with YAML front matter' },
  });
}

function textOf(card: string | Uint8Array): string {
  if (typeof card === 'string') return card;
  if (!(card instanceof Uint8Array)) throw invalidArgument('card', 'a string or a Uint8Array', card);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(card);
  } catch (cause) {
    throw wrong('card', 'its bytes are no UTF-8.', cause);
  }
}

/**
 * Reads a card, such as the sidecar `card` of a version, or one of Hugging Face. Text without front matter is all body.
 * Needs the package `yaml`.
 *
 * @param card its text, or the bytes of that in UTF-8; at most 1,048,576 characters
 * @throws FairleadError `INVALID_ARGUMENT` that says where it is wrong, `LIMIT_EXCEEDED`, `UNSUPPORTED`
 */
export async function parseModelCard(card: string | Uint8Array): Promise<ModelCard> {
  const text = textOf(card).replace(/^\uFEFF/, '');
  if (text.length > maxLength) {
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `The model card has ${text.length} characters; ${maxLength} is the most.`,
      {
        details: { field: 'card', expected: `at most ${maxLength} characters`, given: `${text.length} characters` },
      },
    );
  }
  const lines = /^---[ \t]*\r?\n([\s\S]*?)(?<=\n)---[ \t]*(?:\r?\n|$)/.exec(text);
  if (lines === null) {
    if (/^---[ \t]*\r?\n/.test(text)) throw wrong('metadata', 'its front matter begins with --- and never ends.');
    return { metadata: {}, results: [], body: text };
  }
  const { metadata, index } = await readMatter(lines[1] ?? '');
  return { metadata, results: readIndex(index), body: text.slice(lines[0].length).replace(/^\r?\n/, '') };
}

async function readMatter(yaml: string): Promise<{ metadata: Record<string, unknown>; index: unknown }> {
  const { parseDocument } = await loadYaml();
  let matter: unknown;
  try {
    const document = parseDocument(yaml, { schema: 'core', prettyErrors: true, logLevel: 'silent' });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    matter = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw wrong('metadata', `its front matter is no YAML: ${messageOf(cause)}`, cause);
  }
  if (matter === null || matter === undefined) return { metadata: {}, index: undefined };
  if (typeof matter !== 'object' || Array.isArray(matter)) {
    throw wrong('metadata', 'its front matter is no mapping of names to values.');
  }
  const { 'model-index': index, ...metadata } = matter as Record<string, unknown>;
  return { metadata, index };
}

function readIndex(index: unknown): CardResult[] {
  if (index === undefined || index === null) return [];
  const parsed = indexSchema.safeParse(index);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = ['model-index', ...(issue?.path ?? []).map(String)].join('.');
    throw wrong(path, `"${path}" is not as Hugging Face has it (${issue?.message ?? 'wrong'}).`);
  }
  return parsed.data.flatMap(({ name, results }) =>
    results.map((result) => {
      const metrics = result.metrics.map((metric) => ({ ...metric, value: metric.value }));
      return { ...result, model: name, metrics } as CardResult;
    }),
  );
}
