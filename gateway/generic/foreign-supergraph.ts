/** What generic mode must know of a supergraph before it is served: its subgraphs' endpoints, and whose graph it is. */
import '../telemetry-config.js';
import { readFileSync } from 'node:fs';
import { Supergraph } from '@apollo/federation-internals';
import { isSubgraphName } from '../../ops/runtime/subgraph-names.js';
import { declaredHashes } from '../supergraph/directive-index.js';
import { CONSTITUTIONAL_IDENTITY, directiveNameIn, linkedFeature } from '../supergraph/link-names.js';

/** A supergraph that generic mode does not serve; the message says why and what to do. */
export class ForeignSupergraphError extends Error {
  override readonly name = 'ForeignSupergraphError';
}

export interface ForeignSupergraph {
  readonly sdl: string;
  /** Full endpoint of each subgraph, by name. */
  readonly endpoints: ReadonlyMap<string, string>;
  /** Hash the supergraph declares when it links the constitutional specification; null when it does not link it. */
  readonly constitutionalHash: string | null;
}

/**
 * Reads a supergraph file.
 * @throws ForeignSupergraphError when it is missing, no Federation 2 supergraph, without usable URLs, or the control plane's own.
 */
export function readForeignSupergraph(file: string): ForeignSupergraph {
  let sdl: string;
  try {
    sdl = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ForeignSupergraphError(`The supergraph ${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
  return inspectSupergraph(sdl, file);
}

/**
 * Inspects supergraph text.
 * @param source its name in errors.
 * @throws ForeignSupergraphError as readForeignSupergraph.
 */
export function inspectSupergraph(sdl: string, source = 'The text'): ForeignSupergraph {
  let supergraph: Supergraph;
  try {
    supergraph = Supergraph.build(sdl, { supportedFeatures: null, validateSupergraph: false });
  } catch (cause) {
    const { message } = cause instanceof Error ? cause : { message: String(cause) };
    throw new ForeignSupergraphError(`${source} is not a Federation 2 supergraph: ${message}\nA supergraph is what composition makes of subgraph schemas, for example "rover supergraph compose".`, { cause });
  }
  const { schema } = supergraph;
  const endpoints = new Map(supergraph.subgraphsMetadata().map(({ name, url }) => [name, endpointOf(name, url)]));
  const linked = linkedFeature(schema, CONSTITUTIONAL_IDENTITY) !== undefined;
  refuseControlPlane([...endpoints.keys()], linked);
  const directive = directiveNameIn(schema, 'constitutional');
  const constitutionalHash = directive === undefined ? null : (declaredHashes(schema, directive)[0] ?? null);
  if (linked && constitutionalHash === null) throw new ForeignSupergraphError(`${source} links the constitutional specification and declares no hash.`);
  return { sdl, endpoints, constitutionalHash };
}

function endpointOf(name: string, url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw new ForeignSupergraphError(`The supergraph gives the subgraph ${name} the URL "${url}"; generic mode needs its full endpoint, for example http://127.0.0.1:4001/graphql.`);
}

/**
 * The control plane's subgraphs trust a gateway with their keys and nothing else. One name alone (`auth`) may well be a
 * foreign subgraph's; two of them, or one in a graph under our constitution, may not.
 */
function refuseControlPlane(names: readonly string[], linked: boolean): void {
  const ours = names.filter(isSubgraphName);
  if (ours.length === 0 || (ours.length === 1 && !linked)) return;
  throw new ForeignSupergraphError(`This is the control plane's own graph (${ours.join(', ')}); it is served by the gateway of the control plane only: "npm start".`);
}

function messageOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file.' : error instanceof Error ? error.message : String(error);
}
