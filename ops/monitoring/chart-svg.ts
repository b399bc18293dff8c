/** Draws one panel as SVG: lines over time, a scale, the limit, and a legend. */
import type { Panel, Unit } from './panels.js';

export interface Line {
  readonly name: string;
  /** Seconds since the epoch, and the value. */
  readonly points: readonly (readonly [at: number, value: number])[];
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, LEGEND_ROW] = [560, 210, 64, 12, 34, 14];
const COLOURS = ['#3274d9', '#e0752d', '#56a64b', '#a352cc', '#c4162a', '#0f9b9b', '#b58b00', '#707078'];
const MAX_LINES = 8;

/** @param lines those that do not fit are counted in the legend. */
export function chartSvg({ title, unit, limits }: Pick<Panel, 'title' | 'unit' | 'limits'>, lines: readonly Line[]): string {
  const shown = lines.slice(0, MAX_LINES);
  const values = shown.flatMap(({ points }) => points.map(([, value]) => value));
  const times = shown.flatMap(({ points }) => points.map(([at]) => at));
  if (values.length === 0) throw new Error(`There is nothing to draw for "${title}".`);
  const [begin, end] = [Math.min(...times), Math.max(...times, Math.min(...times) + 1)];
  const [low, high] = [Math.min(0, ...values), Math.max(...values) * 1.1 || 1];
  const x = (at: number): number => LEFT + ((at - begin) / (end - begin)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - 30);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const value = low + share * (high - low);
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="#8884"/><text x="${LEFT - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${written(value, unit)}</text>`;
  });
  const limit = limits.critical > low && limits.critical < high ? `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(limits.critical).toFixed(1)}" y2="${y(limits.critical).toFixed(1)}" stroke="#c4162a" stroke-dasharray="5 4"/>` : '';
  const paths = shown.map(({ points }, index) => `<polyline fill="none" stroke="${COLOURS[index] ?? ''}" stroke-width="1.5" points="${points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}"/>`);
  const names = [...shown.map(({ name }) => name), ...(lines.length > shown.length ? [`and ${lines.length - shown.length} more`] : [])];
  const legend = names.map((name, index) => `<rect x="${LEFT + (index % 2) * 240}" y="${HEIGHT + Math.floor(index / 2) * LEGEND_ROW - 8}" width="9" height="9" fill="${COLOURS[index] ?? '#8888'}"/><text x="${LEFT + 14 + (index % 2) * 240}" y="${HEIGHT + Math.floor(index / 2) * LEGEND_ROW}">${escaped(name)}</text>`);
  const height = HEIGHT + Math.ceil(names.length / 2) * LEGEND_ROW;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="10" fill="#777">
<text x="${LEFT}" y="18" font-size="13" font-weight="bold">${escaped(title)}</text>
${grid.join('\n')}
${limit}
${paths.join('\n')}
<text x="${LEFT}" y="${HEIGHT - 16}">0 s</text><text x="${WIDTH - RIGHT}" y="${HEIGHT - 16}" text-anchor="end">${Math.round(end - begin)} s</text>
${legend.join('\n')}
</svg>
`;
}

function written(value: number, unit: Unit): string {
  const short = (number: number): string => Number(number.toPrecision(3)).toString();
  switch (unit) {
    case 's': return Math.abs(value) < 1 ? `${short(value * 1_000)} ms` : `${short(value)} s`;
    case 'percentunit': return `${short(value * 100)} %`;
    case 'bytes': return `${short(value / 2 ** 20)} MiB`;
    case 'Bps': return `${short(value / 1_024)} KiB/s`;
    case 'reqps': case 'cps': return `${short(value)}/s`;
    default: return short(value);
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
