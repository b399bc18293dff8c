/** Gives the errors of an answer in parts to the parts in which they show. */
import type { GraphQLError } from 'graphql';
import type { PlanFailure } from '../plan/fetch-failures.js';
import { isDataObject, mergeInto, ownValue, type ResponsePath } from '../plan/response-data.js';
import type { Misfit } from '../response/careful-writer.js';
import { presentMisfit, type Presentation } from '../response/fault-presentation.js';
import { explains, placesOfFailure, presentFailure } from '../response/response-errors.js';

/** One written part of one object; the first part of the response is the one of the root with the empty label. */
export interface WrittenPart {
  readonly label: string;
  /** Place of the object in the response. */
  readonly path: ResponsePath;
  /** JSON of the part; `null` when a null reached its root. */
  readonly text: string;
  /** Response names the part has, or would have if it were not null. */
  readonly names: readonly string[];
  readonly misfits: readonly Misfit[];
}

/** Errors of one answer; more nulls than that are as clear. */
const MAX_ERRORS = 500;

export class DeferredErrors {
  /** The response as the client has it after merging every part so far. */
  private response: unknown;
  private unread: WrittenPart[] = [];
  private readonly places = new Map<PlanFailure, Set<string>>();
  private readonly explained: ResponsePath[] = [];
  private readonly refused: Set<GraphQLError>;
  private count = 0;

  /**
   * @param refusals for what authorization refused; their paths have no list indexes.
   * @param partOf label of the part that brings a field, by the response names from the root as JSON.
   */
  constructor(refusals: readonly GraphQLError[], private readonly partOf: ReadonlyMap<string, string>, private readonly presentation: Presentation) {
    this.refused = new Set(refusals);
  }

  /**
   * The errors that show with some further parts.
   * @param failures every one so far, those of earlier parts included.
   * @param last true when nothing more comes: then nothing is kept back.
   * @returns errors by the index of their part in `written`.
   */
  settle(written: readonly WrittenPart[], failures: readonly PlanFailure[], last: boolean): ReadonlyMap<number, readonly GraphQLError[]> {
    this.unread.push(...written);
    const errors = new Map<number, GraphQLError[]>();
    const add = (index: number, found: readonly GraphQLError[]): void => {
      const room = found.slice(0, MAX_ERRORS - this.count);
      if (room.length === 0) return;
      this.count += room.length;
      errors.set(index, [...(errors.get(index) ?? []), ...room]);
      for (const { path } of room) this.explained.push(path ?? []);
    };
    for (const refusal of this.refused) {
      const part = this.partOf.get(JSON.stringify(refusal.path ?? [])) ?? '';
      const index = written.findIndex(({ label }) => label === part);
      if (index < 0 && !last) continue;
      this.refused.delete(refusal);
      add(Math.max(index, 0), [refusal]);
    }
    const misfits = written.some((one) => one.misfits.length > 0);
    if (failures.length === 0 && !misfits) return errors;
    this.readParts();
    for (const failure of failures) {
      const paths = this.newPlaces(failure, written, last);
      if (paths.length === 0) continue;
      for (const error of presentFailure(failure, paths, this.presentation)) add(partAt(written, error.path ?? []), [error]);
    }
    written.forEach((one, index) => {
      for (const { path, message } of one.misfits) if (!this.explained.some((other) => explains(other, path))) add(index, [presentMisfit(this.presentation, message, path)]);
    });
    return errors;
  }

  /** Places of a failure that the client can see by now and was not told of; below a null, only where the null came with these parts. */
  private newPlaces(failure: PlanFailure, written: readonly WrittenPart[], last: boolean): ResponsePath[] {
    let told = this.places.get(failure);
    if (told === undefined) this.places.set(failure, told = new Set());
    const all = placesOfFailure(failure, this.response);
    const seen = all.filter((path) => {
      const depth = visibleDepth(this.response, path);
      return depth === path.length || written.some((part) => part.path.length < depth && part.path.every((name, index) => name === path[index]));
    });
    const fresh = (seen.length === 0 && told.size === 0 && last ? all : seen).filter((path) => !told.has(JSON.stringify(path)));
    for (const path of fresh) told.add(JSON.stringify(path));
    return fresh;
  }

  private readParts(): void {
    for (const { label, path, text, names } of this.unread) {
      const data: unknown = JSON.parse(text);
      if (label === '') {
        this.response = data;
        continue;
      }
      const target = path.reduce<unknown>((at, part) => (typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[part] : undefined), this.response);
      if (!isDataObject(target)) continue;
      if (isDataObject(data)) mergeInto(target, data, () => false);
      else for (const name of names) if (ownValue(target, name) === undefined) target[name] = null;
    }
    this.unread = [];
  }
}

/** How many names of a path lead to its end or to a null above it; -1 when the response has not so much, or there are no names. */
function visibleDepth(response: unknown, path: ResponsePath): number {
  let at = response;
  for (const [depth, part] of path.entries()) {
    if (at === null) return depth;
    if (typeof at !== 'object' || !Object.hasOwn(at, part)) return -1;
    at = (at as Record<string | number, unknown>)[part];
  }
  return path.length === 0 ? -1 : path.length;
}

/** The written part that an error at a path belongs to: the innermost that has it. */
function partAt(written: readonly WrittenPart[], path: ResponsePath): number {
  let best = 0;
  let weight = -1;
  written.forEach((one, index) => {
    if (!one.path.every((part, at) => part === path[at])) return;
    const name = path[one.path.length];
    const own = typeof name === 'string' && one.names.includes(name) ? 1 : 0;
    if (one.path.length * 2 + own <= weight) return;
    weight = one.path.length * 2 + own;
    best = index;
  });
  return best;
}
