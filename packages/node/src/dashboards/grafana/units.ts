/** Grafana's names of base units, by how OpenMetrics calls them. */
const gauges: ReadonlyMap<string, string> = new Map([
  ['seconds', 's'],
  ['bytes', 'bytes'],
  ['ratio', 'percentunit'],
  ['percent', 'percent'],
  ['celsius', 'celsius'],
  ['meters', 'lengthm'],
  ['volts', 'volt'],
  ['amperes', 'amp'],
  ['joules', 'joule'],
  ['watts', 'watt'],
  ['grams', 'massg'],
  ['hertz', 'hertz'],
]);

/** What a unit becomes a second; seconds a second are a share of the time. */
const rates: ReadonlyMap<string, string> = new Map([
  ['seconds', 'percentunit'],
  ['bytes', 'Bps'],
  ['joules', 'watt'],
]);

/** Grafana's unit for values of a family; numbers that have none are shortened (1.2 K). */
export function unitOf(unit: string): string {
  return gauges.get(unit) ?? 'short';
}

/** Grafana's unit for the growth of a counter a second. */
export function rateUnitOf(unit: string): string {
  return rates.get(unit) ?? 'cps';
}
