const t0 = performance.now();
import { systemClock } from '@fairlead/core';
import { openEmbeddedStore } from './embedded/embedded-store';
import { nodeFiles } from './files/node-files';
import { parseFilter, parseOrder } from './search/parse-filter';
const t = performance.now();
const store = await openEmbeddedStore({ files: nodeFiles, dir: process.argv[2] as string, clock: systemClock, pollMs: 1000, maxBufferedBytes: 1 << 20, overflow: 'write' });
const q = process.argv[3] === 'open' ? {limit:100} : { filter: parseFilter("metrics.metric_3 > 0.5 and params.param_1 = 'choice 2' and tags.tag_2 LIKE 'value%'"), orderBy: [parseOrder('metrics.metric_1 ASC')], limit: 100 };
const p = await store.runs.search(q);
const cold = performance.now() - t;
const times = [];
for (let i = 0; i < 7; i++) { const t = performance.now(); await store.runs.search(q); times.push(+(performance.now() - t).toFixed(1)); }
console.log('cold', cold.toFixed(0), 'found', p.runs.length, 'warm', times.join(' '), 'rss', (process.memoryUsage.rss() / 1e6).toFixed(0), 'mods', (t-t0).toFixed(0));
const c = performance.now(); await store.close(); console.log('close', (performance.now() - c).toFixed(0));
