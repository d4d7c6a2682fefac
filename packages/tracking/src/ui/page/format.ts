/* How numbers, times and names are written on the page. */

/** A number in five digits at most. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined) return '–';
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) {
    const [mantissa, exponent] = value.toExponential(3).split('e') as [string, string];
    return minus(`${mantissa.replace(/\.?0+$/, '')}e${Number(exponent)}`);
  }
  if (Number.isInteger(value)) return minus(groupThousands(value));
  return minus(String(Number(value.toPrecision(5))));
}

function groupThousands(value: number): string {
  return size(value) < 10_000 ? String(value) : String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

function size(value: number): number {
  return Math.abs(value);
}

function minus(text: string): string {
  return text.replaceAll('-', '−');
}

/** A parameter's or a column's value, whole; numbers as they were given. */
export function formatValue(value: string | number | boolean | undefined): string {
  if (value === undefined) return '–';
  return typeof value === 'number' ? formatNumber(value) : String(value);
}

/** A whole number of things: `1 run`, `3 runs`. */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${groupThousands(count)} ${count === 1 ? singular : plural}`;
}

/** A length of time in its two greatest units. */
export function formatDuration(ms: number): string {
  if (!(ms >= 0)) return '–';
  if (ms < 1000) return `${Math.round(ms)}\u202fms`;
  const seconds = Math.round(ms / 1000);
  if (ms < 10_000) return `${Number((ms / 1000).toFixed(1))}\u202fs`;
  if (seconds < 60) return `${seconds}\u202fs`;
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)];
  if (minutes < 60) return `${minutes}\u202fmin ${seconds % 60}\u202fs`;
  if (hours < 48) return `${hours}\u202fh ${minutes % 60}\u202fmin`;
  return `${days}\u202fd ${hours % 24}\u202fh`;
}

/** How long ago something was, for people. */
export function formatAgo(epochMs: number, now: number): string {
  const ms = now - epochMs;
  if (ms < 5000) return 'just now';
  if (ms < 60_000) return `${Math.round(ms / 1000)}\u202fs ago`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)}\u202fmin ago`;
  if (ms < 48 * 3_600_000) return `${Math.round(ms / 3_600_000)}\u202fh ago`;
  if (ms < 30 * 86_400_000) return `${Math.round(ms / 86_400_000)}\u202fd ago`;
  return formatTime(epochMs).slice(0, 10);
}

const pad = (value: number): string => String(value).padStart(2, '0');

/** A time to the second, where the reader is. */
export function formatTime(epochMs: number): string {
  const date = new Date(epochMs);
  if (Number.isNaN(date.getTime())) return '–';
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** Bytes in their greatest fitting unit. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(3))}\u202f${units[unit]}`;
}

/** Cuts a text in its middle, where names differ least. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const tail = Math.floor(most / 3);
  return `${text.slice(0, most - tail - 1)}…${text.slice(-tail)}`;
}
