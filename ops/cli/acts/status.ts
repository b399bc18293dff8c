/** The whole picture in one request. */
import type { Run } from '../act.js';
import { EXIT } from '../exit-codes.js';
import { printable } from '../output/cells.js';
import { print } from '../output/print.js';
import { styled } from '../output/colour.js';
import { table } from '../output/table.js';
import { dryRun, send } from '../run-verb.js';
import type { Column } from '../verb.js';

export interface Dashboard {
  readonly services: readonly { readonly id: string; readonly incidents: readonly { readonly id: string; readonly severity: string; readonly status: string }[] }[];
  readonly alerts: { readonly nodes: readonly unknown[] };
}

export const SERVICE_COLUMNS: readonly Column[] = [
  { head: 'SERVICE', path: 'id' }, { head: 'TIER', path: 'tier' }, { head: 'VERSION', path: 'activeDeployment.version' }, { head: 'DEPLOYMENT', path: 'activeDeployment.status' },
  { head: 'COMPLIANCE', path: 'compliance.score' }, { head: 'INCIDENTS', path: 'open' }, { head: 'ON CALL', path: 'onCall.displayName' },
];
export const ALERT_COLUMNS: readonly Column[] = [{ head: 'ALERT', path: 'name' }, { head: 'LEVEL', path: 'level' }, { head: 'SERVICE', path: 'service.id' }, { head: 'INCIDENT', path: 'incident.id' }, { head: 'SINCE', path: 'startsAt' }];

/** Shows services, firing alerts, and in one line what needs somebody. */
export async function status(run: Run): Promise<number> {
  const { options, terminal, graph } = run;
  if (options.dryRun) return dryRun(run, [{ operation: 'dashboard', variables: {} }]);
  const [dashboard, health] = await Promise.all([send<Dashboard & Record<string, unknown>>(run, 'dashboard', {}), graph.health()]);
  const services = withOpenIncidents(dashboard);
  const alerts = dashboard.alerts.nodes;
  if (options.output !== 'table' && options.output !== 'wide') {
    await print(run, { value: services, columns: [], resource: 'service', whole: { services: dashboard.services, alerts, degraded: health.degraded ?? [], constitutionalHash: health.constitutionalHash ?? null } });
    return EXIT.OK.code;
  }
  const form = { wide: options.output === 'wide', colour: terminal.colour, width: terminal.interactiveOutput ? terminal.columns : undefined };
  terminal.out(table(SERVICE_COLUMNS, services, form));
  if (alerts.length > 0) terminal.out(`\n${table(ALERT_COLUMNS, alerts, form)}`);
  terminal.out(`\n${styled(printable(headline(dashboard, health.degraded ?? [])), alerts.length + (health.degraded ?? []).length > 0 ? 'yellow' : 'green', terminal.colour)}\n`);
  return EXIT.OK.code;
}

/** Adds the incidents that are not closed, as text, to each service. */
export function withOpenIncidents({ services }: Dashboard): readonly (Dashboard['services'][number] & { readonly open: readonly string[] })[] {
  return services.map((service) => ({ ...service, open: service.incidents.filter(({ status: state }) => !['RESOLVED', 'REVIEWED', 'CLOSED'].includes(state)).map(({ id, severity }) => `${id} ${severity}`) }));
}

function headline(dashboard: Dashboard, degraded: readonly string[]): string {
  const incidents = new Set(withOpenIncidents(dashboard).flatMap(({ open }) => open));
  const parts = [`${dashboard.alerts.nodes.length} firing alerts`, `${incidents.size} open incidents`, degraded.length === 0 ? 'all subgraphs ready' : `degraded: ${degraded.join(', ')}`];
  return `${parts.join(', ')}.`;
}
