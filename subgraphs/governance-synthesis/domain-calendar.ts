/** Maintenance windows as recurrences in UTC: when the next one opens and whether a moment lies inside one; pure. */

export type WindowRecurrence = 'WEEKLY' | 'MONTHLY' | 'QUARTERLY';

export interface MaintenanceWindow {
  readonly id: string;
  readonly name: string;
  readonly recurrence: WindowRecurrence;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** Minutes after midnight. */
  readonly startMinute: number;
  /** At most one day. */
  readonly durationMinutes: number;
}

export interface WindowOccurrence {
  readonly window: MaintenanceWindow;
  /** Inclusive. */
  readonly start: string;
  /** Exclusive. */
  readonly end: string;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Months a recurrence skips from one occurrence to the next. */
const MONTH_STEP: Readonly<Record<Exclude<WindowRecurrence, 'WEEKLY'>, number>> = { MONTHLY: 1, QUARTERLY: 3 };

/** The first occurrence of one window that starts at or after a moment (milliseconds since the epoch). */
function firstStartFrom(window: MaintenanceWindow, from: number): number {
  const midnight = Math.floor(from / DAY_MS) * DAY_MS;
  if (window.recurrence === 'WEEKLY') {
    const days = (window.weekday - new Date(midnight).getUTCDay() + 7) % 7;
    const start = midnight + days * DAY_MS + window.startMinute * MINUTE_MS;
    return start >= from ? start : start + 7 * DAY_MS;
  }
  const step = MONTH_STEP[window.recurrence];
  const date = new Date(midnight);
  let month = date.getUTCFullYear() * 12 + date.getUTCMonth();
  month -= month % step;
  for (;;) {
    const start = startInMonth(window, month);
    if (start >= from) return start;
    month += step;
  }
}

/** The start on the first such weekday of a month, counted in months since the year 0. */
function startInMonth(window: MaintenanceWindow, month: number): number {
  const first = Date.UTC(Math.floor(month / 12), month % 12, 1);
  const days = (window.weekday - new Date(first).getUTCDay() + 7) % 7;
  return first + days * DAY_MS + window.startMinute * MINUTE_MS;
}

function occurrenceAt(window: MaintenanceWindow, start: number): WindowOccurrence {
  return { window, start: new Date(start).toISOString(), end: new Date(start + window.durationMinutes * MINUTE_MS).toISOString() };
}

/** The occurrence that contains a moment; of several the one that closes last, null when there is none. */
export function windowAt(windows: readonly MaintenanceWindow[], moment: string): WindowOccurrence | null {
  const at = Date.parse(moment);
  const open = windows
    .map((window) => occurrenceAt(window, firstStartFrom(window, at - window.durationMinutes * MINUTE_MS + 1)))
    .filter(({ start }) => Date.parse(start) <= at);
  return open.reduce<WindowOccurrence | null>((best, one) => (best === null || one.end > best.end ? one : best), null);
}

/** The occurrence that starts next, at or after a moment; null only when there are no windows. */
export function nextWindow(windows: readonly MaintenanceWindow[], moment: string): WindowOccurrence | null {
  const next = windows.map((window) => occurrenceAt(window, firstStartFrom(window, Date.parse(moment))));
  return next.reduce<WindowOccurrence | null>((best, one) => (best === null || one.start < best.start ? one : best), null);
}

/** The first moment at or after the given one that lies inside a window; null only when there are no windows. */
export function firstMomentInside(windows: readonly MaintenanceWindow[], moment: string): string | null {
  if (windowAt(windows, moment) !== null) return moment;
  return nextWindow(windows, moment)?.start ?? null;
}

/** Occurrences that touch the span from `from` (inclusive) to `to` (exclusive), by start, then by id. */
export function windowsBetween(windows: readonly MaintenanceWindow[], from: string, to: string): WindowOccurrence[] {
  const end = Date.parse(to);
  const found = windows.flatMap((window) => {
    const occurrences: WindowOccurrence[] = [];
    let start = firstStartFrom(window, Date.parse(from) - window.durationMinutes * MINUTE_MS + 1);
    while (start < end) {
      occurrences.push(occurrenceAt(window, start));
      start = firstStartFrom(window, start + 1);
    }
    return occurrences;
  });
  return found.sort((a, b) => a.start.localeCompare(b.start) || a.window.id.localeCompare(b.window.id));
}

/** The first moment strictly after the given one with that weekday and time of day. */
export function nextWeekly(weekday: number, minute: number, moment: string): string {
  const weekly: MaintenanceWindow = { id: '', name: '', recurrence: 'WEEKLY', weekday, startMinute: minute, durationMinutes: 1 };
  return new Date(firstStartFrom(weekly, Date.parse(moment) + 1)).toISOString();
}
