/** HTTP routes of constitutional-ai: the validation that scripts have always asked for, and the gateway's reports. */
import { jsonReply, readJson, type HttpHandler } from '../../ops/runtime/http-server.js';
import type { HopRoute } from '../kernel/define-subgraph.js';
import type { ConstitutionService } from './service.js';
import type { ViolationService } from './service-violations.js';

/** Public: it tells nothing that an answer of the graph does not carry. */
export function publicRoutes(constitution: ConstitutionService): Readonly<Record<string, HttpHandler>> {
  return {
    'GET /api/v1/constitutional/validate': async () => {
      const { valid, hash, digest, epoch, checkedAt } = await constitution.validation();
      return jsonReply(valid ? 200 : 503, { constitutional_hash: hash, valid, digest, epoch, checked_at: checkedAt }, { 'cache-control': 'no-store' });
    },
  };
}

export function gatewayRoutes(violations: ViolationService): Readonly<Record<string, HopRoute>> {
  return {
    'POST /internal/violations': async (request) => {
      const { id, isNew } = await violations.report(readJson(request));
      return jsonReply(isNew ? 201 : 200, { id });
    },
  };
}
