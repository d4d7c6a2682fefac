import { spawn } from 'node:child_process';
import { serveUi } from '../ui/serve-ui';
import type { Command, CommandIo } from './command';
import { openStore, storeOption, storeUsage } from './open-store';
import { parseArguments, wholeNumberOf } from './parse-arguments';

/** Opens an address in the user's browser. That it cannot is no failure: the address was printed. */
function openBrowser(url: string, { stderr }: CommandIo): void {
  const [command, args]: [string, string[]] =
    process.platform === 'darwin'
      ? ['open', [url]]
      : process.platform === 'win32'
        ? ['cmd', ['/c', 'start', '', url]]
        : ['xdg-open', [url]];
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  child.on('error', () => stderr.write(`No browser could be started. Open ${url} yourself.\n`));
  child.unref();
}

/** Resolves when the signal is aborted. */
function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** `fairlead-tracking ui`. */
export const uiCommand: Command = {
  name: 'ui',
  summary: 'shows runs and models in a browser, until Ctrl-C',
  usage: `[--dir <folder>] [--port <number>] [--open]

${storeUsage}
  --port <number>  port of the loopback, 0 for any that is free (default: 0)
  --open           opens the page in your browser
`,
  async run(args, io) {
    const { values } = parseArguments(args, {
      ...storeOption,
      port: { type: 'string', default: '0' },
      open: { type: 'boolean', default: false },
    });
    const port = wholeNumberOf('port', values.port, 0, 65_535);
    const tracker = await openStore(values.dir, io);
    try {
      const ui = await serveUi({ tracker, port });
      try {
        io.stdout.write(`Fairlead shows ${values.dir} at ${ui.url}\nCtrl-C ends it.\n`);
        if (values.open) openBrowser(ui.url, io);
        await untilAborted(io.signal);
      } finally {
        await ui.close();
      }
    } finally {
      await tracker.close();
    }
    return 0;
  },
};
