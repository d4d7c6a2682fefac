import { messageOf } from '@fairlead/core';
import { type Command, type CommandIo, UsageError } from './command';

const program = 'fairlead-tracking';

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`);
  return `Usage: ${program} <command> [options]

${lines.join('\n')}

  ${program} <command> --help   prints how a command is used
  ${program} --version          prints the version of @fairlead/tracking

Exit status: 0 when the command did what it was asked, 1 when it could not, 2 for
arguments that cannot be used.
`;
}

function usageOf({ name, summary, usage }: Command): string {
  return `Usage: ${program} ${name} ${usage.trimEnd()}\n\n${summary}\n`;
}

/** The command whose name is nearest to a mistyped one, where one is near. */
function nearest(name: string, commands: readonly Command[]): string {
  const found = commands.find((command) => command.name.startsWith(name.slice(0, 2)));
  return found === undefined ? '' : ` Did you mean "${found.name}"?`;
}

/**
 * What `fairlead-tracking` does.
 *
 * @param args the arguments after the script's own path
 * @param version of this package
 * @returns the exit status: 0 when the command did what it was asked, 1 when it could not, 2 for wrong arguments
 */
export async function runCommandLine(
  args: readonly string[],
  commands: readonly Command[],
  version: string,
  io: CommandIo,
): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h' || name === 'help') {
    io.stdout.write(overview(commands));
    return 0;
  }
  if (name === '--version' || name === '-v') {
    io.stdout.write(`${version}\n`);
    return 0;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) {
    const what =
      name === undefined
        ? 'A command is missing.'
        : name.startsWith('-')
          ? `There is no option "${name}" before a command.`
          : `There is no command "${name}".${nearest(name, commands)}`;
    io.stderr.write(`${what}\n\n${overview(commands)}`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    io.stdout.write(usageOf(command));
    return 0;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    if (error instanceof UsageError) {
      io.stderr.write(`${error.message}\n\n${usageOf(command)}`);
      return 2;
    }
    io.stderr.write(`${program} ${command.name}: ${messageOf(error)}\n`);
    return 1;
  }
}
