/** Rows in columns, and one thing in detail. */
import type { Column } from '../verb.js';
import { cell, isMap, printableLines, valueAt } from './cells.js';
import { styled, styleOf } from './colour.js';

export interface TableOptions {
  readonly wide: boolean;
  readonly colour: boolean;
  /** Width of the terminal; the last column is cut there. Undefined to cut nothing. */
  readonly width?: number | undefined;
  /** Default true. */
  readonly heading?: boolean;
  /** Least widths of the columns; set to those used, so that later rows stand below earlier ones. */
  readonly widths?: number[];
}

const GAP = '   ';

/** Columns as wide as their widest cell; nothing is cut unless `width` says so. */
export function table(columns: readonly Column[], rows: readonly unknown[], { wide, colour, width, heading = true, widths: least = [] }: TableOptions): string {
  const shown = columns.filter((column) => wide || column.wide !== true);
  const cells = rows.map((row) => shown.map(({ path }) => cell(valueAt(row, path))));
  const widths = shown.map(({ head }, index) => Math.max(least[index] ?? 0, heading ? head.length : 0, ...cells.map((line) => lengthOf(line[index] ?? ''))));
  least.splice(0, least.length, ...widths);
  const lines = [...(heading ? [shown.map(({ head }) => head)] : []), ...cells].map((line, number) => {
    const isHeading = heading && number === 0;
    let room = width ?? Infinity;
    return line.map((text, index) => {
      const last = index === line.length - 1;
      const fitted = Array.from(text).slice(0, Math.max(0, room)).join('');
      room -= (widths[index] ?? 0) + GAP.length;
      const padded = last ? fitted : fitted + ' '.repeat(Math.max(0, (widths[index] ?? 0) - lengthOf(fitted)));
      return styled(padded, isHeading ? 'bold' : styleOf(text), colour);
    }).join(GAP).trimEnd();
  });
  return lines.map((line) => `${line}\n`).join('');
}

/** One thing as `name  value` lines; what nests is indented. */
export function detail(value: unknown, { colour }: { readonly colour: boolean }, indent = ''): string {
  if (!isMap(value)) return `${indent}${cell(value)}\n`;
  const members = Object.entries(value).filter(([name]) => name !== '__typename');
  const width = Math.max(0, ...members.map(([name]) => title(name).length));
  return members.map(([name, member]) => {
    const heading = `${indent}${styled(title(name), 'bold', colour)}`;
    if (Array.isArray(member) && member.some(isMap)) return `${heading}\n${member.map((entry) => listed(entry, colour, indent)).join('')}`;
    if (isMap(member)) return isReference(member) ? line(heading, name, width, cellOf(member), colour) : `${heading}\n${detail(member, { colour }, `${indent}  `)}`;
    if (typeof member === 'string' && member.includes('\n')) return `${heading}\n${printableLines(member).trimEnd().split('\n').map((text) => `${indent}  ${text}\n`).join('')}`;
    return line(heading, name, width, cell(member), colour);
  }).join('');
}

function listed(entry: unknown, colour: boolean, indent: string): string {
  if (!isMap(entry)) return `${indent}  - ${cell(entry)}\n`;
  const flat = Object.entries(entry).filter(([name]) => name !== '__typename').map(([name, member]) => ({ name, text: cellOf(member) }));
  return `${indent}  - ${flat.map(({ name, text }) => `${title(name)} ${styled(text, styleOf(text), colour)}`).join(', ')}\n`;
}

/** An entity of another subgraph, by which only its name is shown. */
function isReference(member: Record<string, unknown>): boolean {
  return ('id' in member || 'name' in member) && Object.values(member).every((value) => value === null || typeof value !== 'object');
}

function cellOf(member: unknown): string {
  if (!isMap(member)) return Array.isArray(member) ? member.map(cellOf).join(',') || '-' : cell(member);
  return Object.entries(member).filter(([name, value]) => name !== '__typename' && value !== null).map(([, value]) => cellOf(value)).join(' ') || '-';
}

function line(heading: string, name: string, width: number, text: string, colour: boolean): string {
  return `${heading}${' '.repeat(width - title(name).length)}  ${styled(text, styleOf(text), colour)}\n`;
}

/** `acknowledgedInTime` becomes `acknowledged in time`. */
function title(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}
