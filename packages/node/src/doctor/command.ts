import { parseArgs } from 'node:util';
import { messageOf } from '@fairlead/core';
import { installedVersion } from '../machine/installed';
import { anyDeviceWorks, type Diagnosis, diagnose } from './diagnose';
import { renderReport } from './report';

/** Where a command writes, and what it knows of its terminal. */
export interface CommandOutput {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
}

const usage = `Usage: fairlead-node doctor [--json]
       fairlead-node check-server <url> [--model NAME] [--header H]... [--json]
       fairlead-node manifests --name NAME --image IMAGE [--kserve] [--out DIR]
       fairlead-node create-key [--help]
       fairlead-node verify-audit FILE... [--help]

  doctor        prints which devices work here, which don't, and the command
                that mends each
  check-server  tries a server, ours or any other, against the Open Inference
                Protocol v2 over REST, and prints which rules it keeps
  manifests     prints what Kubernetes or KServe need to run a service, and its
                Dockerfile; manifests --help tells all of its options
  create-key    makes an API key for a server's guard
  verify-audit  finds out whether an audit log is whole and as it was written

  --model NAME  the model to ask; without it, the first that the server lists
  --header H    a header of every request, such as 'authorization: Bearer KEY'
  --json        prints the findings as one JSON object
  --version     prints the version of @fairlead/node
  --help        prints this

Exit status: 0 when a model can be run here, or every rule is kept; 1 when not;
2 for arguments that are none of these.
`;

type OwnCommand = (args: readonly string[], output: Omit<CommandOutput, 'env'>) => Promise<number>;

/** Commands that read their arguments themselves. */
const ownCommands: Readonly<Record<string, () => Promise<OwnCommand>>> = {
  'create-key': async () => (await import('../auth/create-key-command')).createKeyCommand,
  manifests: async () => (await import('../manifests/command')).runManifestsCommand,
  'verify-audit': async () => (await import('../audit/verify-command')).verifyAuditCommand,
};

/**
 * What `fairlead-node` does.
 *
 * @param args the arguments after the script's own path
 * @param examine for tests
 * @returns the exit status: 0 when a device works, 1 when none does, 2 for wrong arguments
 */
export async function runCommand(
  args: readonly string[],
  { stdout, stderr, env }: CommandOutput,
  examine: () => Promise<Diagnosis> = diagnose,
): Promise<number> {
  const [command = '', ...rest] = args;
  const own = Object.hasOwn(ownCommands, command) ? ownCommands[command] : undefined;
  if (own !== undefined) return (await own())(rest, { stdout, stderr });
  const parsed = parse(args);
  if (typeof parsed === 'string') {
    stderr.write(`${parsed}\n\n${usage}`);
    return 2;
  }
  if (parsed.help) {
    stdout.write(usage);
    return 0;
  }
  if (parsed.version) {
    stdout.write(`${installedVersion('@fairlead/node') ?? 'unknown'}\n`);
    return 0;
  }
  const colour = stdout.isTTY === true && (env.NO_COLOR ?? '') === '';
  const write = (found: object, text: () => string): void => {
    stdout.write(parsed.json ? `${JSON.stringify(found, undefined, 2)}\n` : text());
  };
  if (parsed.url !== undefined) {
    const { checkServer, renderServerReport } = await import('../server/check/index');
    const { model, header = [] } = parsed;
    const headers = Object.fromEntries(header.map(splitHeader));
    const report = await checkServer(parsed.url, { headers, ...(model !== undefined && { model }) });
    write(report, () => renderServerReport(report, colour));
    return report.passes ? 0 : 1;
  }
  const diagnosis = await examine();
  write(diagnosis, () => renderReport(diagnosis, { colour }));
  return anyDeviceWorks(diagnosis) ? 0 : 1;
}

interface Arguments {
  /** Of the server to check; undefined for the doctor. */
  readonly url?: string | undefined;
  readonly model?: string | undefined;
  /** `name: value`, checked. */
  readonly header?: string[] | undefined;
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

/** The name and the value of a header, as they are written in HTTP. */
function splitHeader(text: string): [name: string, value: string] {
  const colon = text.indexOf(':');
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}

const commands = '"doctor", "check-server", "manifests", "create-key" or "verify-audit"';

/** The arguments, or what is wrong with them. */
function parse(args: readonly string[]): Arguments | string {
  const options = {
    json: { type: 'boolean', default: false },
    model: { type: 'string' },
    header: { type: 'string', multiple: true },
    help: { type: 'boolean', short: 'h', default: false },
    version: { type: 'boolean', short: 'v', default: false },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const [command, ...rest] = positionals;
    if (values.help || values.version) return values;
    if (command === undefined) return `A command is missing: expected ${commands}.`;
    if (command !== 'doctor' && command !== 'check-server')
      return `There is no command "${command}": expected ${commands}.`;
    const [url, extra] = command === 'doctor' ? [undefined, ...rest] : rest;
    if (extra !== undefined) return `"${extra}" is one argument too many.`;
    if (command === 'doctor' && values.model !== undefined) return 'The doctor takes no --model.';
    if (command === 'doctor' && values.header !== undefined) return 'The doctor takes no --header.';
    // Without the text, which may be a secret.
    if (values.header?.some((text) => !/^[^\s:]+:/.test(text)))
      return "A --header is none. Expected a name, a colon and a value, such as 'authorization: Bearer KEY'.";
    if (command === 'check-server' && url === undefined)
      return 'The address of the server is missing, such as http://127.0.0.1:8080.';
    return { ...values, url };
  } catch (error) {
    // Of an option that does not exist, or has a value.
    return messageOf(error);
  }
}
