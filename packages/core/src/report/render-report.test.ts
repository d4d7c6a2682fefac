import { describe, expect, it } from 'vitest';
import { createDriftMonitor } from '../monitoring/drift-monitor';
import { loadCharts } from './draw-charts';
import { everySection, failedQuality, observedMonitor, performance } from './page.fixture';
import { renderReport } from './render-report';
import type { ReportOptions, ReportSections } from './sections';

const sections = await everySection();
const page = await renderReport(sections, { generatedAtMs: Date.UTC(2025, 4, 6, 7, 8), title: 'Churn <3>' });

/** The page without its style, which no name gets into. */
const body = page.replace(/<style>[\s\S]*?<\/style>/, '');

describe('renderReport', () => {
  it('has every section, each with what it is about', () => {
    for (const id of ['drift', 'performance', 'quality', 'alerts']) {
      expect(page).toContain(`<h2 id="${id}">`);
      expect(page).toContain(`<a href="#${id}">`);
    }
    expect(page).toContain('<h1>Churn &lt;3&gt;</h1>');
    expect(page).toContain('2025-05-06 07:08 UTC');
    expect(page).toContain('<span class="pill bad">Drift</span><span class="pill bad">Data quality failed</span>');
    expect(page).toContain('0.9050 – 0.9210');
    expect(page).toContain('1 of 2 rules fails.');
    expect(page.indexOf('The later one.')).toBeLessThan(page.indexOf('A &lt;b&gt;bold&lt;/b&gt; alert.'));
    expect(page).toMatch(
      /The live rows have differed from the reference since 2023-11-\d\d \d\d:\d\d UTC \(row \d+\), most in/,
    );
  });

  it('draws the evidence twice, every feature and every series', () => {
    expect(page.match(/<svg /g)).toHaveLength(2 + 20 + 1);
    expect(page.match(/<article class="card feature">/g)).toHaveLength(20 + 1);
    expect(page).toMatch(/aria-label="Evidence of drift from 2023-11-14 [^"]* an alarm at 10\u202f000\./);
    expect(page).toMatch(/aria-label="Histogram of feature_0, reference beside window\. The greatest difference is in/);
    // Colours follow the page.
    expect(page).toContain('fill="var(--window)"');
    expect(page).not.toMatch(/(?:fill|stroke)="#| (?:style|id)="[^"]*zr|clip-path=/);
  });

  it('needs nothing from elsewhere and runs nothing', () => {
    expect(page).not.toMatch(/https?:|\/\/[a-z]|@import|url\(/i);
    expect(body).not.toMatch(/<(?:script|img|link|iframe|object)|<[bi]>/i);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    // No handler in any tag, whatever the names hold.
    const tags = page.match(/<[a-z][^>]*>/gi) ?? [];
    expect(tags.filter((tag) => / on\w+\s*=/i.test(tag.replace(/"[^"]*"/g, '""')))).toEqual([]);
  });

  it('escapes hostile names, cuts long ones and shows what cannot be printed', () => {
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).toContain('&quot;&gt;&lt;img src=x onerror=alert(2)&gt;');
    expect(page).toContain('&#39; onload=&#39;alert(3)');
    expect(page).toContain('&amp;amp;\ufffd\ufffd\ufffd &#96;x&#96;');
    expect(page).toContain('<code>&quot;&lt;i&gt;Atlantis&lt;/i&gt;&quot;</code>');
    expect(page).toMatch(/<h4 title="long ä{100,220}…ä+ end">long ä{10,60}…ä+ end<\/h4>/);
    expect(page).not.toMatch(/\p{Cs}/u);
  });

  it('writes the same page of the same data', async () => {
    const options = { generatedAtMs: Date.UTC(2025, 4, 6, 7, 8), title: 'Churn <3>' };
    expect(await renderReport(sections, options)).toBe(page);
  });

  it('closes what it opens', () => {
    const open: string[] = [];
    const voids = new Set(['meta', 'link', 'br', 'hr', 'img', 'input']);
    for (const [, slash, name = '', selfClosing] of body.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/gi)) {
      if (voids.has(name) || selfClosing === '/') continue;
      if (slash === '') open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it('lists the features that have no chart, and stays small with 784 of them', async () => {
    const names = Array.from({ length: 784 }, (_, i) => `pixel ${i}`);
    const monitor = await observedMonitor(names, 400);
    const many = await monitor.report({ format: 'html' });
    expect(many.match(/<article /g)).toHaveLength(24);
    expect(many).toContain('<summary>760 more features</summary>');
    for (const name of ['pixel 0', 'pixel 400', 'pixel 783']) expect(many).toContain(name);
    expect(new TextEncoder().encode(many).length).toBeLessThan(1_000_000);
    await monitor.close();
  });

  it('stays below 2 MB when everything is as large as it may be', async () => {
    const monitor = await observedMonitor(
      Array.from({ length: 784 }, (_, i) => `${i} ${'<&"'.repeat(400)}`),
      400,
    );
    const drift = monitor.report({ format: 'full' });
    const large = await renderReport({ drift }, { charts: 24 });
    expect(new TextEncoder().encode(large).length).toBeLessThan(2 * 2 ** 20);
    await monitor.close();
  });

  it('shows a monitor without rows, and one without a reference', async () => {
    const monitor = await observedMonitor(['a', 'b'], 0);
    const empty = await monitor.report({ format: 'html' });
    expect(empty).toContain('No rows have come yet.');
    expect(empty).toContain('<summary>All 2 features</summary>');
    expect(empty).toContain('There was no alert.');
    expect(empty).not.toContain('<svg');
    monitor.useReference(undefined);
    expect(await monitor.report({ format: 'html' })).toContain('There is no reference, so nothing is compared.');
    await monitor.close();
    expect(await createDriftMonitor().report({ format: 'html' })).toContain('<h1>Model monitoring</h1>');
  });

  it('shows each section alone, and none', async () => {
    const quality = failedQuality();
    const alone: [ReportSections, string][] = [
      [{ quality: quality.report() }, 'quality'],
      [{ performance }, 'performance'],
      [{ performance: { metrics: [], series: [{ name: 'none', points: [] }] } }, 'performance'],
      [{ alerts: [] }, 'alerts'],
    ];
    for (const [given, id] of alone) {
      const one = await renderReport(given);
      expect(one.match(/<h2 id="\w+"/g)).toEqual([`<h2 id="${id}"`]);
      expect(one).not.toMatch(/NaN|undefined|null|\[object/);
    }
    expect(await renderReport({})).toContain('There is nothing to report.');
    await quality.close();
  });

  it('names the model where it is known', async () => {
    const { drift } = sections;
    if (drift === undefined) throw new Error('everySection has drift');
    const named = await renderReport({
      drift: { ...drift, model: { name: 'churn', version: '3', digest: 'ab'.repeat(32) } },
    });
    expect(named).toContain('<h1>churn 3</h1>');
    expect(named).toContain('<code>abababababab…ababab</code>');
  });

  it.each<[string, unknown, unknown, string]>([
    ['no object', null, {}, 'sections'],
    ['an unknown section', { drifts: {} }, {}, 'drifts'],
    ['a plain drift report', { drift: { features: [] } }, {}, 'drift'],
    ['a quality report without checks', { quality: {} }, {}, 'quality'],
    ['performance without metrics', { performance: {} }, {}, 'performance'],
    ['one alert', { alerts: { text: '' } }, {}, 'alerts'],
    ['an unknown option', {}, { name: 'x' }, 'name'],
    ['a title that is no text', {}, { title: 5 }, 'title'],
    ['a time that is none', {}, { generatedAtMs: Number.NaN }, 'generatedAtMs'],
    ['half a chart', {}, { charts: 0.5 }, 'charts'],
    ['too many charts', {}, { charts: 101 }, 'charts'],
  ])('refuses %s', async (_what, given, options, field) => {
    await expect(renderReport(given as ReportSections, options as ReportOptions)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field },
    });
  });
});

describe('loadCharts', () => {
  it('says how to install echarts where it is missing', async () => {
    const missing = () => Promise.reject(new Error(`Cannot find package 'echarts'`));
    await expect(loadCharts(missing)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('npm install echarts'),
      cause: { message: expect.stringContaining('echarts') },
    });
  });
});
