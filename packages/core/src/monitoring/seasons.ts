/** Kinds of seasons: what repeats after a day or a week. */
export const seasonKinds = ['hour-of-day', 'day-of-week', 'hour-of-week'] as const;

/** A kind of season. Weeks begin on Monday. */
export type SeasonKind = (typeof seasonKinds)[number];

/** Rows that a season needs for a reference of its own. */
export const fewestRowsOfSeason = 100;

const hourMs = 3_600_000;
/** 1970-01-01 was a Thursday. */
const hoursFromMondayToEpoch = 3 * 24;

/** How many seasons of a kind there are. */
export function seasonCount(kind: SeasonKind): number {
  return { 'hour-of-day': 24, 'day-of-week': 7, 'hour-of-week': 168 }[kind];
}

/**
 * Which season a time belongs to.
 * @param epochMs milliseconds since 1970-01-01 UTC
 * @param utcOffsetMinutes by which hours and days are ahead of UTC
 * @returns 0 to {@link seasonCount} − 1
 */
export function seasonOf(epochMs: number, kind: SeasonKind, utcOffsetMinutes: number): number {
  const hours = Math.floor((epochMs + utcOffsetMinutes * 60_000) / hourMs) + hoursFromMondayToEpoch;
  const hourOfWeek = ((hours % 168) + 168) % 168;
  if (kind === 'hour-of-week') return hourOfWeek;
  return kind === 'hour-of-day' ? hourOfWeek % 24 : Math.floor(hourOfWeek / 24);
}
