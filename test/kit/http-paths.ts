/** Two gateways over equal mini subgraphs: one answers on the hot path, one through Apollo Server. */
import type { GatewayConfig } from '../../gateway/config.js';
import type { GatewayOverrides } from '../../gateway/gateway.js';
import type { HttpEdgeOptions } from '../../gateway/http/http-edge.js';
import { MINI_GRAPH } from './mini-graph.js';
import { startMiniGraph, type MiniGraph } from './mini-subgraphs.js';
import { rawExchange, type RawAnswer } from './raw-http.js';

export const PATHS = ['hot path', 'Apollo Server'] as const;
export type PathName = (typeof PATHS)[number];
export type Paths = Readonly<Record<PathName, MiniGraph>>;

export async function startPaths(config: Partial<GatewayConfig> = {}, overrides: GatewayOverrides = {}): Promise<Paths> {
  const start = (http: HttpEdgeOptions): Promise<MiniGraph> => startMiniGraph(MINI_GRAPH, config, { ...overrides, http: { ...overrides.http, ...http } });
  const [hot, apollo] = await Promise.all([start({ hotPath: true }), start({ hotPath: false })]);
  return { 'hot path': hot, 'Apollo Server': apollo };
}

export async function stopPaths(paths: Paths | undefined): Promise<void> {
  await Promise.all(Object.values(paths ?? {}).map((graph) => graph.stop()));
}

/** Headers that must not depend on the path. */
const COMPARED = ['content-type', 'content-length', 'allow', 'www-authenticate', 'vary', 'access-control-allow-origin', 'x-constitutional-hash', 'x-request-id', 'x-content-type-options', 'x-frame-options', 'referrer-policy', 'cross-origin-resource-policy', 'content-security-policy', 'cache-control'] as const;

export interface ComparedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/**
 * Sends one request, as bytes, to both gateways.
 * @param head request line and headers without host and content-length.
 * @returns both answers, reduced to what must not depend on the path.
 */
export async function onBothPaths(paths: Paths, head: readonly string[], body: string | Uint8Array = ''): Promise<readonly [hot: ComparedAnswer, apollo: ComparedAnswer]> {
  const send = async (graph: MiniGraph): Promise<ComparedAnswer> => reduced(await rawExchange(graph.gateway.url, [...head, 'x-request-id: compared', 'connection: close'], body));
  return Promise.all([send(paths['hot path']), send(paths['Apollo Server'])]);
}

function reduced({ status, headers, body }: RawAnswer): ComparedAnswer {
  return { status, headers: Object.fromEntries(COMPARED.map((name) => [name, headers[name]])), body };
}
