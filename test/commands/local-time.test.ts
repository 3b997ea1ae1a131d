/** Times for people: local, with their zone; expected values by hand from the IANA tables. */
import { fc } from '../kit/properties.js';
import { isoLocal, localTime, shortTime, timeOfWall, useZone } from '../../host-bridge/commands/local-time.js';

const at = (iso: string): number => Date.parse(iso) / 1000;
afterEach(() => useZone(undefined));

test.each([
  ['Europe/Berlin', '2026-11-29T13:03:07Z', '2026-11-29T14:03:07+01:00', '2026-11-29 14:03 CET'],
  ['Europe/Berlin', '2026-07-01T22:30:00Z', '2026-07-02T00:30:00+02:00', '2026-07-02 00:30 CEST'],
  // The hour that is there twice.
  ['Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-25T02:30:00+02:00', '2026-10-25 02:30 CEST'],
  ['Europe/Berlin', '2026-10-25T01:30:00Z', '2026-10-25T02:30:00+01:00', '2026-10-25 02:30 CET'],
  ['America/New_York', '2026-12-31T23:59:59Z', '2026-12-31T18:59:59-05:00', '2026-12-31 18:59 EST'],
  ['America/St_Johns', '2026-01-01T00:00:00Z', '2025-12-31T20:30:00-03:30', '2025-12-31 20:30 UTC-03:30'],
  ['Asia/Kathmandu', '2026-01-01T00:00:00Z', '2026-01-01T05:45:00+05:45', '2026-01-01 05:45 UTC+05:45'],
  ['Asia/Tokyo', '2026-01-01T00:00:00Z', '2026-01-01T09:00:00+09:00', '2026-01-01 09:00 UTC+09:00'],
  ['UTC', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00+00:00', '2026-01-01 00:00 UTC'],
])('%s, %s', (zone, utc, iso, text) => {
  useZone(zone);
  expect([isoLocal(at(utc)), localTime(at(utc))]).toEqual([iso, text]);
});

test('today needs no day, by the day of the zone', () => {
  useZone('Europe/Berlin');
  expect(shortTime(at('2026-11-28T23:30:00Z'), at('2026-11-29T10:00:00Z'))).toBe('00:30');
  expect(shortTime(at('2026-11-28T22:30:00Z'), at('2026-11-29T10:00:00Z'))).toBe('2026-11-28 23:30');
});

test('what the wall says is found again, in every zone and at every hour', () => {
  const zones = fc.constantFrom('Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC');
  fc.assert(
    fc.property(zones, fc.integer({ min: 0, max: 2 ** 31 }), (zone, timeS) => {
      useZone(zone);
      const iso = isoLocal(timeS);
      expect(at(iso)).toBe(timeS);
      const wall = iso.slice(0, 19);
      const found = timeOfWall(wall);
      expect([found <= timeS, isoLocal(found).slice(0, 19)]).toEqual([true, wall]);
    }),
    { numRuns: 300 },
  );
});

test('an hour that is left out is taken by the clocks of before; what is no time is none', () => {
  useZone('Europe/Berlin');
  expect(timeOfWall('2026-03-29T02:30')).toBe(at('2026-03-29T01:30:00Z'));
  expect(timeOfWall('2026-10-25T02:30')).toBe(at('2026-10-25T00:30:00Z'));
  expect(timeOfWall('2026-13-01T00:00')).toBeNaN();
});

test('a zone that is none is a wrong command line', () => {
  expect(() => useZone('Berlin')).toThrow(/USAGE.*Europe\/Berlin|--zone Berlin/);
});
