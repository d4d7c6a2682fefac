// What came of the steps of .ci/run, under its last lines: they alone are sure to be read. Plain JavaScript, since it tells of
// an installation that failed, too. Usage: node tell.mjs STEPS, a file with a line of JSON for each step that ended:
// {"step": name, "started", "ended", "limit": in seconds, "status", "output": file, "report"?: file}. The last line is
// `N passed, N failed, N skipped`, and the exit status is 0 only where something passed and nothing failed; else it is 2.
import { readFileSync } from 'node:fs';

// All of it fits into about a hundred lines.
const most = { skips: 25, failures: 30, inDetail: 6, messageLines: 6, lineLength: 200, outputLines: 8, slow: 8 };

const steps = linesOf(process.argv[2]).map((step) => ({ ...step, ...(step.report ? reported(step) : alone(step)) }));
const told = [...tellSlowest(), ...tellSteps(), ...tellSkips(), ...tellFailures()];
if (told.length > 0) console.log(told.map((line) => line.slice(0, most.lineLength)).join('\n'));

const [passed, failed, skipped] = [sum('passed'), sum('failed'), sum('skipped')];
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 2;

/** A step that counts as one. */
function alone(step) {
  if (step.status === 0) return { passed: 1, failed: 0, skipped: 0 };
  return {
    passed: 0,
    failed: 1,
    skipped: 0,
    failures: [{ name: step.step, message: howItEnded(step), output: step.output }],
  };
}

/** A step whose report says what came of its parts. */
function reported(step) {
  const found = step.report.endsWith('.json') ? ofChecks(step.report) : ofTests(step.report);
  const { passed, skips, notRun = 0, files } = found;
  const failures = [...found.failures];
  // What the report does not know: it ended early, or failed though all that it names is well.
  const isAtOdds = step.status !== 0 && failures.length === 0;
  if (found.missing !== undefined || isAtOdds || passed + failures.length === 0) {
    const why = [howItEnded(step), found.missing ?? (isAtOdds ? 'No test failed.' : 'Nothing ran.')];
    failures.push({ name: step.step, message: why.filter(Boolean).join('\n'), output: step.output });
  }
  return { passed, failed: failures.length, skipped: skips.length + notRun, failures, skips, files };
}

function howItEnded({ status, limit }) {
  // What `timeout` answers; with a second signal, what the shell does.
  if (status === 124 || status === 137) return `It was ended after ${limit} s, with status ${status}.`;
  return status === 0 ? '' : `It ended with status ${status}.`;
}

/** What scripts/check.ts writes. */
function ofChecks(file) {
  const report = linesOf(file)[0];
  if (report === undefined) return { passed: 0, failures: [], skips: [], missing: `It wrote no ${file}.` };
  const failures = report.checks
    .filter((check) => !check.passed)
    .map(({ name, output = '' }) => ({ name, message: lastLines(output) }));
  return { passed: report.passed, failures, skips: [] };
}

/** What .ci/reporter.ts writes. */
function ofTests(file) {
  const lines = linesOf(file);
  const files = lines.filter((line) => line.file !== undefined);
  const end = lines.find((line) => line.ended !== undefined);
  const failures = [...files, ...(end ? [end] : [])].flatMap((line) => line.failures);
  const ended = new Set(files.map((line) => line.file));
  const begun = lines.flatMap((line) => (line.begun !== undefined && !ended.has(line.begun) ? [line.begun] : []));
  const isIncomplete = end === undefined || end.ended === 'interrupted' || begun.length > 0;
  return {
    passed: files.reduce((total, line) => total + line.passed, 0),
    failures,
    skips: files.flatMap((line) => line.skips),
    notRun: files.reduce((total, line) => total + line.notRun, 0),
    files,
    ...(isIncomplete ? { missing: `Not all tests ran. Begun and not ended: ${begun.join(', ') || 'none'}.` } : {}),
  };
}

function tellSteps() {
  if (steps.length === 0) return [];
  const each = steps.map(({ step, started, ended }) => `${step} ${ended - started} s`);
  return ['', `Steps: ${each.join(', ')}; ${steps.at(-1).ended} s in all.`];
}

function tellSlowest() {
  const files = steps.flatMap((step) => step.files ?? []).sort((a, b) => b.seconds - a.seconds);
  const slowest = files
    .slice(0, most.slow)
    .map(({ file, seconds }) => `${String(Math.round(seconds)).padStart(5)} s  ${file}`);
  return slowest.length > 0 ? ['', 'The slowest test files:', ...slowest] : [];
}

function tellSkips() {
  const skips = steps.flatMap((step) => step.skips ?? []);
  const lines = skips.map(({ name, why }) => `- ${oneLine(name)}${why === undefined ? '' : `: ${oneLine(why)}`}`);
  return lines.length > 0 ? ['', 'Skipped:', ...cut(lines, most.skips)] : [];
}

function tellFailures() {
  const failures = steps.flatMap((step) => step.failures ?? []);
  const lines = cut(failures, most.failures).flatMap((failure, index) => {
    if (typeof failure === 'string') return [failure];
    const { name, message, output } = failure;
    const detail =
      index < most.inDetail ? [...first(message), ...(output ? [`Last of ${output}:`, ...lastOf(output)] : [])] : [];
    return [`✗ ${oneLine(name)}`, ...detail.map((line) => `    ${line}`)];
  });
  return lines.length > 0 ? ['', 'Failed:', ...lines] : [];
}

function cut(list, length) {
  return list.length > length ? [...list.slice(0, length), `… and ${list.length - length} more`] : list;
}

function oneLine(text) {
  return clean(text).replace(/\s+/g, ' ').trim();
}

function first(text) {
  return cut(linesIn(text), most.messageLines);
}

function lastLines(text) {
  return linesIn(text).slice(-most.messageLines).join('\n');
}

function lastOf(file) {
  return linesIn(read(file)).slice(-most.outputLines);
}

function linesIn(text) {
  return clean(text)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}

/** Without the colours of a terminal. */
function clean(text) {
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*[A-Za-z]`, 'g'), '').replaceAll('\r', '');
}

/** The lines of JSON in a file, without one that was being written when its writer was ended. */
function linesOf(file) {
  return read(file)
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function sum(key) {
  return steps.reduce((total, step) => total + step[key], 0);
}
