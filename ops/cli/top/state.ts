/** What the dashboard knows and what a key or a message makes of it; pure. */

export const PANES = ['services', 'alerts', 'incidents', 'changes'] as const;
export type Pane = (typeof PANES)[number];

export type Row = Readonly<Record<string, unknown>> & { readonly id: string };

export interface TopState {
  readonly server: string;
  readonly constitutionalHash: string;
  readonly username: string;
  /** When something was last heard. */
  readonly at: Date | undefined;
  readonly rows: Readonly<Record<Pane, readonly Row[]>>;
  /** Subgraphs that are not ready; undefined before the first answer. */
  readonly degraded: readonly string[] | undefined;
  /** Streams that are live, of three. */
  readonly live: number;
  /** What went wrong last; cleared by the next answer. */
  readonly fault: string | undefined;
  readonly focus: Pane;
  /** First row that is shown, by pane. */
  readonly offset: Readonly<Record<Pane, number>>;
}

export type TopEvent =
  | { readonly kind: 'list'; readonly pane: Pane; readonly rows: readonly Row[]; readonly at: Date }
  | { readonly kind: 'row'; readonly pane: Pane; readonly row: Row; readonly at: Date }
  | { readonly kind: 'health'; readonly degraded: readonly string[] }
  | { readonly kind: 'live'; readonly streams: number }
  | { readonly kind: 'fault'; readonly message: string }
  | { readonly kind: 'key'; readonly key: Key };

export type Key = 'next' | 'previous' | 'up' | 'down' | 'top';

/** The dashboard before anything was heard. */
export function initialState(identity: Pick<TopState, 'server' | 'constitutionalHash' | 'username'>): TopState {
  return {
    ...identity, at: undefined, degraded: undefined, live: 0, fault: undefined, focus: 'services',
    rows: { services: [], alerts: [], incidents: [], changes: [] }, offset: { services: 0, alerts: 0, incidents: 0, changes: 0 },
  };
}

/** Rows that need nobody any more leave their pane. */
const SETTLED: Readonly<Record<Pane, readonly string[]>> = { services: [], alerts: ['RESOLVED'], incidents: ['CLOSED'], changes: ['REJECTED', 'REVIEWED', 'EXPIRED', 'WITHDRAWN'] };

/** Whether a row belongs on the dashboard. */
export function needsSomebody(pane: Pane, row: Row): boolean {
  return !SETTLED[pane].includes(String(row['state'] ?? row['status'] ?? ''));
}

/** The state after an event. */
export function next(state: TopState, event: TopEvent): TopState {
  switch (event.kind) {
    case 'list': return clamped({ ...state, at: event.at, fault: undefined, rows: { ...state.rows, [event.pane]: event.rows.filter((row) => needsSomebody(event.pane, row)) } });
    case 'row': {
      const before = state.rows[event.pane];
      const known = before.find(({ id }) => id === event.row.id);
      const row = { ...known, ...event.row };
      const others = before.filter(({ id }) => id !== row.id);
      const rows = !needsSomebody(event.pane, row) ? others : known === undefined ? [row, ...others] : before.map((old) => (old.id === row.id ? row : old));
      return clamped({ ...state, at: event.at, rows: { ...state.rows, [event.pane]: rows } });
    }
    case 'health': return { ...state, degraded: event.degraded };
    case 'live': return { ...state, live: event.streams };
    case 'fault': return { ...state, fault: event.message };
    default: return pressed(state, event.key);
  }
}

function pressed(state: TopState, key: Key): TopState {
  const { focus, offset } = state;
  const step = key === 'next' ? 1 : key === 'previous' ? PANES.length - 1 : 0;
  if (step > 0) return { ...state, focus: PANES[(PANES.indexOf(focus) + step) % PANES.length] ?? focus };
  const moved = key === 'top' ? 0 : offset[focus] + (key === 'down' ? 1 : -1);
  return clamped({ ...state, offset: { ...offset, [focus]: moved } });
}

function clamped(state: TopState): TopState {
  const offset = Object.fromEntries(PANES.map((pane) => [pane, Math.max(0, Math.min(state.offset[pane], state.rows[pane].length - 1))])) as TopState['offset'];
  return { ...state, offset };
}
