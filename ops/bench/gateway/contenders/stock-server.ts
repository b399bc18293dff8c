/** Stock @apollo/gateway inside stock @apollo/server on Node's HTTP server. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DEFAULT_SUPPORTED_SUPERGRAPH_FEATURES } from '@apollo/federation-internals';
import { ApolloGateway, type GatewayConfig } from '@apollo/gateway';
import { ApolloServer, HeaderMap } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled, ApolloServerPluginUsageReportingDisabled } from '@apollo/server/plugin/disabled';
import { ENFORCED_FEATURES } from '../../../../gateway/supergraph/link-names.js';
import { contenderArguments } from '../contender-arguments.js';
import { answerParent } from '../parent-channel.js';

/** Starts it. @param buildService what makes the data sources; the library's own when absent. */
export async function serveStock(buildService?: NonNullable<GatewayConfig['buildService']>): Promise<void> {
  const { plainSupergraph, protectedGraph } = contenderArguments();
  // Stock refuses a graph with @authenticated and its like; declared as known they are simply not enforced.
  if (protectedGraph) for (const feature of ENFORCED_FEATURES) DEFAULT_SUPPORTED_SUPERGRAPH_FEATURES.add(feature);
  const gateway = new ApolloGateway({ supergraphSdl: readFileSync(plainSupergraph, 'utf8'), ...(buildService === undefined ? {} : { buildService }) });
  const apollo = new ApolloServer({ gateway, stopOnTerminationSignals: false, introspection: false, plugins: [ApolloServerPluginUsageReportingDisabled(), ApolloServerPluginCacheControlDisabled()] });
  await apollo.start();
  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    void (async () => {
      const body: unknown = JSON.parse(await readText(request));
      const headers = new HeaderMap();
      for (const [name, value] of Object.entries(request.headers)) if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
      const answer = await apollo.executeHTTPGraphQLRequest({ httpGraphQLRequest: { method: request.method ?? 'POST', headers, search: '', body }, context: async () => ({}) });
      const text = answer.body.kind === 'complete' ? answer.body.string : '';
      response.writeHead(answer.status ?? 200, { ...Object.fromEntries(answer.headers), 'content-length': Buffer.byteLength(text) }).end(text);
    })();
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  answerParent({}, { port: (server.address() as AddressInfo).port });
  process.once('SIGTERM', () => process.exit(0));
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
