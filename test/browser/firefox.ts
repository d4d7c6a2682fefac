import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

/*
 * Drives a Firefox as its distributor built it, by WebDriver BiDi, the standard's own protocol: one command is one line of
 * JSON. https://www.w3.org/TR/webdriver-bidi/ names the commands and events used here.
 */

const usualPaths = [
  '/usr/bin/firefox-esr',
  '/usr/bin/firefox',
  '/snap/bin/firefox',
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
];

/** What a person reads when there is no Firefox. */
export const noFirefox =
  'No Firefox was found, so nothing was tried in a second engine. Install one (Debian: `apt-get install firefox-esr`), or name it in FAIRLEAD_FIREFOX.';

/**
 * The path of a Firefox: what `FAIRLEAD_FIREFOX` names, or one of the system's.
 * @throws Error when `FAIRLEAD_FIREFOX` names nothing
 */
export function findFirefox(): string | undefined {
  const named = process.env.FAIRLEAD_FIREFOX;
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) throw new Error(`FAIRLEAD_FIREFOX names "${named}", which does not exist.`);
    return named;
  }
  return usualPaths.find((path) => existsSync(path));
}

/** A tab, and what it asked the network for. */
export interface FirefoxTab {
  /** URLs in the order in which they were asked for, workers included. */
  readonly fetched: string[];
  goto(url: string): Promise<void>;
  /** Calls a function in the page: arguments and answer cross as JSON. */
  evaluate<Args extends readonly unknown[], Answer>(
    call: (...args: Args) => Answer,
    ...args: Args
  ): Promise<Awaited<Answer>>;
  close(): Promise<void>;
}

/** A running Firefox. */
export interface Firefox {
  readonly version: string;
  newTab(): Promise<FirefoxTab>;
  close(): Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly type: 'success' | 'error' | 'event';
  readonly method?: string;
  readonly params?: { readonly request?: { readonly url: string } };
  readonly result?: Record<string, unknown>;
  readonly error?: string;
  readonly message?: string;
}

/** Preferences that keep it from asking the network for what no test asked for. */
const preferences = {
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  // Not every system gives it a GPU, so that none may have one.
  'dom.webgpu.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.reportingpolicy.firstRun': false,
};

/** Starts Firefox with a profile of its own, without a window. */
export async function launchFirefox(executablePath: string): Promise<Firefox> {
  const profile = mkdtempSync(join(tmpdir(), 'fairlead-firefox-'));
  const lines = Object.entries(preferences).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`);
  writeFileSync(join(profile, 'user.js'), lines.join('\n'));
  const process_ = spawn(
    executablePath,
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = once(process_, 'exit');
  const end = async (): Promise<void> => {
    process_.kill('SIGKILL');
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const connection = await connect(`${await addressOf(process_)}/session`);
    const session = (await connection.send('session.new', { capabilities: {} })) as {
      capabilities: { browserVersion: string };
    };
    await connection.send('session.subscribe', { events: ['network.beforeRequestSent'] });
    return {
      version: session.capabilities.browserVersion,
      newTab: () => newTab(connection),
      async close() {
        connection.close();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function addressOf({ stderr }: ChildProcess): Promise<string> {
  const said: string[] = [];
  if (stderr !== null) {
    for await (const line of createInterface(stderr)) {
      said.push(line);
      const address = /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
      if (address !== undefined) {
        stderr.resume();
        return address;
      }
    }
  }
  throw new Error(`Firefox did not start:\n${said.join('\n')}`);
}

interface Connection {
  send(method: string, params: object): Promise<Record<string, unknown>>;
  onRequest(listener: (url: string) => void): void;
  close(): void;
}

async function connect(address: string): Promise<Connection> {
  const socket = new WebSocket(address, { maxPayload: 2 ** 28 });
  await once(socket, 'open');
  const waiting = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>();
  const listeners: ((url: string) => void)[] = [];
  socket.on('message', (data) => {
    const { id, type, method, params, result, error, message } = JSON.parse(String(data)) as Message;
    if (method === 'network.beforeRequestSent') {
      for (const listener of listeners) listener(params?.request?.url ?? '');
    }
    if (id === undefined) return;
    const call = waiting.get(id);
    waiting.delete(id);
    if (type === 'error') call?.reject(new Error(`${error}: ${message}`));
    else call?.resolve(result ?? {});
  });
  socket.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('Firefox has gone'));
  });
  let last = 0;
  return {
    send(method, params) {
      last += 1;
      socket.send(JSON.stringify({ id: last, method, params }));
      return new Promise((resolve, reject) => waiting.set(last, { resolve, reject }));
    },
    onRequest: (listener) => void listeners.push(listener),
    close: () => socket.close(),
  };
}

async function newTab({ send, onRequest }: Connection): Promise<FirefoxTab> {
  const { context } = await send('browsingContext.create', { type: 'tab' });
  const fetched: string[] = [];
  // Workers ask in no tab's name, so one tab at a time is open.
  onRequest((url) => void fetched.push(url));
  return {
    fetched,
    async goto(url) {
      await send('browsingContext.navigate', { context, url, wait: 'complete' });
    },
    async evaluate(call, ...args) {
      const { type, result, exceptionDetails } = await send('script.callFunction', {
        functionDeclaration: `async () => JSON.stringify(await (${call})(...${JSON.stringify(args)}))`,
        target: { context },
        awaitPromise: true,
      });
      if (type === 'exception') throw new Error((exceptionDetails as { text: string }).text);
      const { value } = result as { value?: string };
      return value === undefined ? undefined : JSON.parse(value);
    },
    async close() {
      await send('browsingContext.close', { context });
    },
  };
}
