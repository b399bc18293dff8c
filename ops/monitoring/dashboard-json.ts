/** Grafana's dashboard documents (schema version 39), made of the panels. */
import type { Dashboard, Panel } from './panels.js';

const DATASOURCE = { type: 'prometheus', uid: 'acgs-prometheus' };
const COLUMNS = 24;
const HEIGHT = 8;

/** One dashboard as the JSON that Grafana provisions. */
export function dashboardJson(dashboard: Dashboard): string {
  let [x, y] = [0, 0];
  const panels = dashboard.panels.map((panel, index) => {
    const { width = COLUMNS / 2 } = panel;
    if (x + width > COLUMNS) [x, y] = [0, y + HEIGHT];
    const placed = panelJson(panel, index + 1, { x, y, w: width, h: HEIGHT });
    x += width;
    return placed;
  });
  return `${JSON.stringify({
    uid: dashboard.uid, title: dashboard.title, description: dashboard.description, tags: ['acgs'], schemaVersion: 39, version: 1, editable: false, graphTooltip: 1,
    time: { from: 'now-6h', to: 'now' }, refresh: '30s', timezone: 'utc', annotations: { list: [] }, templating: { list: [] }, panels,
  }, null, 2)}\n`;
}

function panelJson({ title, description, kind, unit, queries, limits, min, max }: Panel, id: number, gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>): object {
  const { warning, critical, falling = false } = limits;
  const steps = falling
    ? [{ value: null, color: 'red' }, { value: critical, color: critical === warning ? 'green' : 'orange' }, ...(critical === warning ? [] : [{ value: warning, color: 'green' }])]
    : [{ value: null, color: 'green' }, { value: warning, color: critical === warning ? 'red' : 'orange' }, ...(critical === warning ? [] : [{ value: critical, color: 'red' }])];
  return {
    id, title, description, type: kind, datasource: DATASOURCE, gridPos,
    fieldConfig: { defaults: { unit, thresholds: { mode: 'absolute', steps }, ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }, overrides: [] },
    targets: queries.map(({ expression, legend }, index) => ({ refId: String.fromCharCode('A'.charCodeAt(0) + index), datasource: DATASOURCE, expr: expression, legendFormat: legend, instant: kind !== 'timeseries', range: kind === 'timeseries', exemplar: kind === 'timeseries' && unit === 's' })),
    options: kind === 'timeseries' ? { legend: { showLegend: true, displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } } : kind === 'stat' ? { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value', textMode: 'auto' } : {},
  };
}
