import type { EscalateOptions } from './options';

/** The rules of a cascade, each in words. */
export function describeRules({ confidence, latency, failure = true }: EscalateOptions = {}): string[] {
  const rules: string[] = [];
  if (confidence !== undefined) {
    const { measure = 'max-probability', temperature = 1, threshold } = confidence;
    const named = typeof measure === 'function' ? 'your own measure' : `${measure} at temperature ${temperature}`;
    rules.push(`rows whose confidence (${named}) is below ${threshold} go to the cloud`);
  }
  if (latency !== undefined) {
    const { hedgeAfterMs } = latency;
    const after =
      hedgeAfterMs === 'learned' ? 'longer than nine in ten of its answers' : `longer than ${hedgeAfterMs} ms`;
    rules.push(`the cloud is asked beside a device that takes ${after}`);
  }
  if (failure) rules.push('requests at which the device fails go to the cloud');
  return rules;
}
