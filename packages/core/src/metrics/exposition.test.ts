import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock';
import { droppedIn, exemplarsOf, hostileRegistry, ownSamples } from './hostile-registry.fixture';
import { renderMetrics } from './negotiate';
import { toOpenMetrics } from './openmetrics';
import { toPrometheusText } from './prometheus-text';
import { readOpenMetrics } from './read-exposition.fixture';
import { createRegistry, type Registry } from './registry';
import { canonicalNumber } from './text';

function oneOfEach(): Registry {
  const registry = createRegistry({ prefix: 'ml_', clock: createVirtualClock(1_700_000_000_500) });
  const help = 'With \\ and " and\na line feed.';
  registry
    .counter({ name: 'requests', help, labels: ['code'] })
    .bind({ code: 'a\\b"c\nd' })
    .inc(3);
  registry.gauge({ name: 'size_bytes', unit: 'bytes', help }).bind().set(-0.5);
  registry
    .histogram({ name: 'wait_seconds', unit: 'seconds', help, buckets: [0.001, 1] })
    .bind()
    .observe(0.5);
  registry
    .gaugeHistogram({ name: 'pixel', help, labels: ['feature'], buckets: [-1] })
    .bind({ feature: 'x' })
    .set([2, 1], -4);
  registry.info({ name: 'model', help, labels: ['version'] }).bind({ version: '1' });
  registry
    .stateSet({ name: 'drift', help, states: ['ok', 'drift'] })
    .bind()
    .set('drift');
  registry.counter({ name: 'unused', help, labels: ['code'] });
  return registry;
}

describe('toOpenMetrics', () => {
  it('writes every type as OpenMetrics 1.0 has it', () => {
    const help = String.raw`With \\ and \" and\na line feed.`;
    expect(toOpenMetrics(oneOfEach())).toBe(
      [
        '# TYPE ml_requests counter',
        `# HELP ml_requests ${help}`,
        String.raw`ml_requests_total{code="a\\b\"c\nd"} 3`,
        String.raw`ml_requests_created{code="a\\b\"c\nd"} 1700000000.5`,
        '# TYPE ml_size_bytes gauge',
        '# UNIT ml_size_bytes bytes',
        `# HELP ml_size_bytes ${help}`,
        'ml_size_bytes -0.5',
        '# TYPE ml_wait_seconds histogram',
        '# UNIT ml_wait_seconds seconds',
        `# HELP ml_wait_seconds ${help}`,
        'ml_wait_seconds_bucket{le="0.001"} 0',
        'ml_wait_seconds_bucket{le="1.0"} 1',
        'ml_wait_seconds_bucket{le="+Inf"} 1',
        'ml_wait_seconds_count 1',
        'ml_wait_seconds_sum 0.5',
        'ml_wait_seconds_created 1700000000.5',
        '# TYPE ml_pixel gaugehistogram',
        `# HELP ml_pixel ${help}`,
        'ml_pixel_bucket{feature="x",le="-1.0"} 2',
        'ml_pixel_bucket{feature="x",le="+Inf"} 3',
        'ml_pixel_gcount{feature="x"} 3',
        'ml_pixel_gsum{feature="x"} -4',
        '# TYPE ml_model info',
        `# HELP ml_model ${help}`,
        'ml_model_info{version="1"} 1',
        '# TYPE ml_drift stateset',
        `# HELP ml_drift ${help}`,
        'ml_drift{ml_drift="ok"} 0',
        'ml_drift{ml_drift="drift"} 1',
        '# EOF',
        '',
      ].join('\n'),
    );
  });

  it('keeps every sample, value and drop of hostile programs', () => {
    let samplesSeen = 0;
    let exemplarsSeen = 0;
    fc.assert(
      fc.property(hostileRegistry, ({ registry, expected, exemplars, dropped }) => {
        const families = readOpenMetrics(toOpenMetrics(registry));
        const samples = families.flatMap((family) => family.samples);
        const shown = ownSamples(samples, expected);
        expect([...shown.keys()].sort()).toEqual([...expected.keys()].sort());
        for (const [identity, value] of expected) expect(shown.get(identity)).toBe(value === 0 ? 0 : value);
        expect(droppedIn(samples)).toBe(dropped);
        expect(exemplarsOf(samples)).toEqual(exemplars);
        exemplarsSeen += exemplars.size;
        for (const { name, unit, type } of families) {
          if (unit !== '') expect(name.endsWith(`_${unit}`)).toBe(true);
          if (type === 'info' || type === 'stateset') expect(unit).toBe('');
        }
        samplesSeen += shown.size;
      }),
      { numRuns: 400, seed: 1 },
    );
    expect(exemplarsSeen).toBeGreaterThan(100);
    expect(samplesSeen).toBeGreaterThan(2000); // or the generator makes nothing that a registry accepts
  });

  it('shows exactly one state of a state set, whatever was set', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('ok', 'warning', 'drift'), { maxLength: 9 }), (states) => {
        const registry = createRegistry();
        const handle = registry.stateSet({ name: 's', help: 'S.', states: ['ok', 'warning', 'drift'] }).bind();
        for (const state of states) handle.set(state as 'ok');
        const [family] = readOpenMetrics(toOpenMetrics(registry));
        const present = family?.samples.filter(({ value }) => value === 1).map(({ labels }) => labels.s);
        expect(present).toEqual([states.at(-1) ?? 'ok']);
      }),
    );
  });
});

