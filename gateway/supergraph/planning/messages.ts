/** What the event loop and the planning worker say to each other; only values that survive a structured clone. */
import type { QueryPlan } from '@apollo/query-planner';
import type { SupergraphService } from '../../execution/contracts.js';
import type { CompositionProblem } from '../composition-error.js';
import type { DirectiveData } from '../directive-data.js';

/** Names one loading of a supergraph; the same text loaded twice has two. */
export type Generation = number;

/** Work for the worker; it does one job at a time. */
export type PlanningJob =
  /** Checks a supergraph (gate 1) and makes its planner; `accepted` are the labels the manifest accepts now, null skips the check. */
  | { readonly kind: 'load'; readonly generation: Generation; readonly sdl: string; readonly accepted: readonly string[] | null }
  /** Makes the planner of a supergraph that was checked and described before: the worker that had it is gone, or it is one of several. */
  | { readonly kind: 'restore'; readonly generation: Generation; readonly sdl: string }
  /** Plans one operation; `document` is GraphQL text. */
  | { readonly kind: 'plan'; readonly generation: Generation; readonly document: string; readonly operationName: string | undefined };

/** Told to the worker; not answered. */
export interface ReleaseNotice {
  readonly kind: 'release';
  readonly generation: Generation;
}

/** What the event loop needs of a loaded supergraph. */
export interface SupergraphDescription {
  /** Client schema as SDL. */
  readonly apiSdl: string;
  /** The supergraph as SDL without applied directives. */
  readonly supergraphSdl: string;
  readonly directives: DirectiveData;
  readonly services: readonly SupergraphService[];
}

/** How a job ended. */
export type PlanningOutcome =
  | { readonly kind: 'loaded'; readonly description: SupergraphDescription }
  | { readonly kind: 'restored' }
  | { readonly kind: 'planned'; readonly plan: QueryPlan }
  /** The supergraph may not be served; `hash` is the label it declares, null when it declares none. */
  | { readonly kind: 'refused'; readonly problems: readonly CompositionProblem[]; readonly hash: string | null }
  /** The planner itself refused the operation as too large. */
  | { readonly kind: 'too-costly'; readonly message: string }
  /** The document cannot be planned for a reason its author can mend. */
  | { readonly kind: 'unplannable'; readonly message: string }
  /** A fault of ours or of the library. */
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string | undefined };

/** What the worker sends. */
export type WorkerMessage =
  /** Its modules are loaded; jobs may come. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly outcome: PlanningOutcome }
  /** Something the library wanted logged. */
  | { readonly kind: 'log'; readonly level: 'warn' | 'error'; readonly message: string };
