/** Where a command writes, and what it knows of its terminal and the machine. */
export interface CommandIo {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  /**
   * Aborted when the command is to end, by Ctrl-C for example. A command that goes on until then closes what it opened
   * and answers its exit status.
   */
  readonly signal: AbortSignal;
}

/** A subcommand of `fairlead-tracking`. */
export interface Command {
  /** What it is called by. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Its arguments and options as `--help` prints them, without the program's name: lines of at most 80 characters. */
  readonly usage: string;
  /**
   * @param args the arguments after the command's name
   * @returns the exit status: 0 when it did what it was asked, 1 when it could not, 2 for arguments that cannot be used
   * @throws UsageError for arguments that cannot be used; any other error is printed, and the status is 1
   */
  run(args: readonly string[], io: CommandIo): Promise<number>;
}

/** Arguments that cannot be used. The command line prints the message and how the command is used, and ends with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
