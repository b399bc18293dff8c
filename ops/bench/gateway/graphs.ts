/** Sets the stage: canned subgraphs, supergraph files, a data directory and principals for one graph. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { composeSupergraph } from '../../../gateway/supergraph/compose.js';
import { ensureGenesisManifest } from '../../runtime/constitution-manifest.js';
import { projectPath } from '../../runtime/package-root.js';
import { SECRET, secretKey } from '../../runtime/secret-files.js';
import { BENCHMARK_OPERATION, BENCHMARK_SUBGRAPHS } from './benchmark-graph.js';
import { benchmarkTruth } from './benchmark-truth.js';
import type { CannedArguments } from './canned-main.js';
import { canonical } from './canonical-answer.js';
import type { ContenderArguments } from './contender-arguments.js';
import { PinnedProcess } from './pinned-process.js';
import { issuePrincipals, type TokenClaims } from './principals.js';

export const CONNECTIONS = 50;
/** Core of the gateway under test, and of everything else. */
export const GATEWAY_CORE = 0;
export const OTHER_CORE = 1;

const HASH = 'cdd01ef066bc6cf2';

export interface Stage {
  readonly operation: string;
  readonly canned: PinnedProcess;
  readonly contender: ContenderArguments;
  /** Headers of each connection: one principal each, and the constitutional hash. */
  readonly connections: readonly Readonly<Record<string, string>>[];
  /** Canonical answer everyone must give; null when the first contender sets it. */
  readonly truth: string | null;
  /** Called once every contender's upstream requests are known, before anything is timed; safe to call again. */
  recorded(): Promise<void>;
}

/** What the stage of another graph brings along. */
export interface StageGraph {
  readonly operation: string;
  readonly claims: TokenClaims;
  readonly canned: Omit<CannedArguments, 'fixed' | 'constitutionalHash'>;
  /** Supergraph texts for the URLs of the canned subgraphs. */
  readonly supergraphs: (urls: Readonly<Record<string, string>>) => { readonly plain: string; readonly bound: string };
  readonly protectedGraph: boolean;
  readonly truth: string | null;
  /** Called once every contender's upstream requests are known and answered. */
  readonly recorded?: () => Promise<void>;
}

/** Starts the canned subgraphs and writes what contenders read into `folder`. The caller stops `canned`. */
export async function setStage(folder: string, graph: StageGraph, environment: Readonly<Record<string, string | undefined>>): Promise<Stage> {
  const dataDirectory = join(folder, 'data');
  mkdirSync(dataDirectory, { recursive: true });
  ensureGenesisManifest(dataDirectory, HASH, { articles: ['Benchmark.'] }, new Date());
  secretKey(dataDirectory, SECRET.hopMaster);
  const principals = await issuePrincipals(CONNECTIONS, graph.claims);
  const argument: CannedArguments = {
    ...graph.canned, constitutionalHash: HASH,
    // Production asks these of every gateway; a graph without an auth subgraph needs them all the same.
    services: [...new Set([...graph.canned.services, 'auth', 'evolutionary-computation'])],
    fixed: {
      'auth GET /.well-known/jwks.json': principals.jwks,
      'auth GET /internal/revocations': '{"epoch":1,"revoked":[]}',
      'evolutionary-computation GET /internal/targets': '{"version":1,"targets":[]}',
    },
  };
  const canned = await PinnedProcess.start({ name: 'canned subgraphs', script: projectPath('dist', 'ops', 'bench', 'gateway', 'canned-main.js'), args: [JSON.stringify(argument)], core: OTHER_CORE, environment });
  const urls = canned.ready['urls'] as Record<string, string>;
  const { plain, bound } = graph.supergraphs(urls);
  let recorded: Promise<void> | undefined;
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  return {
    operation: graph.operation, canned, truth: graph.truth,
    recorded: () => (recorded ??= graph.recorded?.() ?? Promise.resolve()),
    contender: { plainSupergraph: file('plain.graphql', plain), boundSupergraph: file('bound.graphql', bound), subgraphs: urls, graphServices: graph.canned.services, dataDirectory, constitutionalHash: HASH, recordingFile: join(folder, 'recording.json'), protectedGraph: graph.protectedGraph },
    connections: principals.tokens.map((token) => ({ authorization: `Bearer ${token}`, 'x-constitutional-hash': HASH })),
  };
}

/** The public benchmark. */
export function benchmarkStage(): StageGraph {
  const endpoint = (urls: Readonly<Record<string, string>>, name: string): string => `${urls[name]}/graphql`;
  return {
    operation: BENCHMARK_OPERATION, claims: { roles: [], scopes: [], policies: [] }, protectedGraph: false,
    canned: { services: BENCHMARK_SUBGRAPHS.map(({ name }) => name) },
    truth: canonical(benchmarkTruth(BENCHMARK_OPERATION)),
    supergraphs: (urls) => {
      const composed = composeServices(BENCHMARK_SUBGRAPHS.map(({ name, sdl }) => ({ name, url: endpoint(urls, name), typeDefs: parse(sdl) })));
      if (composed.supergraphSdl === undefined) throw new Error(`The benchmark's graph does not compose: ${composed.errors?.map(({ message }) => message).join('; ')}`);
      const sources = BENCHMARK_SUBGRAPHS.map(({ name, sdl }) => ({ name, url: endpoint(urls, name), sdl: boundSdl(sdl) }));
      return { plain: composed.supergraphSdl, bound: composeSupergraph(sources, [HASH]).supergraphSdl };
    },
  };
}

/** A plain subgraph contract, linked to the constitutional specification. */
function boundSdl(sdl: string): string {
  const linked = sdl.replace('"@provides"]', '"@provides", "@composeDirective"]');
  return `${linked}
extend schema @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"]) @composeDirective(name: "@constitutional") @constitutional(hash: "${HASH}")
${readFileSync(projectPath('schema', 'constitutional.graphql'), 'utf8')}`;
}
