/** What every contender is started with: one JSON argument, the same for all. */

export interface ContenderArguments {
  /** Supergraph without the constitutional specification, for those who do not know it. */
  readonly plainSupergraph: string;
  /** The same graph, linked to the constitutional specification. */
  readonly boundSupergraph: string;
  /** Base URL of each subgraph; its endpoint is `/graphql` below it. */
  readonly subgraphs: Readonly<Record<string, string>>;
  /** Subgraphs of the graph itself; `subgraphs` may name more, which only production asks. */
  readonly graphServices: readonly string[];
  /** Folder with a valid manifest and the hop master key. */
  readonly dataDirectory: string;
  readonly constitutionalHash: string;
  /** Calls of one request as our gateway makes them, for the proxy. */
  readonly recordingFile: string;
  /** True when the graph demands authorization that only our gateway enforces. */
  readonly protectedGraph: boolean;
}

/** Reads the argument of this process. */
export function contenderArguments(): ContenderArguments {
  return JSON.parse(process.argv[2] ?? '{}') as ContenderArguments;
}

/** Port of a base URL. */
export function portOf(url: string): number {
  return Number(new URL(url).port);
}
