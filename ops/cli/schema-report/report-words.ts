/** The words in which every form of the report says the same. */
import type { CheckVerdict, SchemaCheckReport, SchemaFinding, UsageState } from '../../runtime/schema-check.js';

/** How loud a finding is: an error stops the change, a warning asks for a look, a note informs. */
export type Level = 'error' | 'warning' | 'note';

/** Findings by level. What is approved no longer stops anything; conventions and safe changes are notes. */
export function levelOf({ criticality, approved }: SchemaFinding): Level {
  if (criticality === 'BREAKING') return approved ? 'warning' : 'error';
  return criticality === 'DANGEROUS' ? 'warning' : 'note';
}

/** What a finding is called in a list: BREAKING, APPROVED, DANGEROUS, SAFE, LINT. */
export function labelOf({ criticality, kind, approved }: SchemaFinding): string {
  if (kind === 'LINT') return 'LINT';
  return criticality === 'BREAKING' && approved ? 'APPROVED' : criticality;
}

/** The verdict and what to do next, in one or two sentences. */
export function verdictSentence({ verdict, approval, findings, changed }: SchemaCheckReport): string {
  const breaking = findings.filter(({ criticality }) => criticality === 'BREAKING');
  const waiting = breaking.filter(({ approved }) => !approved).length;
  const dangerous = findings.filter(({ criticality }) => criticality === 'DANGEROUS').length;
  const sentences: Readonly<Record<CheckVerdict, string>> = {
    INVALID: `INVALID: the schema cannot be served (${counted(breaking.length, 'problem')}); no approval helps.`,
    BREAKING: approval === 'GIVEN'
      ? `BREAKING and approved: ${counted(breaking.length, 'breaking change')}, all covered by approvals.`
      : `BREAKING: ${counted(waiting, 'breaking change')} ${waiting === 1 ? 'needs' : 'need'} an approval from governance. Ask for it with: acgs schema approve`,
    DANGEROUS: `DANGEROUS: nothing breaks; ${counted(dangerous, 'change')} may make clients behave otherwise.`,
    SAFE: changed.length === 0 ? 'SAFE: nothing changed.' : 'SAFE: nothing changes for any client.',
  };
  return sentences[verdict];
}

/** What the findings were weighed by, and what that is worth. */
export function usageSentence({ changed, usage: { state, from, to, operations, requests } }: SchemaCheckReport): string {
  if (changed.length === 0) return 'There was nothing to weigh.';
  const period = `${counted(operations, 'operation')}, ${counted(requests, 'request')}, ${from ?? '?'} to ${to ?? '?'}`;
  const sentences: Readonly<Record<UsageState, string>> = {
    FRESH: `Weighed by recorded usage: ${period}.`,
    STALE: `Recorded usage is stale (${period}): every change counts as used.`,
    INCOMPLETE: `Recorded usage is incomplete, since some requests were not kept or recording began only lately (${period}): every change counts as used.`,
    EMPTY: 'No usage was ever recorded: every change counts as used.',
    ABSENT: 'There was no usage store to ask: every change counts as used.',
  };
  return sentences[state];
}

/** Why usage makes a finding what it is; null for findings it does not weigh. */
export function weightSentence({ weight, affectedCount }: SchemaFinding): string | null {
  if (weight === null) return null;
  if (weight === 'UNUSED') return 'No recorded or shipped operation uses it.';
  return weight === 'ASSUMED' ? 'Counts as used, because usage is not known well enough.' : `Used by ${counted(affectedCount, 'operation')}.`;
}

/** One line for each operation named with a finding, and one for those that are not. */
export function affectedLines({ affected, affectedCount }: SchemaFinding): string[] {
  const named = new Set(affected.map(({ hash }) => hash)).size;
  const lines = affected.map(({ operation, hash, client, count, origin }) => `${operation ?? 'unnamed'} (${hash.slice(0, 12)}) of ${client}${count === null ? '' : `, ${counted(count, 'request')}`}${origin === 'shipped' ? ', shipped with the graph' : ''}`);
  return affectedCount > named ? [...lines, `and ${affectedCount - named} more`] : lines;
}

/** `1 change`, `2 changes`, `1,200 changes`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-GB')} ${noun}${count === 1 ? '' : 's'}`;
}
