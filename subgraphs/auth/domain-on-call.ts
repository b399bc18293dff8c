/** Who is on call at any instant: one-week shifts in UTC, one primary always, overrides above rotations. Pure. */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
export const WEEK_MS = 7 * DAY_MS;
/** The first Monday after the epoch, which was a Thursday. */
const FIRST_MONDAY = 4 * DAY_MS;

export const WEEKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] as const;
export type HandoffWeekday = (typeof WEEKDAYS)[number];

export interface Rotation {
  readonly id: string;
  readonly effectiveFrom: Date;
  /** In the order of their turns, at least one, without repetition. */
  readonly participantIds: readonly string[];
  readonly handoffWeekday: HandoffWeekday;
  /** Minutes after midnight, UTC. */
  readonly handoffMinute: number;
  readonly createdBy: string;
  readonly createdAt: Date;
}

export interface Override {
  readonly id: string;
  readonly scheduleId: string;
  readonly principalId: string;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly reason: string;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
}

export interface Schedule {
  readonly id: string;
  readonly teamId: string;
}

/** Everything that decides who is on call for one schedule. */
export interface Roster {
  /** At least one, by `effectiveFrom`; the first also covers the time before it. */
  readonly rotations: readonly Rotation[];
  readonly overrides: readonly Override[];
  /** Since when a person cannot be paged: their account is disabled. */
  readonly unavailableSince: ReadonlyMap<string, Date>;
}

export interface Assignment {
  readonly primaryId: string;
  readonly secondaryId: string | null;
  readonly overrideId: string | null;
}

export interface Shift extends Assignment {
  readonly scheduleId: string;
  readonly startsAt: Date;
  readonly endsAt: Date;
}

/** Moment from which a revoked override no longer counts. */
function effectiveEnd({ endsAt, revokedAt }: Override): Date {
  return revokedAt !== null && revokedAt < endsAt ? revokedAt : endsAt;
}

function covers(override: Override, at: Date): boolean {
  return override.startsAt <= at && at < effectiveEnd(override);
}

/** Number of the week, counted from handoff to handoff, that an instant lies in. */
function weekOf(rotation: Rotation, at: Date): number {
  return Math.floor((at.getTime() - gridOffset(rotation)) / WEEK_MS);
}

function gridOffset({ handoffWeekday, handoffMinute }: Rotation): number {
  return FIRST_MONDAY + WEEKDAYS.indexOf(handoffWeekday) * DAY_MS + handoffMinute * MINUTE_MS;
}

function rotationAt(rotations: readonly Rotation[], at: Date): { rotation: Rotation; next: Rotation | undefined; first: boolean } {
  let index = 0;
  rotations.forEach((rotation, candidate) => { if (rotation.effectiveFrom <= at) index = candidate; });
  const rotation = rotations[index];
  if (rotation === undefined) throw new RangeError('A roster has at least one rotation.');
  return { rotation, next: rotations[index + 1], first: index === 0 };
}

/** The participants in the order in which they are tried at an instant, whoever is unavailable left out unless all are. */
function lineAt(rotation: Rotation, roster: Roster, at: Date): readonly string[] {
  const { participantIds } = rotation;
  const turn = weekOf(rotation, at) - weekOf(rotation, rotation.effectiveFrom);
  const start = ((turn % participantIds.length) + participantIds.length) % participantIds.length;
  const line = [...participantIds.slice(start), ...participantIds.slice(0, start)];
  const available = line.filter((id) => isAvailable(roster, id, at));
  return available.length === 0 ? line : available;
}

function isAvailable(roster: Roster, principalId: string, at: Date): boolean {
  const since = roster.unavailableSince.get(principalId);
  return since === undefined || at < since;
}

/** Who is on call at an instant. The one an override stands in for is not secondary either: they are away. */
export function assignmentAt(roster: Roster, at: Date): Assignment {
  const line = lineAt(rotationAt(roster.rotations, at).rotation, roster, at);
  const scheduled = line[0];
  if (scheduled === undefined) throw new RangeError('A rotation has at least one participant.');
  const override = roster.overrides
    .filter((candidate) => covers(candidate, at) && isAvailable(roster, candidate.principalId, at))
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1))[0];
  const primaryId = override?.principalId ?? scheduled;
  return { primaryId, secondaryId: line.find((id) => id !== primaryId && id !== scheduled) ?? null, overrideId: override?.id ?? null };
}

/** The shift an instant lies in: from the last to the next moment at which anything that decides changes. */
export function shiftAt(schedule: Schedule, roster: Roster, at: Date): Shift {
  const { rotation, next, first } = rotationAt(roster.rotations, at);
  const week = gridOffset(rotation) + weekOf(rotation, at) * WEEK_MS;
  const edges = [
    week, week + WEEK_MS,
    ...(first ? [] : [rotation.effectiveFrom.getTime()]),
    ...(next === undefined ? [] : [next.effectiveFrom.getTime()]),
    ...roster.overrides.filter((override) => effectiveEnd(override) > override.startsAt).flatMap((override) => [override.startsAt.getTime(), effectiveEnd(override).getTime()]),
    ...[...roster.unavailableSince.values()].map((since) => since.getTime()),
  ];
  const now = at.getTime();
  return {
    scheduleId: schedule.id, ...assignmentAt(roster, at),
    startsAt: new Date(Math.max(...edges.filter((edge) => edge <= now))),
    endsAt: new Date(Math.min(...edges.filter((edge) => edge > now))),
  };
}

/** The shifts that touch `[from, until)`, in order and without gaps. */
export function shiftsBetween(schedule: Schedule, roster: Roster, from: Date, until: Date): Shift[] {
  const shifts: Shift[] = [];
  for (let at = from; at < until;) {
    const shift = shiftAt(schedule, roster, at);
    shifts.push(shift);
    at = shift.endsAt;
  }
  return shifts;
}

/** Minutes after midnight of `HH:MM`; null when the text is no time. */
export function parseHandoffTime(text: string): number | null {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  return match === null ? null : Number(match[1]) * 60 + Number(match[2]);
}

export function handoffTimeText(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}
