import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import type { OnnxDevice } from './options';
import { notInstalled } from './runtime';
import { deviceTestModel } from './test-models';

/** How a device did. */
export type Trial =
  | {
      readonly usable: true;
      /** Milliseconds from opening a model of one operator to its first answer. */
      readonly ms: number;
    }
  | {
      readonly usable: false;
      /** Why not, in a clause without a full stop. */
      readonly reason: string;
      /** The file name of a shared library that could not be loaded, where that was the reason. */
      readonly missingLibrary?: string;
    };

const timeoutMs = 30_000;
const marker = 'fairlead-probe:';

/** Runs in the child: computes y = x + x on the device and reports. */
const script = `
const [runtimePath, device, deviceId, model] = process.argv.slice(1);
const report = (trial) => process.stdout.write(${JSON.stringify(`\n${marker}`)} + JSON.stringify(trial) + '\\n');
(async () => {
  const ort = require(runtimePath);
  // Which library is missing stands on stderr only.
  ort.env.logLevel = 'error';
  const executionProviders = [device === 'cuda' ? { name: device, deviceId: Number(deviceId) } : { name: device }];
  const startedAt = performance.now();
  const session = await ort.InferenceSession.create(Buffer.from(model, 'base64'), { executionProviders, logSeverityLevel: 4 });
  const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1.5, -2), [2]) });
  const ms = performance.now() - startedAt;
  await session.release();
  if (y.data[0] !== 3 || y.data[1] !== -4) throw new Error('1.5 + 1.5 and -2 + -2 came out as ' + y.data.join(' and '));
  report({ usable: true, ms });
})().catch((error) => report({ usable: false, reason: String(error && error.message || error) }));
`;

/**
 * Computes a model of one operator on a device, in a child process that has 30 s for it, since a provider that fails may
 * print to stderr or crash.
 *
 * @param deviceId counts for `cuda` only
 */
export function tryDevice(device: OnnxDevice, deviceId: number): Promise<Trial> {
  return new Promise((resolve) => {
    let runtimePath: string;
    try {
      runtimePath = createRequire(import.meta.url).resolve('onnxruntime-node');
    } catch {
      resolve({ usable: false, reason: notInstalled });
      return;
    }
    const model = Buffer.from(deviceTestModel()).toString('base64');
    execFile(
      process.execPath,
      ['--input-type=commonjs', '-e', script, runtimePath, device, String(deviceId), model],
      { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 2 ** 20, windowsHide: true, env: childEnvironment() },
      (error, stdout, stderr) => resolve(readTrial(error, stdout, stderr)),
    );
  });
}

/** What a child process came to: the error that `execFile` gives, and what the child wrote. */
export function readTrial(error: ChildError | null, stdout: string, stderr: string): Trial {
  const line = stdout.split('\n').find((text) => text.startsWith(marker));
  const said = line === undefined ? undefined : (JSON.parse(line.slice(marker.length)) as Trial);
  if (said?.usable === false) return unusable(said.reason, stderr);
  // A device that computes and then takes its process down would take down the user's.
  if (error !== null) return unusable(howItEnded(error, stderr), stderr);
  return said ?? unusable('its trial said nothing', stderr);
}

type ChildError = Error & { readonly signal?: string | null; readonly killed?: boolean };

function howItEnded(error: ChildError, stderr: string): string {
  const how = error.killed
    ? `its trial did not end within ${timeoutMs / 1000} s`
    : error.signal
      ? `its trial crashed with ${error.signal}`
      : 'its trial failed';
  const lastLine = stderr.trim().split('\n').at(-1) ?? '';
  return lastLine === '' ? how : `${how}: ${lastLine}`;
}

function unusable(message: string, stderr: string): Trial {
  // The runtime's messages begin with the place in its own source.
  const firstLine = (message.split('\n')[0] ?? '')
    .replace(/^.*was false\. /, '')
    .trim()
    .slice(0, 300);
  const library = /([\w.+-]+\.so[\d.]*): cannot open shared object/.exec(`${message}\n${stderr}`)?.[1];
  if (library !== undefined)
    return { usable: false, reason: `the library ${library} is missing`, missingLibrary: library };
  // WebGPU's part of the runtime says there what a graphics driver lacks.
  const warning = /^Warning: (.+)$/m.exec(stderr)?.[1]?.slice(0, 200).replace(/\.$/, '');
  return { usable: false, reason: warning === undefined ? firstLine : `${firstLine} (${warning})` };
}

/** The environment without what would make the child wait for a debugger; with what makes Electron's binary a Node. */
function childEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS, ...rest } = process.env;
  const options = NODE_OPTIONS?.split(' ').filter((option) => !option.startsWith('--inspect'));
  return { ...rest, ELECTRON_RUN_AS_NODE: '1', ...(options === undefined ? {} : { NODE_OPTIONS: options.join(' ') }) };
}
