/** A whole number with thin spaces between thousands. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** A number in four digits. */
export function figure(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    const [mantissa, exponent] = value.toExponential(2).split('e') as [string, string];
    return minus(`${mantissa.replace(/\.?0+$/, '')}e${Number(exponent)}`);
  }
  return minus(String(Number(value.toPrecision(digits))));
}

/** With so many decimals, for columns. */
export function fixed(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return minus(value.toFixed(decimals));
}

/** A part of 1 as per cent. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return '–';
  const hundredths = share * 100;
  if (hundredths === 0) return '0\u202f%';
  if (hundredths < 0.01) return '<\u202f0.01\u202f%';
  // What is not all must not read as all.
  if (hundredths < 100 && hundredths > 99.9) return '>\u202f99.9\u202f%';
  return `${Number(hundredths.toPrecision(hundredths < 1 ? 2 : 3))}\u202f%`;
}

/** A p-value. */
export function probability(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (value < 1e-12) return '<\u202f1e−12';
  return value >= 0.001 ? value.toFixed(3) : minus(value.toExponential(1));
}

/** 10 to a power, as a person would say it. */
export function powerOfTen(log10: number): string {
  if (log10 < 7) return count(10 ** log10);
  const exponent = Math.floor(log10);
  return `${(10 ** (log10 - exponent)).toFixed(1)}\u202f·\u202f10${superscript(exponent)}`;
}

/** A time to the minute, in UTC. */
export function time(epochMs: number): string {
  const date = new Date(epochMs);
  return Number.isNaN(date.getTime()) ? '–' : `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** A time to the second, in UTC: what follows one another quickly is told apart. */
export function timeToSecond(epochMs: number): string {
  const date = new Date(epochMs);
  return Number.isNaN(date.getTime()) ? '–' : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** A time on the axis of a chart: as much of it as differs there. */
export function shortTime(epochMs: number, stretchMs: number): string {
  const date = new Date(epochMs);
  if (Number.isNaN(date.getTime())) return '–';
  const iso = date.toISOString();
  if (stretchMs < 5 * 60_000) return iso.slice(11, 19);
  if (stretchMs < 48 * 3_600_000) return iso.slice(11, 16);
  if (stretchMs > 400 * 86_400_000) return iso.slice(0, 7);
  if (stretchMs < 20 * 86_400_000 && iso.slice(11, 16) !== '00:00') return iso.slice(11, 16);
  return `${date.getUTCDate()}\u00a0${months[date.getUTCMonth()]}`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A metric for a column, in which the points stand below each other. */
export function metric(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return figure(value);
  const size = Math.abs(value);
  if (size >= 10_000 || (size !== 0 && size < 1e-3)) return figure(value);
  return fixed(value, size < 10 ? 4 : size < 100 ? 3 : 2);
}

/** A length of time in its greatest fitting unit. */
export function duration(ms: number): string {
  const units: [size: number, name: string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  const [size, name] = units.find(([least]) => ms >= least) ?? [1, 'ms'];
  return `${Number((ms / size).toPrecision(3))}\u202f${name}`;
}

function minus(text: string): string {
  return text.replaceAll('-', '−');
}

function superscript(value: number): string {
  return String(value).replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] as string);
}
