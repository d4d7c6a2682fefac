/** A sample as the tests read it back. */
export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar?: ReadExemplar;
}

/** An exemplar as the tests read it back. */
export interface ReadExemplar {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly timestamp: number;
}

/** A family as the tests read it back. */
export interface ReadFamily {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly help: string;
  readonly samples: ReadSample[];
}

const suffixesOf: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_count', '_sum', '_created'],
  gaugehistogram: ['_bucket', '_gcount', '_gsum'],
  summary: ['', '_count', '_sum', '_created'],
  info: ['_info'],
  stateset: [''],
};

const pairs = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"`;
const sampleLine = new RegExp(
  String.raw`^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{(${pairs}(?:,${pairs})*)\})? (\S+)(?: # \{((?:${pairs}(?:,${pairs})*)?)\} (\S+) (\S+))?$`,
);
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)/gy;

function unescapeText(text: string): string {
  return text.replace(/\\([\\n"])/g, (_, character: string) => (character === 'n' ? '\n' : character));
}

function readValue(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  if (text === 'NaN') return Number.NaN;
  if (!/^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(text)) throw new Error(`not a number: ${text}`);
  return Number(text);
}

function readLabels(block: string, line: string): Record<string, string> {
  const found = Array.from(block.matchAll(label), ([, key = '', text = '']) => [key, unescapeText(text)] as const);
  const labels: Record<string, string> = Object.fromEntries(found);
  if (Object.keys(labels).length !== found.length) throw new Error(`a label twice: ${line}`);
  return labels;
}

function readSample(line: string): ReadSample {
  const match = sampleLine.exec(line);
  if (match === null) throw new Error(`not a sample: ${line}`);
  const [, name = '', block = '', value = '', about, exemplarValue = '', timestamp = ''] = match;
  const sample = { name, labels: readLabels(block, line), value: readValue(value) };
  if (about === undefined) return sample;
  if (!/_(total|bucket)$/.test(name)) throw new Error(`no place for an exemplar: ${line}`);
  const exemplar = {
    labels: readLabels(about, line),
    value: readValue(exemplarValue),
    timestamp: readValue(timestamp),
  };
  const length = Object.entries(exemplar.labels).reduce((sum, pair) => sum + [...pair.join('')].length, 0);
  if (length > 128) throw new Error(`an exemplar of ${length} code points: ${line}`);
  if (
    name.endsWith('_bucket') &&
    sample.labels.le !== undefined &&
    exemplar.value > readValue(sample.labels.le.replace(/\.0$/, ''))
  )
    throw new Error(`an exemplar outside its bucket: ${line}`);
  return { ...sample, exemplar };
}

/**
 * Reads OpenMetrics 1.0 text strictly, for tests: throws unless every family has TYPE, UNIT (where it has one) and HELP in
 * that order and once, samples stand under their family and once, and the text ends with `# EOF`.
 */
export function readOpenMetrics(text: string): ReadFamily[] {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.pop() !== '# EOF') throw new Error('no "# EOF" line at the end');
  const families = new Map<string, ReadFamily>();
  const seen = new Set<string>();
  let index = 0;
  while (index < lines.length) {
    const head = /^# TYPE (\S+) ([a-z]+)$/.exec(lines[index++] ?? '');
    if (head === null) throw new Error(`expected TYPE: ${lines[index - 1]}`);
    const [, name = '', type = ''] = head;
    const unit = /^# UNIT (\S+) (\S+)$/.exec(lines[index] ?? '');
    if (unit !== null) index++;
    if (unit !== null && unit[1] !== name) throw new Error(`UNIT of another family: ${lines[index - 1]}`);
    const help = /^# HELP (\S+) ((?:[^"\\\n]|\\[\\n"])+)$/.exec(lines[index++] ?? '');
    if (help?.[1] !== name) throw new Error(`expected HELP of ${name}: ${lines[index - 1]}`);
    if (families.has(name)) throw new Error(`family twice: ${name}`);
    const samples: ReadSample[] = [];
    for (let line = lines[index]; line !== undefined && !line.startsWith('#'); line = lines[++index]) {
      const sample = readSample(line);
      const allowed = (suffixesOf[type] ?? []).map((suffix) => name + suffix);
      if (!allowed.includes(sample.name)) throw new Error(`${sample.name} does not belong to ${type} ${name}`);
      const identity = identityOf(sample);
      if (seen.has(identity)) throw new Error(`sample twice: ${line}`);
      seen.add(identity);
      samples.push(sample);
    }
    families.set(name, { name, type, unit: unit?.[2] ?? '', help: unescapeText(help[2] ?? ''), samples });
  }
  return [...families.values()];
}

/** A sample's name and labels as one text, whatever the order of the labels. */
export function identityOf({ name, labels }: Pick<ReadSample, 'name' | 'labels'>): string {
  return JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
