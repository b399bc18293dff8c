/** Hive Gateway on Node's HTTP server: its defaults, without de-duplication of requests in flight. */
import { readFileSync } from 'node:fs';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { contender, serve } from './peer-channel.mjs';

/** @param {object} planner the options that choose the planner. */
export function serveHive(planner) {
  serve(createGatewayRuntime({
    supergraph: readFileSync(contender.plainSupergraph, 'utf8'),
    transportEntries: { '*.http': { options: { deduplicateInflightRequests: false } } },
    logging: false, landingPage: false, graphiql: false,
    ...planner,
  }));
}
