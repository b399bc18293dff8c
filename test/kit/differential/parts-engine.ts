/** The gateway's executor in parts over a graph in process, to hold the merged parts against the single schema's answer. */
import { getOperationAST } from 'graphql';
import { createExecuteInParts } from '../../../gateway/execution/execute-in-parts.js';
import type { GatewayRequest, PreparedOperation, SupergraphSnapshot } from '../../../gateway/execution/contracts.js';
import { deferVariables } from '../../../gateway/execution/deferral/defer-directive.js';
import { labelDefers } from '../../../gateway/execution/deferral/label-defers.js';
import { mergeParts, type Payload } from '../merge-parts.js';
import type { Answer, EngineRequest, FederatedGraph } from './federated-graph.js';
import { answerOfSubgraph, SILENT } from './own-engine.js';
import { planMended } from './plans.js';
import { newRun } from './world.js';

export interface InParts {
  /** Empty when the request defers nothing. */
  readonly payloads: readonly Payload[];
  /** The merged payloads; undefined when there are none. */
  readonly answer: Answer | undefined;
}

export interface PartsOptions {
  /** A subgraph whose calls fail. */
  readonly down?: string | undefined;
  /** Waits before a subgraph is called. */
  readonly before?: (service: string) => Promise<void>;
  /** Told of each payload as it is written. */
  readonly onPayload?: (payload: Payload) => void;
  /** True from when on the client is gone. */
  readonly gone?: () => boolean;
}

/** Runs one request in parts. @throws what the executor throws, and what is wrong with the payloads. */
export async function runInParts(graph: FederatedGraph, request: EngineRequest, { down, before, onPayload, gone = () => false }: PartsOptions = {}): Promise<InParts> {
  const { document, operationName, variables } = request;
  const operation = getOperationAST(document, operationName);
  if (operation === null || operation === undefined) throw new Error('The document has no such operation.');
  const run = newRun();
  const execute = createExecuteInParts({
    gate: { active: () => 'differential' }, logger: FAILING, metrics: { errors: { inc: () => undefined } },
    callsFor: () => ({
      verified: () => true,
      async call(call) {
        await before?.(call.service);
        return answerOfSubgraph(graph, call, run, down);
      },
    }),
  });
  const prepared: PreparedOperation = {
    document, operation, plan: undefined, refusals: [], criticalFields: [], key: 'differential',
    deferral: {
      variables: deferVariables(document) ?? [],
      plan: async (holds) => {
        const labelled = labelDefers(document, operation, holds);
        return labelled === undefined ? undefined : { ...labelled, plan: planMended(graph, { document: labelled.document, operationName, variables }) };
      },
    },
  };
  const payloads: Payload[] = [];
  const snapshot = { apiSchema: graph.apiSchema, supergraphSchema: graph.supergraphSchema } as unknown as SupergraphSnapshot;
  const done = await execute({ requestId: 'differential', snapshot } as unknown as GatewayRequest, prepared, variables, {
    write(text) {
      const payload = JSON.parse(text) as Payload;
      payloads.push(payload);
      onPayload?.(payload);
    },
    gone,
  });
  if (!done || gone()) return { payloads, answer: undefined };
  const { data, errors } = mergeParts(payloads);
  return { payloads, answer: { data, errors, calls: run.log } };
}

/** A fault of the executor itself fails the test. */
const FAILING = {
  ...SILENT,
  error: (fields: { err?: unknown }, message: string) => { if (message === 'A deferred part failed') throw fields.err; },
} as unknown as typeof SILENT;
