/** Streams subscriptions to the gateway over graphql-ws; each operation carries its own hop token. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GraphQLError, type ExecutionArgs, type GraphQLSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { AcgsError } from '../../ops/runtime/errors.js';
import { subscribeBody, verifyHopToken } from '../../ops/runtime/hop-token.js';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import { SubgraphContext } from './context.js';
import { checkHash, DocumentCache, presentErrors, type GraphqlHandlerOptions } from './graphql-handler.js';

const MAX_MESSAGE_BYTES = 256 * 1024;

export interface SubscriptionServer extends Stoppable {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** Serves the graphql-transport-ws protocol; connection and each subscribe message are refused without a valid hop token. */
export function createSubscriptionServer(options: GraphqlHandlerOptions & { readonly schema: GraphQLSchema }): SubscriptionServer {
  const documents = new DocumentCache(options.schema, options.metrics);
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  const disposable = useServer({
    connectionInitWaitTimeout: 3_000,
    onConnect(context) {
      try {
        const claims = verifyHopToken(options.hopKey, options.name, 'connection', '', textOf(context.connectionParams?.['hop']));
        checkHash(options, claims.constitutionalHash);
        return { constitutionalHash: options.activeHash() };
      } catch (error) {
        if (error instanceof AcgsError) return false;
        throw error;
      }
    },
    onSubscribe(_context, _id, payload): ExecutionArgs | readonly GraphQLError[] {
      try {
        const hop = verifyHopToken(options.hopKey, options.name, 'subscribe', subscribeBody(payload.query, payload.variables), textOf(payload.extensions?.['hop']));
        checkHash(options, hop.constitutionalHash);
        const { document, errors } = documents.prepare(payload.query);
        if (errors.length > 0) return errors.map((error) => new GraphQLError(error.message, { extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }));
        return { schema: options.schema, document, contextValue: new SubgraphContext(hop), variableValues: payload.variables ?? {}, operationName: payload.operationName ?? null };
      } catch (error) {
        if (error instanceof AcgsError) return [new GraphQLError(error.message, { extensions: error.extensions })];
        if (error instanceof GraphQLError) return [new GraphQLError(error.message, { extensions: { code: 'GRAPHQL_PARSE_FAILED' } })];
        throw error;
      }
    },
    onNext: (_context, _id, _payload, args, result) => {
      if (args.contextValue instanceof SubgraphContext) args.contextValue.forgetLoaded();
      return presentErrors(result, options, requestIdOf(args));
    },
    onError: (_context, _id, _payload, errors) => {
      const presented = presentErrors({ errors }, options, 'subscribe').errors ?? errors;
      return presented.map((error) => error.toJSON());
    },
  }, server);
  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (client) => { server.emit('connection', client, request); });
    },
    async stop() {
      for (const client of server.clients) client.close(1001, 'Going away');
      await disposable.dispose();
    },
  };
}

function requestIdOf(args: ExecutionArgs): string {
  return args.contextValue instanceof SubgraphContext ? args.contextValue.requestId : 'unknown';
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
