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

  doctor     prints which devices work here, which don't, and the command that
             mends each

  --json     prints the findings as one JSON object
  --version  prints the version of @fairlead/node
  --help     prints this

Exit status: 0 when a model can be run here, 1 when it cannot, 2 for arguments
that are none of these.
`;

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
  const diagnosis = await examine();
  const colour = stdout.isTTY === true && (env.NO_COLOR ?? '') === '';
  stdout.write(parsed.json ? `${JSON.stringify(diagnosis, undefined, 2)}\n` : renderReport(diagnosis, { colour }));
  return anyDeviceWorks(diagnosis) ? 0 : 1;
}

interface Arguments {
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

/** The arguments, or what is wrong with them. */
function parse(args: readonly string[]): Arguments | string {
  const options = {
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
    version: { type: 'boolean', short: 'v', default: false },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const [command, extra] = positionals;
    if (values.help || values.version) return values;
    if (command === undefined) return 'A command is missing: expected "doctor".';
    if (command !== 'doctor') return `There is no command "${command}": expected "doctor".`;
    if (extra !== undefined) return `"${extra}" is one argument too many.`;
    return values;
  } catch (error) {
    // Of an option that does not exist, or has a value.
    return messageOf(error);
  }
}
