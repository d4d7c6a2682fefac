/** Devices that a suite can measure: the bare runtime and the runner may use them from two threads, which WebGPU forbids. */
export type BenchDevice = 'cpu' | 'cuda';

/**
 * The device that suites measure, by FAIRLEAD_BENCH_DEVICE; without it the CPU.
 * @throws Error for a name that is none
 */
export function benchDevice(name: string | undefined = process.env.FAIRLEAD_BENCH_DEVICE): BenchDevice {
  if (name === undefined || name === '') return 'cpu';
  if (name === 'cpu' || name === 'cuda') return name;
  throw new Error(`FAIRLEAD_BENCH_DEVICE is "${name}"; expected cpu or cuda.`);
}
