import { remote } from '@fairlead/core/remote';
import { readRows } from './digits';

/* Sends pictures to the service, so that there is something to see. `npm run traffic -- 200` sends 200 a second, until Ctrl+C. */

const { URL_OF_SERVICE = 'http://127.0.0.1:8080' } = process.env;
const perSecond = Number(process.argv[2] ?? 50);
const everyMs = 20;

const rows = await readRows('test');
const digits = await remote({ url: URL_OF_SERVICE, model: 'digits' });
let sent = 0;
let answered = 0;
let failed = 0;
const startedAt = performance.now();

const ask = async (pixels: Float32Array): Promise<void> => {
  try {
    await digits.run({ pixels }, { timeoutMs: 1000 });
    answered++;
  } catch {
    failed++;
  }
};

const sending = setInterval(() => {
  const due = ((performance.now() - startedAt) / 1000) * perSecond;
  for (; sent < due; sent++) void ask(rows[sent % rows.length] as Float32Array);
}, everyMs);
const telling = setInterval(() => console.log(`${answered} answered, ${failed} failed`), 5000);

process.once('SIGINT', () => {
  clearInterval(sending);
  clearInterval(telling);
  void digits.close().then(() => console.log(`${answered} answered, ${failed} failed`));
});
