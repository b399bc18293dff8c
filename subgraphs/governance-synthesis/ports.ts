/** The outside world of change management: what checks schemas. */
import type { SchemaCheckReport, SchemaCheckRequest } from '../../ops/runtime/schema-check.js';

export interface SchemaChecker {
  /**
   * Checks a change of schemas, one at a time.
   * @param request is called when its turn has come.
   * @throws Refusal InvalidInput when it takes longer or more memory than it may, Conflict when too many wait already.
   */
  check(request: () => Promise<SchemaCheckRequest>): Promise<SchemaCheckReport>;
  stop(): Promise<void>;
}
