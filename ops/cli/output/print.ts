/** Writes a result in the form that was asked for. */
import type { Run } from '../act.js';
import type { Column } from '../verb.js';
import { cell, printableJson, valueAt } from './cells.js';
import { detail, table } from './table.js';

export interface Result {
  /** One thing or a list. */
  readonly value: unknown;
  readonly columns: readonly Column[];
  readonly view?: 'row' | 'detail';
  /** For `-o name`. */
  readonly resource: string;
  readonly nameAt?: string;
  /** What json and yaml show; default the value, lists as `{ items }` with `page`. */
  readonly whole?: unknown;
  /** Cursor of a list that goes on. */
  readonly page?: { readonly endCursor: string | null; readonly hasNextPage: boolean };
}

/** Writes it to standard output. */
export async function print({ options, terminal }: Pick<Run, 'options' | 'terminal'>, result: Result): Promise<void> {
  const { value, columns, view = 'row', resource, nameAt = 'id', page } = result;
  const whole = result.whole ?? (Array.isArray(value) ? { items: value, ...page } : value);
  const rows = Array.isArray(value) ? value : [value];
  switch (options.output) {
    case 'json': return terminal.out(`${printableJson(whole, 2)}\n`);
    case 'yaml': return terminal.out((await import('yaml')).stringify(whole));
    case 'name': return terminal.out(rows.map((row) => `${resource}/${cell(valueAt(row, nameAt))}\n`).join(''));
    case 'table':
    case 'wide': {
      if (view === 'detail' && !Array.isArray(value)) return terminal.out(detail(value, terminal));
      if (rows.length === 0) return options.quiet ? undefined : terminal.err('Nothing found.\n');
      const wide = options.output === 'wide';
      return terminal.out(table(columns, rows, { wide, colour: terminal.colour, width: terminal.interactiveOutput && !wide ? terminal.columns : undefined }));
    }
  }
}
