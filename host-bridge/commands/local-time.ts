/**
 * Times as people read them: by the clock on their wall, with its zone, so that a receipt means the same wherever it is
 * read. `--zone` names one; without it the machine's, which TZ names.
 */
import { failure } from '../base/errors.js';

/** As IANA names it; undefined: the machine's. */
let zone: string | undefined;

/**
 * Sets the zone of what follows.
 * @param name as in Europe/Berlin; undefined: the machine's @throws TapcashError USAGE
 */
export function useZone(name: string | undefined): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
  } catch {
    throw failure('USAGE', `--zone ${name}: write it as in Europe/Berlin`);
  }
  zone = name;
}

function partOf(
  type: Intl.DateTimeFormatPartTypes,
  timeS: number,
  options: Intl.DateTimeFormatOptions,
  locale: string,
) {
  const format = new Intl.DateTimeFormat(locale, { timeZone: zone, ...options });
  return format.formatToParts(timeS * 1000).find((part) => part.type === type)!.value;
}

/** How far the zone's clocks are ahead of UTC at a moment, seconds; the seconds of before 1972 are left out. */
function offsetS(timeS: number): number {
  const text = partOf('timeZoneName', timeS, { timeZoneName: 'longOffset' }, 'en-US');
  const [, sign, hours, minutes] = /([+-])(\d{2}):(\d{2})/.exec(text) ?? ['', '+', '0', '0'];
  return (sign === '-' ? -60 : 60) * (Number(hours) * 60 + Number(minutes));
}

/** What the wall says, as if it were UTC. */
const wall = (timeS: number): string => new Date((timeS + offsetS(timeS)) * 1000).toISOString();

/** ISO 8601 with the offset, 2026-11-29T14:03:07+01:00. @param timeS Unix time */
export function isoLocal(timeS: number): string {
  const minutes = Math.abs(offsetS(timeS)) / 60;
  const two = (count: number): string => String(count).padStart(2, '0');
  const sign = offsetS(timeS) < 0 ? '-' : '+';
  return `${wall(timeS).slice(0, 19)}${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** English names differ by country: "CET" is British, "EST" American. */
const LOCALES = ['en-GB', 'en-US', 'en-AU'];

/** What people call the zone at a moment, CET or CEST; where English has no word for it, its offset. */
function zoneName(timeS: number): string {
  const names = LOCALES.map((locale) => partOf('timeZoneName', timeS, { timeZoneName: 'short' }, locale));
  return names.find((name) => !/\d/.test(name)) ?? `UTC${isoLocal(timeS).slice(-6)}`;
}

/** A moment for people, 2026-11-29 14:03 CET. @param timeS Unix time */
export const localTime = (timeS: number): string => `${wall(timeS).slice(0, 16).replace('T', ' ')} ${zoneName(timeS)}`;

/** For a list or a sentence: 14:03, with its day where that is not today. @param timeS, nowS Unix time */
export const shortTime = (timeS: number, nowS = Math.floor(Date.now() / 1000)): string =>
  localTime(timeS).slice(wall(timeS).slice(0, 10) === wall(nowS).slice(0, 10) ? 11 : 0, 16);

/** The zone, as IANA names it. */
export const zoneInUse = (): string => zone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;

/**
 * The moment at which the wall said so. In the hour that is there twice it is the first one; one that is left out is
 * taken by the clocks of before.
 * @param text 2026-11-29T14:03 @returns Unix time; NaN where it is no time
 */
export function timeOfWall(text: string): number {
  const asUtcS = Date.parse(`${text}Z`) / 1000;
  if (Number.isNaN(asUtcS)) return NaN;
  // The clocks change by less than a day.
  const before = asUtcS - offsetS(asUtcS - 86_400);
  const after = asUtcS - offsetS(asUtcS + 86_400);
  const found = [before, after].filter((timeS) => timeS + offsetS(timeS) === asUtcS);
  return found.length > 0 ? Math.min(...found) : before;
}
