/** Draws the dashboard as lines of text for a screen of a given size; pure. */
import { styled, type Style } from '../output/colour.js';
import { printable } from '../output/cells.js';
import { table } from '../output/table.js';
import type { Column } from '../verb.js';
import { PANES, type Pane, type TopState } from './state.js';

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
}

const COLUMNS: Readonly<Record<Pane, readonly Column[]>> = {
  services: [{ head: 'SERVICE', path: 'id' }, { head: 'VERSION', path: 'activeDeployment.version' }, { head: 'COMPLIANCE', path: 'compliance.score' }, { head: 'INCIDENTS', path: 'open' }, { head: 'ON CALL', path: 'onCall.displayName' }],
  alerts: [{ head: 'LEVEL', path: 'level' }, { head: 'ALERT', path: 'name' }, { head: 'SERVICE', path: 'service.id' }, { head: 'INCIDENT', path: 'incident.id' }, { head: 'SINCE', path: 'startsAt' }],
  incidents: [{ head: 'ID', path: 'id' }, { head: 'SEV', path: 'severity' }, { head: 'STATUS', path: 'status' }, { head: 'SERVICE', path: 'service.id' }, { head: 'TITLE', path: 'title' }],
  changes: [{ head: 'CATEGORY', path: 'category' }, { head: 'STATUS', path: 'status' }, { head: 'SERVICE', path: 'service.id' }, { head: 'TITLE', path: 'title' }],
};
const TITLES: Readonly<Record<Pane, string>> = { services: 'Services', alerts: 'Firing alerts', incidents: 'Incidents', changes: 'Changes' };
const FOOTER = 'q quit   tab pane   up/down scroll   r read again';
/** Below this the panes have no room. */
const LEAST = { columns: 40, rows: 12 };

/** Exactly `rows` lines, none wider than `columns`. */
export function render(state: TopState, screen: Screen): string[] {
  const { columns, rows } = screen;
  if (columns < LEAST.columns || rows < LEAST.rows) return filled([cut(`The window is too small: ${columns}x${rows}, needs ${LEAST.columns}x${LEAST.rows}.`, columns)], rows);
  const body = rows - 3;
  const heights = shares(state, body);
  const panes = PANES.flatMap((pane, index) => paneLines(state, pane, heights[index] ?? 0, screen));
  return [...filled([header(state, screen), summary(state, screen), ...panes], rows - 1), styled(cut(state.fault === undefined ? FOOTER : `! ${printable(state.fault)}`, columns), state.fault === undefined ? 'dim' : 'red', screen.colour)];
}

function header({ server, constitutionalHash, username, at }: TopState, { columns, colour }: Screen): string {
  const left = `acgs top  ${printable(server)}  ${printable(username)}  ${constitutionalHash}`;
  const right = at === undefined ? 'reading' : `${at.toISOString().slice(11, 19)}Z`;
  const text = cut(left, columns - right.length - 1);
  return styled(text.padEnd(columns - right.length) + right, 'inverse', colour);
}

function summary({ rows, degraded, live }: TopState, { columns, colour }: Screen): string {
  const state = degraded === undefined ? 'health unknown' : degraded.length === 0 ? 'all subgraphs ready' : `degraded: ${degraded.join(', ')}`;
  const style: Style | undefined = degraded !== undefined && degraded.length > 0 ? 'red' : rows.alerts.length > 0 ? 'yellow' : 'green';
  return styled(cut(`${rows.alerts.length} alerts  ${rows.incidents.length} incidents  ${rows.changes.length} changes  ${state}  streams ${live}/3`, columns), style, colour);
}

/** Lines of each pane, its title included: what it needs, and what is left over to the one in focus. */
function shares({ rows, focus }: TopState, body: number): number[] {
  const least = 3;
  const wanted = PANES.map((pane) => Math.max(least, rows[pane].length + 2));
  const given = PANES.map(() => Math.min(least, Math.floor(body / PANES.length)));
  let left = body - given.reduce((sum, height) => sum + height, 0);
  const order = [PANES.indexOf(focus), ...PANES.keys()];
  for (const index of order) {
    const more = Math.min(left, Math.max(0, (wanted[index] ?? 0) - (given[index] ?? 0)));
    given[index] = (given[index] ?? 0) + more;
    left -= more;
  }
  return given;
}

function paneLines(state: TopState, pane: Pane, height: number, { columns, colour }: Screen): string[] {
  const all = state.rows[pane];
  const room = Math.max(0, height - 2);
  const first = Math.max(0, Math.min(state.offset[pane], all.length - room));
  const shown = all.slice(first, first + room);
  const hidden = all.length - shown.length;
  const title = `${pane === state.focus ? '>' : ' '} ${TITLES[pane]} (${all.length})${hidden > 0 ? `  ${first + 1}-${first + shown.length}` : ''}`;
  const lines = shown.length === 0 ? ['  none'] : table(COLUMNS[pane], shown, { wide: false, colour, width: columns - 2 }).trimEnd().split('\n').map((line) => `  ${line}`);
  return filled([styled(cut(title, columns), pane === state.focus ? 'bold' : 'dim', colour), ...lines], height);
}

function filled(lines: readonly string[], count: number): string[] {
  return Array.from({ length: Math.max(0, count) }, (_, index) => lines[index] ?? '');
}

function cut(text: string, width: number): string {
  return Array.from(text).slice(0, Math.max(0, width)).join('');
}
