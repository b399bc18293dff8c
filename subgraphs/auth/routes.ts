/** HTTP routes beside GraphQL: the public key set, and what only the gateway may ask. */
import { z } from 'zod';
import { AcgsError } from '../../ops/runtime/errors.js';
import { jsonReply, readJson, type HttpHandler } from '../../ops/runtime/http-server.js';
import type { HopRoute } from '../kernel/define-subgraph.js';
import type { AuthService } from './service.js';

const credentials = z.object({ apiKey: z.string().max(8_192) });

export function publicRoutes(service: AuthService): Record<string, HttpHandler> {
  return {
    'GET /.well-known/jwks.json': async () => jsonReply(200, await service.credentials.jwks(), { 'cache-control': 'public, max-age=60' }),
  };
}

export function gatewayRoutes(service: AuthService): Record<string, HopRoute> {
  return {
    'GET /internal/revocations': async ({ query }) => {
      const since = query.get('since') ?? '0';
      if (!/^\d{1,15}$/.test(since)) throw new AcgsError('BAD_REQUEST', 'since is a whole number from 0.');
      return jsonReply(200, await service.credentials.revocationsSince(Number(since)), { 'cache-control': 'no-store' });
    },
    'POST /internal/credentials': async (request) => {
      const body = credentials.safeParse(readJson(request));
      if (!body.success) throw new AcgsError('BAD_REQUEST', 'The body is { "apiKey": "..." }.');
      return jsonReply(200, await service.credentials.exchange(body.data.apiKey), { 'cache-control': 'no-store' });
    },
  };
}
