/** Runs a plan with deferred parts and hands each part over as soon as everything it shows is there. */
import type { GraphQLError } from 'graphql';
import { AcgsError } from '../../../ops/runtime/errors.js';
import type { RequestCache } from '../cache/request-cache.js';
import type { SubgraphCalls } from '../contracts.js';
import { runPlan, type PlanOutcome } from '../plan/run-plan.js';
import type { DataObject } from '../plan/response-data.js';
import type { Introspect } from '../response/careful-writer.js';
import { quoteAny, quoteEscapeFree } from '../response/compiled-writer.js';
import { presentFailed } from '../response/fault-presentation.js';
import type { SelectionSite } from '../response/response-shape.js';
import type { CompiledDeferred } from './compile-deferred.js';
import type { DeferredErrors, WrittenPart } from './deferred-errors.js';
import { deferredPlaces, type DeferredPlace } from './deferred-places.js';

/** Parts that may come of one answer, one for each object and fragment: each costs more than the object alone. */
const MAX_PLACES = 5_000;

/** One part as it is handed over. */
export interface FinishedPart extends WrittenPart {
  readonly errors: readonly GraphQLError[];
}

export interface DeferredRunInput {
  readonly calls: Pick<SubgraphCalls, 'call'>;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly cache: RequestCache | undefined;
  readonly introspect: Introspect;
  readonly errors: DeferredErrors;
  /**
   * Takes parts in their order: the first part of the response alone, then the deferred ones that are ready together.
   * @param more false with the last ones, of which there may be none.
   */
  readonly deliver: (parts: readonly FinishedPart[], more: boolean) => void;
}

/** One run. */
export class DeferredRun {
  private readonly data: DataObject = {};
  /** Steps that are not over, by part. */
  private readonly left = new Map<string, number>();
  private pending: DeferredPlace[] = [];
  private places = 0;
  /** Says that there are more places than parts may come for; told once. */
  private surplus: GraphQLError | undefined;
  private surplusTold = false;
  private begun = false;
  private complete: () => void = () => undefined;

  constructor(private readonly compiled: CompiledDeferred, private readonly input: DeferredRunInput) {
    for (const { part } of compiled.plan.steps) this.left.set(part, (this.left.get(part) ?? 0) + 1);
  }

  /** Places that are still to come. */
  get missing(): readonly DeferredPlace[] {
    return this.pending;
  }

  /** Resolves when every part is handed over. Never rejects for faults of subgraphs: they are errors of parts. */
  async run(): Promise<void> {
    const { calls, variables, cache } = this.input;
    const completed = new Promise<void>((resolve) => { this.complete = resolve; });
    this.advance({ data: this.data, failures: [], escapeFree: true, ascii: true });
    // Where a null left nothing to come, what the plan still does is of no use to anybody.
    await Promise.race([completed, runPlan(this.compiled.plan, {
      calls, variables, cache, data: this.data,
      over: (steps, outcome) => {
        let finished = false;
        for (const { part } of steps) {
          const left = (this.left.get(part) ?? 0) - 1;
          this.left.set(part, left);
          finished ||= left === 0;
        }
        if (finished) this.advance(outcome);
      },
    })]);
  }

  private isOver(part: string): boolean {
    return (this.left.get(part) ?? 0) === 0;
  }

  /** Hands over what became ready. */
  private advance(outcome: PlanOutcome): void {
    if (!this.begun) {
      if (!this.isOver('')) return;
      this.begun = true;
      this.handOver([this.write('', this.compiled.site, this.data, [], outcome)], outcome);
    }
    let taken = 0;
    const written: WrittenPart[] = [];
    for (let ready = this.takeReady(); ready.length > 0; ready = this.takeReady()) {
      taken += ready.length;
      for (const { selection, object, typeName, path } of ready) {
        const known = object['__typename'];
        const site = selection.siteFor(typeof known === 'string' ? known : typeName);
        if (site !== undefined) written.push(this.write(selection.label, site, object, path, outcome));
      }
    }
    if (taken > 0) this.handOver(written, outcome);
  }

  /** Takes the places whose part is complete off the list; writing them may bring further ones. */
  private takeReady(): DeferredPlace[] {
    const ready: DeferredPlace[] = [];
    const waiting: DeferredPlace[] = [];
    for (const place of this.pending) (this.isOver(place.selection.label) ? ready : waiting).push(place);
    this.pending = waiting;
    return ready;
  }

  private write(label: string, site: SelectionSite, object: DataObject, path: WrittenPart['path'], { failures, escapeFree }: PlanOutcome): WrittenPart {
    const quote = failures.length > 0 ? undefined : escapeFree ? quoteEscapeFree : quoteAny;
    const { text, misfits } = this.compiled.write(site, object, quote, this.input.introspect);
    const room = MAX_PLACES - this.places;
    const places = deferredPlaces(site, object, failures.length === 0 && misfits.length === 0 ? undefined : JSON.parse(text), path, room + 1);
    places.forEach((place, index) => {
      if (index < room) this.pending.push(place);
      else this.surplus ??= presentFailed(new AcgsError('QUERY_TOO_COSTLY', `The answer has more than ${MAX_PLACES} deferred parts; from here on they do not come.`, { limit: MAX_PLACES }), place.path);
    });
    this.places += Math.min(places.length, room);
    const typeName = object['__typename'];
    const names = site.shapeFor(typeof typeName === 'string' && path.length > 0 ? typeName : undefined)?.fields.map(({ responseName }) => responseName) ?? [];
    return { label, path, text, names, misfits: misfits.map((misfit) => ({ ...misfit, path: [...path, ...misfit.path] })) };
  }

  private handOver(written: readonly WrittenPart[], { failures }: PlanOutcome): void {
    const more = this.pending.length > 0;
    const errors = this.input.errors.settle(written, failures, !more);
    // Errors that show nowhere come with the root, which they leave as it is.
    const parts = written.length === 0 && errors.size > 0 ? [{ label: '', path: [], text: '{}', names: [], misfits: [] }] : written;
    const surplus = this.surplusTold || this.surplus === undefined ? [] : [this.surplus];
    this.surplusTold ||= surplus.length > 0;
    this.input.deliver(parts.map((part, index) => ({ ...part, errors: [...(errors.get(index) ?? []), ...(index === 0 ? surplus : [])] })), more);
    if (!more) this.complete();
  }
}
