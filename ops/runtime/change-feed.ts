/** The change feed between subgraphs and gateway: which things changed, told so that an answer can be kept until one of its own did. */

/** Path of the feed on a subgraph; only the gateway may ask it. */
export const CHANGES_PATH = '/internal/changes';

/**
 * Header of a subgraph's GraphQL answer: number of the last event the process had taken in when it began to execute.
 * Everything the answer shows is at least as new as that event.
 */
export const POSITION_HEADER = 'x-acgs-position';

/** How the feed names a change. @param subject as `Type:key`. */
export function changeName(stream: string, subject: string): string {
  return `${stream} ${subject}`;
}

/** Longest time the feed may be asked to wait for news, milliseconds. */
export const MAX_CHANGES_WAIT_MS = 1_000;

/**
 * One answer of the feed, true for one snapshot of the database. A change is told as `stream Type:key`: an event of that
 * stream concerns that thing, whose type has the name it has in the graph.
 */
export interface ChangesAnswer {
  /** Identity of the numbering: another one means that numbers of before say nothing. */
  readonly epoch: string;
  /** Events after this number are told of. */
  readonly from: number;
  /** Events up to this number are told of. */
  readonly position: number;
  /** Whether nothing more had been committed in the snapshot than is told of. */
  readonly complete: boolean;
  /** Changes by the events after `from` up to `position`. */
  readonly changed: readonly string[];
  /** Changes by events that are committed and have no number yet. */
  readonly unnumbered: readonly string[];
  /** Names the state of the unnumbered ones; sent back, it lets the next question wait for another. */
  readonly unnumberedMark: string;
  /** Milliseconds between the arrival of the question and the moment the snapshot was taken. */
  readonly waitedMs: number;
}
