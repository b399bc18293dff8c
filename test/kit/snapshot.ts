/** A supergraph snapshot planned in this thread, for tests of what is done with plans. */
import '../../gateway/telemetry-config.js';
import { Supergraph } from '@apollo/federation-internals';
import { QueryPlanner } from '@apollo/query-planner';
import { print } from 'graphql';
import type { PlanOperation, SupergraphSnapshot } from '../../gateway/execution/contracts.js';
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { indexDirectives } from '../../gateway/supergraph/directive-index.js';
import { planOperation } from '../../gateway/supergraph/planning/planner-faults.js';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import { contractOf, HASH, type MiniDefinition } from './mini-subgraphs.js';

export interface TestSnapshot extends SupergraphSnapshot {
  /** Texts that were planned, in order, with their urgency. */
  readonly planned: { readonly text: string; readonly urgency: string }[];
  /** Replaces planning; undefined plans as usual. */
  planning: PlanOperation | undefined;
}

interface Built {
  readonly sdl: string;
  readonly supergraph: Supergraph;
  readonly planner: QueryPlanner;
}
const built = new Map<string, Built>();

/** Composed once for equal contracts. */
function build(definitions: readonly Pick<MiniDefinition, 'name' | 'sdl'>[]): Built {
  const key = JSON.stringify(definitions.map(({ name, sdl }) => [name, sdl]));
  let known = built.get(key);
  if (known === undefined) {
    const sdl = composeSupergraph(definitions.map(({ name, sdl: contract }) => ({ name, url: `http://127.0.0.1/${name}`, sdl: contractOf({ sdl: contract }) })), [HASH]).supergraphSdl;
    const supergraph = Supergraph.build(sdl, { supportedFeatures: null });
    built.set(key, known = { sdl, supergraph, planner: new QueryPlanner(supergraph, { incrementalDelivery: { enableDefer: true } }) });
  }
  return known;
}

/** Makes a snapshot of mini subgraphs that notes every planning. */
export function testSnapshot(definitions: readonly Pick<MiniDefinition, 'name' | 'sdl'>[]): TestSnapshot {
  const { sdl, supergraph, planner } = build(definitions);
  const snapshot: TestSnapshot = {
    id: sha256Hex(sdl), sdl, services: [...supergraph.subgraphsMetadata()], directives: indexDirectives(supergraph.schema),
    apiSchema: supergraph.apiSchema().toGraphQLJSSchema({ includeDefer: true }), supergraphSchema: supergraph.schema.toGraphQLJSSchema(),
    planned: [], planning: undefined,
    async plan(document, operationName, urgency = 'request') {
      snapshot.planned.push({ text: print(document), urgency });
      return snapshot.planning === undefined ? planOperation({ supergraph, planner, document, operationName }) : snapshot.planning(document, operationName, urgency);
    },
  };
  return snapshot;
}
