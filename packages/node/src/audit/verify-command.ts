import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { FairleadError, messageOf } from '@fairlead/core';
import type { ChainPosition } from './chain';
import type { AuditedDecision } from './decision';
import type { AuditHead } from './sink';
import { type AuditReport, type VerifyAuditOptions, verifyAuditLog } from './verify';

/** Where a command writes. */
interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const usage = `Usage: fairlead-node verify-audit FILE... [options]

Verifies an audit log of @fairlead/node/audit, given all of its files in any
order, and prints the first line that was changed, or is missing.

  --public-key FILE  checks signatures by an Ed25519 public key in PEM
  --hmac-key FILE    checks signatures by a secret
  --head FILE        a head that was kept elsewhere, instead of LOG.head
  --from-rotated     the first files may be missing
  --no-head          there may be no head; then the end is not proved
  --decisions        prints what rollouts decided, by whom and why
  --json             prints the report as one JSON object

Exit status: 0 when the log is whole, 1 when not, 2 for wrong arguments.
`;

/**
 * The command `verify-audit`.
 * @returns the exit status
 */
export async function verifyAuditCommand(args: readonly string[], { stdout, stderr }: Output): Promise<number> {
  let wanted: Wanted;
  try {
    wanted = await parse(args);
  } catch (error) {
    stderr.write(`${messageOf(error)}\n\n${usage}`);
    return 2;
  }
  if (wanted.help) {
    stdout.write(usage);
    return 0;
  }
  try {
    const told: ToldDecision[] = [];
    const onDecision = (decision: AuditedDecision, { seq }: ChainPosition): void =>
      void told.push({ seq, ...decision });
    const options = wanted.decisions ? { ...wanted.options, onDecision } : wanted.options;
    const report = await verifyAuditLog(wanted.files, options);
    if (wanted.json) {
      const all = wanted.decisions ? { ...report, decisionLines: told } : report;
      stdout.write(`${JSON.stringify(all, undefined, 2)}\n`);
    } else {
      stdout.write(`${told.map(renderDecision).join('')}${render(report)}`);
    }
    return report.ok ? 0 : 1;
  } catch (error) {
    stderr.write(`${messageOf(error)}\n`);
    return FairleadError.isInstance(error, 'INVALID_OPTION') ? 2 : 1;
  }
}

/** A decision with the number of its line. */
type ToldDecision = AuditedDecision & { readonly seq: number };

interface Wanted {
  readonly files: readonly string[];
  readonly options: VerifyAuditOptions;
  readonly json: boolean;
  readonly decisions: boolean;
  readonly help: boolean;
}

async function parse(args: readonly string[]): Promise<Wanted> {
  const flag = { type: 'boolean', default: false } as const;
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      'public-key': text,
      'hmac-key': text,
      head: text,
      'from-rotated': flag,
      'no-head': flag,
      json: flag,
      decisions: flag,
      help: { ...flag, short: 'h' },
    },
  });
  const { 'public-key': publicKey, 'hmac-key': hmacKey, head, json, decisions, help } = values;
  if (publicKey !== undefined && hmacKey !== undefined) throw new Error('Give --public-key or --hmac-key, not both.');
  // A shell that is told `calls.jsonl*` names these too.
  const files = positionals.filter((file) => !/\.(head|head\.tmp|lock)$/.test(file));
  if (files.length === 0 && !help) throw new Error('The file of the log is missing, such as ./audit/calls.jsonl.');
  const options: VerifyAuditOptions = {
    ...(publicKey !== undefined && { key: { ed25519: await readFile(publicKey, 'utf8') } }),
    ...(hmacKey !== undefined && { key: { hmac: await readFile(hmacKey) } }),
    ...(head !== undefined && { head: parseHead(await readFile(head, 'utf8')) }),
    allowMissingStart: values['from-rotated'],
    allowMissingHead: values['no-head'],
  };
  return { files, options, json, decisions, help };
}

function parseHead(text: string): AuditHead {
  const head = JSON.parse(text) as Partial<AuditHead> | null;
  if (typeof head?.seq !== 'number' || typeof head.hash !== 'string')
    throw new Error('--head is no head of an audit log.');
  return head as AuditHead;
}

function render({ ok, lines, calls, decisions, dropped, torn, end, closed, signedTo, broken }: AuditReport): string {
  const rows = [
    ok ? '✓ The log is whole.' : `✗ ${broken?.file}:${broken?.line}: ${broken?.reason}`,
    `  ${lines} good lines, ${calls} calls, ${decisions} decisions, to line ${end.seq} (${end.hash.slice(0, 16)}…)`,
    ...(signedTo === undefined ? [] : [`  signed to line ${signedTo}`]),
    ...(torn === 0 ? [] : [`  ${torn} lines that a crash cut short`]),
    ...(dropped === 0 ? [] : [`  ${dropped} calls or decisions that were not recorded, as the log says`]),
    ...(closed || !ok ? [] : ['  not closed: in use, or ended by a crash']),
  ];
  return `${rows.join('\n')}\n`;
}

/** A decision in two lines. What the file says is somebody else's text: nothing in it may steer a terminal. */
function renderDecision({
  seq,
  decidedAt,
  rollout,
  decision,
  actor,
  reason,
  from,
  to,
  evidence,
  found,
}: ToldDecision): string {
  const verdicts = (Array.isArray(evidence) ? evidence : []).map(({ arm, verdict, requests }) => {
    return `${arm}: ${verdict} after ${requests} requests`;
  });
  const head = `line ${seq}  ${decidedAt}  ${rollout}: ${decision} (${from} → ${to}) by ${actor}${found ? ', before this log' : ''}`;
  return [head, `  ${reason}`, ...verdicts.map((verdict) => `  ${verdict}`)]
    .map((line) => `${printable(line)}\n`)
    .join('');
}

function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
}
