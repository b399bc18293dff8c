/** Who takes part: the name on the command line, the name in the table, and how each process is started. */
import { projectPath } from '../../runtime/package-root.js';

export interface Contender {
  readonly name: string;
  readonly title: string;
  /** Absolute path of the script. */
  readonly script: string;
  /** True when it runs from the peers' own installation. */
  readonly peer: boolean;
  /** Graphs it can serve. */
  readonly graphs: readonly GraphName[];
}

/** The public benchmark's graph, and the control plane's own with its dashboard query. */
export type GraphName = 'benchmark' | 'dashboard';

const BOTH: readonly GraphName[] = ['benchmark', 'dashboard'];
const ours = (script: string): string => projectPath('dist', 'ops', 'bench', 'gateway', 'contenders', script);
const peer = (script: string): string => projectPath('ops', 'bench', 'gateway', 'peers', script);

export const CONTENDERS: readonly Contender[] = [
  { name: 'stock', title: 'stock @apollo/gateway', script: ours('stock.js'), peer: false, graphs: BOTH },
  { name: 'stock-undici', title: 'stock @apollo/gateway, undici transport', script: ours('stock-undici.js'), peer: false, graphs: BOTH },
  { name: 'hive', title: 'Hive Gateway, JavaScript planner', script: peer('hive.mjs'), peer: true, graphs: BOTH },
  { name: 'hive-rust', title: 'Hive Gateway, Rust planner', script: peer('hive-rust.mjs'), peer: true, graphs: BOTH },
  { name: 'mercurius', title: 'Mercurius gateway', script: peer('mercurius.mjs'), peer: true, graphs: ['benchmark'] },
  { name: 'ours', title: 'ACGS gateway (production root)', script: ours('ours.js'), peer: false, graphs: BOTH },
  { name: 'generic', title: 'ACGS gateway, generic mode', script: ours('generic.js'), peer: false, graphs: ['benchmark'] },
  { name: 'proxy', title: 'bare proxy, the same calls (ceiling)', script: ours('proxy.js'), peer: false, graphs: BOTH },
];

/** Flags every contender's Node gets, so that nobody wins by one: a young generation that suits answers of 87 KB. */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=64'];

/** The contenders to run. @param only names, all when empty. @throws Error naming one that is not known. */
export function chosenContenders(only: readonly string[], graph: GraphName): Contender[] {
  const unknown = only.find((name) => !CONTENDERS.some((contender) => contender.name === name));
  if (unknown !== undefined) throw new Error(`There is no contender "${unknown}"; there are ${CONTENDERS.map(({ name }) => name).join(', ')}.`);
  return CONTENDERS.filter(({ name, graphs }) => graphs.includes(graph) && (only.length === 0 || only.includes(name)));
}
