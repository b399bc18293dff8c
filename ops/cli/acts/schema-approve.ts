/** Approving the breaking findings of a schema check that somebody read. */
import type { Run } from '../act.js';
import { approveWhatWasRead } from './approve.js';

/** Approves a check. @throws CliError USAGE where nobody can have read it: no digest and no terminal. */
export function schemaApprove(run: Run): Promise<number> {
  return approveWhatWasRead(run, {
    show: { operation: 'show-schema-check', field: 'schemaCheck', digest: 'proposedDigest', command: 'acgs schema show', list: 'acgs schema checks', noun: 'schema check' },
    answer: {
      operation: 'approve-schema-check', rows: 'approveSchemaCheck.check', resource: 'schema-check',
      columns: [{ head: 'ID', path: 'id' }, { head: 'VERDICT', path: 'verdict' }, { head: 'APPROVAL', path: 'approval' }, { head: 'DIGEST', path: 'proposedDigest', wide: true }],
    },
    question: (id, digest) => `Approve the breaking findings of ${id} with digest ${digest}?`,
  });
}
