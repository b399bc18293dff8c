/** Maintenance windows: the calendar agrees with a brute-force search written from the definition of each window. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { firstMomentInside, nextWeekly, nextWindow, windowAt, windowsBetween } from '../../../subgraphs/governance-synthesis/domain-calendar.js';
import { SEED_WINDOWS } from '../../../subgraphs/governance-synthesis/seed.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Written from the words of the requirements, not from the recurrence rows. */
function openIds(moment: number): string[] {
  const date = new Date(moment);
  const minuteOfDay = date.getUTCHours() * 60 + date.getUTCMinutes();
  const ids: string[] = [];
  if (date.getUTCDay() === 0 && minuteOfDay >= 120 && minuteOfDay < 240) ids.push('weekly');
  const firstSaturday = date.getUTCDay() === 6 && date.getUTCDate() <= 7;
  if (firstSaturday && minuteOfDay >= 120 && minuteOfDay < 360) ids.push('monthly');
  if (firstSaturday && date.getUTCMonth() % 3 === 0 && minuteOfDay >= 120 && minuteOfDay < 480) ids.push('quarterly');
  return ids;
}

const iso = (moment: number): string => new Date(moment).toISOString();
const moments = fc.integer({ min: Date.UTC(1999, 0, 1), max: Date.UTC(2101, 0, 1) });
const minutes = moments.map((moment) => Math.floor(moment / MINUTE) * MINUTE);
/** Moments around the openings, where mistakes by one would show. */
const nearSaturday = fc.tuple(fc.integer({ min: 1999, max: 2100 }), fc.integer({ min: 0, max: 11 }), fc.integer({ min: 0, max: 8 }), fc.integer({ min: -2 * MINUTE, max: 9 * HOUR }))
  .map(([year, month, day, offset]) => Date.UTC(year, month, 1 + day, 0) + offset);

describe('maintenance windows', () => {
  test('a moment lies inside a window exactly when the brute force says so', () => {
    fc.assert(fc.property(fc.oneof(moments, nearSaturday), (moment) => {
      const open = windowAt(SEED_WINDOWS, iso(moment));
      expect(open !== null).toBe(openIds(moment).length > 0);
      if (open !== null) {
        expect(openIds(moment)).toContain(open.window.id);
        expect(Date.parse(open.start)).toBeLessThanOrEqual(moment);
        expect(Date.parse(open.end)).toBeGreaterThan(moment);
      }
    }), { numRuns: 3_000 });
  });

  test('the next window is the first minute at which one opens', () => {
    fc.assert(fc.property(minutes, (moment) => {
      let at = moment;
      const opensAt = (minute: number): boolean => openIds(minute).some((id) => !openIds(minute - MINUTE).includes(id));
      while (!opensAt(at)) at += MINUTE;
      expect(nextWindow(SEED_WINDOWS, iso(moment))?.start).toBe(iso(at));
    }), { numRuns: 30 });
  });

  test('the first moment inside is the moment itself or the next opening', () => {
    fc.assert(fc.property(fc.oneof(moments, nearSaturday), (moment) => {
      const first = Date.parse(firstMomentInside(SEED_WINDOWS, iso(moment)) ?? '');
      expect(openIds(first)).not.toHaveLength(0);
      if (openIds(moment).length > 0) expect(first).toBe(moment);
      else expect(Date.parse(nextWindow(SEED_WINDOWS, iso(moment))?.start ?? '')).toBe(first);
    }), { numRuns: 1_000 });
  });

  test('the windows of a span are those a scan of its minutes meets', () => {
    fc.assert(fc.property(minutes, fc.integer({ min: 1, max: 30 * 24 * 60 }), (from, length) => {
      const to = from + length * MINUTE;
      const met = new Set<string>();
      for (let at = from; at < to; at += MINUTE) for (const id of openIds(at)) met.add(`${id} ${iso(at).slice(0, 10)}`);
      const listed = windowsBetween(SEED_WINDOWS, iso(from), iso(to));
      expect(new Set(listed.map(({ window, start }) => `${window.id} ${start.slice(0, 10)}`))).toEqual(met);
      expect(listed).toHaveLength(met.size);
      expect(listed.map(({ start }) => start)).toEqual(listed.map(({ start }) => start).sort());
    }), { numRuns: 25 });
  });

  test('knows the windows of January 2026', () => {
    const listed = windowsBetween(SEED_WINDOWS, '2026-01-01T00:00:00.000Z', '2026-01-12T00:00:00.000Z');
    expect(listed.map(({ window, start, end }) => [window.id, start, end])).toEqual([
      ['monthly', '2026-01-03T02:00:00.000Z', '2026-01-03T06:00:00.000Z'],
      ['quarterly', '2026-01-03T02:00:00.000Z', '2026-01-03T08:00:00.000Z'],
      ['weekly', '2026-01-04T02:00:00.000Z', '2026-01-04T04:00:00.000Z'],
      ['weekly', '2026-01-11T02:00:00.000Z', '2026-01-11T04:00:00.000Z'],
    ]);
  });

  test('a weekly moment is strictly later, at most a week, on its day and minute', () => {
    fc.assert(fc.property(moments, fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 1439 }), (moment, weekday, minute) => {
      const next = new Date(nextWeekly(weekday, minute, iso(moment)));
      expect(next.getTime()).toBeGreaterThan(moment);
      expect(next.getTime() - moment).toBeLessThanOrEqual(7 * DAY);
      expect([next.getUTCDay(), next.getUTCHours() * 60 + next.getUTCMinutes(), next.getUTCSeconds()]).toEqual([weekday, minute, 0]);
    }));
  });
});
