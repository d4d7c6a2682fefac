import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import type { OnnxDevice } from './options';
import { notInstalled } from './runtime';
import { deviceTestModel } from './test-models';

/** Whether a device computes here. */
export type Verdict = { readonly usable: true } | { readonly usable: false; readonly reason: string };

const timeoutMs = 30_000;
const marker = 'fairlead-probe:';

/** Runs in the child: computes y = x + x on the device and reports. */
const script = `
const [runtimePath, device, deviceId, model] = process.argv.slice(1);
const report = (verdict) => process.stdout.write(${JSON.stringify(`\n${marker}`)} + JSON.stringify(verdict) + '\\n');
(async () => {
  const ort = require(runtimePath);
  ort.env.logLevel = 'fatal';
  const executionProviders = [device === 'cuda' ? { name: device, deviceId: Number(deviceId) } : { name: device }];
  const session = await ort.InferenceSession.create(Buffer.from(model, 'base64'), { executionProviders, logSeverityLevel: 4 });
  const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1.5, -2), [2]) });
  await session.release();
  if (y.data[0] !== 3 || y.data[1] !== -4) throw new Error('1.5 + 1.5 and -2 + -2 came out as ' + y.data.join(' and '));
  report({ usable: true });
})().catch((error) => report({ usable: false, reason: String(error && error.message || error) }));
`;

const verdicts = new Map<string, Promise<Verdict>>();

/**
 * Whether a device computes here: tried once in this thread, in a child process, since a provider that fails may print
 * to stderr or crash. The CPU always does.
 *
 * @param deviceId counts for `cuda` only
 */
export function probeDevice(device: OnnxDevice, deviceId: number): Promise<Verdict> {
  if (device === 'cpu') return Promise.resolve({ usable: true });
  const key = device === 'cuda' ? `cuda:${deviceId}` : device;
  let verdict = verdicts.get(key);
  if (verdict === undefined) {
    verdict = tryInChild(device, deviceId);
    verdicts.set(key, verdict);
  }
  return verdict;
}

function tryInChild(device: OnnxDevice, deviceId: number): Promise<Verdict> {
  return new Promise((resolve) => {
    const unusable = (reason: string): void => resolve({ usable: false, reason: withAdvice(device, reason) });
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
      (error, stdout, stderr) => {
        const said = verdictIn(stdout);
        if (said?.usable === false) unusable(said.reason);
        // A device that computes and then takes its process down would take down the user's.
        else if (error !== null) unusable(howItEnded(error, stderr));
        else if (said === undefined) unusable('its trial said nothing');
        else resolve(said);
      },
    );
  });
}

function verdictIn(stdout: string): Verdict | undefined {
  const line = stdout.split('\n').find((text) => text.startsWith(marker));
  return line === undefined ? undefined : (JSON.parse(line.slice(marker.length)) as Verdict);
}

function howItEnded(error: Error & { signal?: string | null; killed?: boolean }, stderr: string): string {
  const how = error.killed
    ? `its trial did not end within ${timeoutMs / 1000} s`
    : error.signal
      ? `its trial crashed with ${error.signal}`
      : 'its trial failed';
  const lastLine = stderr.trim().split('\n').at(-1) ?? '';
  return lastLine === '' ? how : `${how}: ${lastLine}`;
}

function withAdvice(device: OnnxDevice, reason: string): string {
  // The runtime's messages begin with the place in its own source.
  const short = (reason.split('\n')[0] ?? '').replace(/^.*was false\. /, '').slice(0, 300);
  if (device !== 'cuda' || !/load|provider|library/i.test(short)) return short;
  return `${short}. CUDA needs an NVIDIA driver, and the libraries that onnxruntime-node downloads when it is installed without onnxruntime-node-install=skip`;
}

/** The environment without what would make the child wait for a debugger; with what makes Electron's binary a Node. */
function childEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS, ...rest } = process.env;
  const options = NODE_OPTIONS?.split(' ').filter((option) => !option.startsWith('--inspect'));
  return { ...rest, ELECTRON_RUN_AS_NODE: '1', ...(options === undefined ? {} : { NODE_OPTIONS: options.join(' ') }) };
}
