/** Name to definition; a process that runs one subgraph loads only that one. */
import type { SubgraphName } from '../ops/runtime/subgraph-names.js';
import type { AnySubgraphDefinition } from './kernel/define-subgraph.js';

const LOADERS: Readonly<Record<SubgraphName, () => Promise<AnySubgraphDefinition>>> = {
  'auth': async () => (await import('./auth/index.js')).auth,
  'constitutional-ai': async () => (await import('./constitutional-ai/index.js')).constitutionalAi,
  'integrity': async () => (await import('./integrity/index.js')).integrity,
  'formal-verification': async () => (await import('./formal-verification/index.js')).formalVerification,
  'governance-synthesis': async () => (await import('./governance-synthesis/index.js')).governanceSynthesis,
  'policy-governance': async () => (await import('./policy-governance/index.js')).policyGovernance,
  'evolutionary-computation': async () => (await import('./evolutionary-computation/index.js')).evolutionaryComputation,
};

/** Loads the definition of a subgraph. */
export function loadSubgraph(name: SubgraphName): Promise<AnySubgraphDefinition> {
  return LOADERS[name]();
}