describe('toPrometheusText', () => {
  it('writes what format 0.0.4 knows, under the same sample names and labels', () => {
    const help = String.raw`With \\ and " and\na line feed.`;
    expect(toPrometheusText(oneOfEach())).toBe(
      [
        `# HELP ml_requests_total ${help}`,
        '# TYPE ml_requests_total counter',
        String.raw`ml_requests_total{code="a\\b\"c\nd"} 3`,
        `# HELP ml_size_bytes ${help}`,
        '# TYPE ml_size_bytes gauge',
        'ml_size_bytes -0.5',
        `# HELP ml_wait_seconds ${help}`,
        '# TYPE ml_wait_seconds histogram',
        'ml_wait_seconds_bucket{le="0.001"} 0',
        'ml_wait_seconds_bucket{le="1.0"} 1',
        'ml_wait_seconds_bucket{le="+Inf"} 1',
        'ml_wait_seconds_count 1',
        'ml_wait_seconds_sum 0.5',
        `# HELP ml_pixel_bucket ${help}`,
        '# TYPE ml_pixel_bucket gauge',
        'ml_pixel_bucket{feature="x",le="-1.0"} 2',
        'ml_pixel_bucket{feature="x",le="+Inf"} 3',
        `# HELP ml_pixel_gcount ${help}`,
        '# TYPE ml_pixel_gcount gauge',
        'ml_pixel_gcount{feature="x"} 3',
        `# HELP ml_pixel_gsum ${help}`,
        '# TYPE ml_pixel_gsum gauge',
        'ml_pixel_gsum{feature="x"} -4',
        `# HELP ml_model_info ${help}`,
        '# TYPE ml_model_info gauge',
        'ml_model_info{version="1"} 1',
        `# HELP ml_drift ${help}`,
        '# TYPE ml_drift gauge',
        'ml_drift{ml_drift="ok"} 0',
        'ml_drift{ml_drift="drift"} 1',
        '',
      ].join('\n'),
    );
  });

  it('has the samples of OpenMetrics but for the creation times, whatever the program', () => {
    fc.assert(
      fc.property(hostileRegistry, ({ registry, expected }) => {
        const sampleLines = (text: string): string[] =>
          text.split('\n').filter((line) => line !== '' && line[0] !== '#');
        const [strict, plain] = [toOpenMetrics(registry), toPrometheusText(registry)];
        const created = readOpenMetrics(strict)
          .filter(({ type }) => type === 'counter' || type === 'histogram' || type === 'summary')
          .flatMap(({ name, samples }) => samples.filter((sample) => sample.name === `${name}_created`));
        expect(sampleLines(strict).length - sampleLines(plain).length).toBe(created.length);
        const all = new Set(sampleLines(strict));
        const isBefore = (line: string) => [...all].some((longer) => longer.startsWith(`${line} # {`));
        for (const line of sampleLines(plain)) expect(all.has(line) || isBefore(line)).toBe(true);
        expect(sampleLines(plain).length).toBeGreaterThanOrEqual(expected.size);
      }),
      { numRuns: 100, seed: 2 },
    );
  });
});

describe('canonicalNumber', () => {
  // The examples of the OpenMetrics 1.0 text, "Canonical Numbers".
  it.each([
    [0, '0.0'],
    [0.001, '0.001'],
    [0.01, '0.01'],
    [0.9, '0.9'],
    [0.999, '0.999'],
    [1, '1.0'],
    [1.7, '1.7'],
    [10, '10.0'],
    [1e-10, '1e-10'],
    [1e-9, '1e-09'],
    [1e-5, '1e-05'],
    [0.0001, '0.0001'],
    [100_000, '100000.0'],
    [1e6, '1e+06'],
    [1e10, '1e+10'],
    [1_234_567, '1.234567e+06'],
    [-2.5e-7, '-2.5e-07'],
    [1e300, '1e+300'],
    [-0, '0.0'],
    [Number.POSITIVE_INFINITY, '+Inf'],
  ])('writes %d as %s', (value, text) => {
    expect(canonicalNumber(value)).toBe(text);
  });

  it('loses nothing', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(canonicalNumber(value))).toBe(value === 0 ? 0 : value);
      }),
    );
  });
});

describe('renderMetrics', () => {
  const prometheus2 =
    'application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  const prometheus3 =
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';

  it.each<[string, string | null | undefined, 'openmetrics' | 'text']>([
    ['Prometheus 2', prometheus2, 'openmetrics'],
    ['Prometheus 3', prometheus3, 'openmetrics'],
    ['OpenMetrics without a version', 'application/openmetrics-text', 'openmetrics'],
    ['another case and quotes', 'Application/OpenMetrics-Text; Version="1.0.0"', 'openmetrics'],
    ['any application', 'application/*', 'openmetrics'],
    ['an older OpenMetrics alone', 'application/openmetrics-text;version=0.0.1', 'text'],
    ['OpenMetrics refused', 'application/openmetrics-text;q=0, */*', 'text'],
    ['OpenMetrics wanted less', 'application/openmetrics-text;q=0.3, text/plain;q=0.8', 'text'],
    ['text refused by name', 'text/plain;q=0, application/openmetrics-text;q=0.1, */*', 'openmetrics'],
    ['a quality that is none', 'application/openmetrics-text;q=high', 'text'],
    ['curl', '*/*', 'text'],
    ['a browser', browser, 'text'],
    ['something else', 'image/png', 'text'],
    ['nothing', undefined, 'text'],
    ['an absent header', null, 'text'],
    ['an empty header', '', 'text'],
    ['rubbish', ';;,=,,\u0000;q=', 'text'],
  ])('answers %s', (_, accept, format) => {
    const { contentType, body } = renderMetrics(oneOfEach(), accept);
    const expected = {
      openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
      text: 'text/plain; version=0.0.4; charset=utf-8',
    }[format];
    expect(contentType).toBe(expected);
    expect(body.endsWith('# EOF\n')).toBe(format === 'openmetrics');
  });

  it('takes any header', () => {
    const registry = oneOfEach();
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (accept) => renderMetrics(registry, accept).body.length > 0));
  });
});
