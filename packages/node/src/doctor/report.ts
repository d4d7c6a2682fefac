import { styleText } from 'node:util';
import type { Diagnosis, Finding } from './diagnose';

/** How a report looks. */
export interface ReportOptions {
  /** Whether the terminal shows colours. @default false */
  readonly colour?: boolean;
}

/** Longest line, as far as commands allow, which are never broken. */
const lineWidth = 80;
const labelWidth = 18;

type Style = 'green' | 'red' | 'dim' | 'bold' | 'cyan';
type Paint = (style: Style, text: string) => string;

/** One thing with a mark before it, and what is said about it. */
interface Entry {
  readonly mark: '✓' | '✗' | '·';
  readonly label: string;
  readonly text: string;
  readonly advice?: string | undefined;
  readonly command?: string | undefined;
}

/** A diagnosis as a person reads it in a terminal; ends with a line break. */
export function renderReport(diagnosis: Diagnosis, { colour = false }: ReportOptions = {}): string {
  // Whether there is a terminal has been decided by the caller.
  const paint: Paint = (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const { fairlead, node, platform, devices } = diagnosis;
  const sections: (readonly [title: string, entries: readonly Entry[]])[] = [
    ['Machine', [coresEntry(diagnosis), runtimeEntry(diagnosis)]],
    ['Devices', Object.entries(devices).map(([device, finding]) => entryOf(device, finding))],
    [
      'Besides',
      [
        entryOf('worker threads', diagnosis.workerLanes),
        entryOf('float16', diagnosis.float16),
        tensorflowEntry(diagnosis),
      ],
    ],
  ];
  const lines = [paint('bold', `Fairlead ${fairlead} on Node ${node}, ${platform}`)];
  for (const [title, entries] of sections) {
    lines.push('', paint('bold', title));
    for (const entry of entries) lines.push(...render(entry, paint));
  }
  return `${lines.join('\n')}\n`;
}

function coresEntry({ cores: { count, affinity, quota, sharers } }: Diagnosis): Entry {
  const bounds = [`${affinity} by affinity`];
  if (quota !== undefined) bounds.push(`${Number(quota.toFixed(2))} by quota`);
  if (sharers > 1) bounds.push(`shared by ${sharers} processes`);
  return { mark: '·', label: 'cores', text: `${count} for this process (${bounds.join(', ')})` };
}

function runtimeEntry({ onnxruntime }: Diagnosis): Entry {
  return onnxruntime === undefined
    ? { mark: '✗', label: 'onnxruntime-node', text: 'not installed' }
    : { mark: '✓', label: 'onnxruntime-node', text: onnxruntime };
}

function tensorflowEntry({ tensorflow }: Diagnosis): Entry {
  const installed = Object.entries(tensorflow).map(
    ([name, version]) => `${name.replace('@tensorflow/', '')} ${version}`,
  );
  return installed.length === 0
    ? { mark: '·', label: 'TensorFlow.js', text: 'not installed; only models of TensorFlow.js need it' }
    : { mark: '✓', label: 'TensorFlow.js', text: installed.join(', ') };
}

function entryOf(label: string, finding: Finding): Entry {
  if (finding.works) {
    const time =
      finding.ms === undefined ? 'works' : `works: a tiny model opened and ran in ${finding.ms.toFixed(0)} ms`;
    return { mark: '✓', label, text: finding.note === undefined ? time : `${time}, ${finding.note}` };
  }
  const { reason, advice, command } = finding;
  return { mark: '✗', label, text: reason, advice, command };
}

function render({ mark, label, text, advice, command }: Entry, paint: Paint): string[] {
  const indent = ' '.repeat(4 + labelWidth);
  const style = mark === '✓' ? 'green' : mark === '✗' ? 'red' : 'dim';
  const [first = '', ...rest] = wrap(text, lineWidth - indent.length);
  const lines = [`  ${paint(style, mark)} ${label.padEnd(labelWidth)}${first}`];
  lines.push(...rest.map((line) => `${indent}${line}`));
  if (advice !== undefined) {
    lines.push(...wrap(advice, lineWidth - indent.length).map((line) => `${indent}${paint('dim', line)}`));
  }
  if (command !== undefined) {
    // A command that a person copies has to be one line, so a long one begins further to the left.
    const left = Math.max(2, Math.min(indent.length, lineWidth - command.length - 2));
    lines.push(`${' '.repeat(left)}${paint('cyan', `$ ${command}`)}`);
  }
  return lines;
}

/** Breaks a text between words; what stands in backticks is one. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.match(/(?:`[^`]*`|\S)+/g) ?? []) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}
