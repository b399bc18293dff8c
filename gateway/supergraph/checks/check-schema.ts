/** The schema check: may these subgraphs replace those, and if not, what and whom would it break. */
import { parse, type DocumentNode, type GraphQLSchema } from 'graphql';
import { sha256Hex } from '../../../ops/runtime/canonical-json.js';
import type { SchemaCheckReport, SchemaCheckRequest } from '../../../ops/runtime/schema-check.js';
import { schemaSetDigest } from '../../../ops/runtime/schema-set.js';
import type { ComposedSchema } from '../compose.js';
import { FEDERATION_IDENTITY, nameInFeature } from '../link-names.js';
import { ChangePlaces } from './change-places.js';
import { CheckSteps } from './check-steps.js';
import { costChanges } from './cost-changes.js';
import { readDeclaredProtection, type DeclaredProtection } from './declared-protection.js';
import { demandChanges } from './demand-changes.js';
import type { FindingDraft } from './finding-draft.js';
import { declaredCoordinates, guardChanges } from './guard-changes.js';
import { lintSubgraph } from './lint.js';
import { ownershipChanges, ownershipMoves } from './ownership-changes.js';
import { ProtectionSide } from './protection-sides.js';
import { reportedFindings, usageSummary, verdictOf } from './report.js';
import { schemaSetChange, type SchemaSetChange } from './schema-set.js';
import { shapeChanges } from './shape-changes.js';
import { gateProblems, problemDrafts, sameBesidesDescriptions, SubgraphReader, tryComposing, type ReadSet } from './subgraph-reading.js';
import { clientOperations, isReshaping, usageState, weigh, type WeighedDraft } from './usage-weighing.js';

/**
 * Checks a change of the graph. It reads no file and no environment, and answers the same to the same request, times aside.
 * @returns the report; schemas that do not parse or compose are an answer (INVALID), not an error.
 * @throws Error when composition succeeds and leaves a supergraph whose field sets cannot be read.
 */
export function checkSchema(request: SchemaCheckRequest): SchemaCheckReport {
  const steps = new CheckSteps();
  const state = usageState(request);
  const digests = steps.run('digest', () => ({ baseDigest: schemaSetDigest(request.base), proposedDigest: schemaSetDigest(request.proposed) }), 'all subgraphs');
  const change = schemaSetChange(request.base, request.proposed);
  const common = { ...digests, usage: usageSummary(request.usage, state), changed: change.names };
  if (change.names.length === 0 && request.proposed.length > 0) {
    for (const step of ['constitution', 'compose', 'lint', 'protection', 'shape', 'usage'] as const) steps.leaveOut(step, 'nothing changed');
    return { ...verdictOf([], false), ...common, supergraphSdl: null, supergraphDigest: null, findings: [], steps: steps.taken };
  }
  const outcome = new SchemaCheck(request, change, steps).run();
  const findings = reportedFindings(outcome.drafts, request.approved);
  const supergraphSdl = outcome.composed?.supergraphSdl ?? null;
  return { ...verdictOf(findings, outcome.composed === null), ...common, supergraphSdl, supergraphDigest: supergraphSdl === null ? null : sha256Hex(supergraphSdl), findings, steps: steps.taken };
}

interface Outcome {
  /** Null when it cannot be composed or breaks gate 1. */
  readonly composed: ComposedSchema | null;
  readonly drafts: readonly WeighedDraft[];
}

/** One check under way. */
class SchemaCheck {
  private readonly reader = new SubgraphReader();
  private readonly documents = new Map<string, DocumentNode>();
  private readonly before: ReadonlyMap<string, string>;
  private readonly after: ReadonlyMap<string, string>;

  constructor(private readonly request: SchemaCheckRequest, private readonly change: SchemaSetChange, private readonly steps: CheckSteps) {
    this.before = new Map(request.base.map(({ name, sdl }) => [name, sdl]));
    this.after = new Map(request.proposed.map(({ name, sdl }) => [name, sdl]));
  }

  run(): Outcome {
    const { request, change, steps } = this;
    const { proposed, problems } = steps.run('constitution', () => {
      const read = this.reader.readAll(request.proposed);
      return { proposed: read, problems: [...read.problems, ...gateProblems(read, change.rewritten, request.accepted)] };
    }, change.rewritten.length === 0 ? 'no schema text changed' : `gate 1 on ${change.rewritten.join(', ')}`);
    const composed = problems.length > 0 ? problems : steps.run('compose', () => tryComposing(proposed, request.accepted), `${proposed.subgraphs.size} subgraphs`);
    if (problems.length > 0) steps.leaveOut('compose', 'a subgraph is refused');
    const lint = this.lint(proposed);
    if ('schema' in composed) return { composed, drafts: this.compare(proposed, composed, [...this.setChanges(), ...lint]) };
    for (const step of ['protection', 'shape', 'usage'] as const) steps.leaveOut(step, 'there is no supergraph to compare');
    return { composed: null, drafts: [...problemDrafts(composed), ...lint].map(unweighed) };
  }

  private compare(proposed: ReadSet, composed: ComposedSchema, drafts: readonly FindingDraft[]): WeighedDraft[] {
    const { request, steps } = this;
    const reason = this.nothingToCompare();
    if (reason !== null) {
      for (const step of ['protection', 'shape', 'usage'] as const) steps.leaveOut(step, reason);
      return drafts.map(unweighed);
    }
    const base = this.reader.readAll(request.base);
    const published = steps.run('compose-base', () => tryComposing(base, null), 'what is published, without proving again that it can be planned');
    if (!('schema' in published)) {
      for (const step of ['protection', 'shape', 'usage'] as const) steps.leaveOut(step, 'what is published cannot be composed');
      return [...drafts, baseRefused(published.map(({ message }) => message), schemaSetDigest(request.proposed))].map(unweighed);
    }
    const places = new ChangePlaces(this.change.names.map((name) => ({ name, before: this.document(this.before.get(name)), after: this.document(this.after.get(name)) })));
    const protection = steps.run('protection', () => this.protection(places, [base, published], [proposed, composed]), 'directives by their specifications, in the changed subgraphs and in effect');
    const visible = new Set(protection.flatMap(({ code, coordinate }) => (code === 'NEWLY_VISIBLE' ? [coordinate] : [])));
    const [before, after, shape] = steps.run('shape', () => {
      const [old, now] = [clientSchema(published), clientSchema(composed)];
      return [old, now, shapeChanges(old, now)] as const;
    }, 'the schema clients see');
    // What could not be seen before is told of once.
    const placed = shape.filter(({ code, coordinate }) => !(code.endsWith('_ADDED') && visible.has(coordinate))).map((draft) => ({ ...draft, subgraph: places.subgraphOf(draft.coordinate) }));
    const all = [...drafts, ...protection, ...placed];
    if (!all.some(isReshaping)) {
      steps.leaveOut('usage', 'no operation could notice');
      return all.map(unweighed);
    }
    const operations = clientOperations(request.operations, request.usage, request.minimumCount);
    return steps.run('usage', () => weigh(all, operations, usageState(request), before, after), `${operations.length} operations, usage ${usageState(request)}`);
  }

  private protection(places: ChangePlaces, base: readonly [ReadSet, ComposedSchema], proposed: readonly [ReadSet, ComposedSchema]): FindingDraft[] {
    const read = new Map<unknown, DeclaredProtection>();
    const declared = ({ subgraphs }: ReadSet): Map<string, DeclaredProtection> => new Map([...subgraphs].map(([name, subgraph]) => {
      const known = read.get(subgraph) ?? readDeclaredProtection(subgraph.schema);
      read.set(subgraph, known);
      return [name, known];
    }));
    const side = ([set, { schema }]: readonly [ReadSet, ComposedSchema]): ProtectionSide => new ProtectionSide(declared(set), schema);
    const compared = { base: side(base), proposed: side(proposed), changed: this.change.names, places };
    const coordinates = declaredCoordinates(compared);
    const moves = ownershipMoves(compared);
    return [...demandChanges(compared, coordinates), ...costChanges(compared), ...guardChanges(compared, coordinates, moves), ...ownershipChanges(compared, moves)];
  }

  private lint({ subgraphs }: ReadSet): FindingDraft[] {
    const rewritten = [...subgraphs.values()].filter(({ name }) => this.change.rewritten.includes(name));
    if (rewritten.length === 0) {
      this.steps.leaveOut('lint', 'no schema text that can be read changed');
      return [];
    }
    return this.steps.run('lint', () => rewritten.flatMap(({ name, schema }) => {
      const after = this.document(this.after.get(name));
      const listSize = nameInFeature(schema, FEDERATION_IDENTITY, 'listSize') ?? 'listSize';
      return after === null ? [] : lintSubgraph(name, this.document(this.before.get(name)), after, listSize);
    }), rewritten.map(({ name }) => name).join(', '));
  }

  /** Subgraphs that came, went or moved. */
  private setChanges(): FindingDraft[] {
    const urls = (set: SchemaCheckRequest['base']): Map<string, string> => new Map(set.map(({ name, url }) => [name, url]));
    const [old, now] = [urls(this.request.base), urls(this.request.proposed)];
    return this.change.names.flatMap((name): FindingDraft[] => {
      const [before, after] = [old.get(name) ?? null, now.get(name) ?? null];
      const common = { kind: 'SHAPE', subgraph: name, coordinate: null, before: { [name]: before }, after: { [name]: after }, weighing: null } as const;
      if (before === null) return [{ ...common, code: 'SUBGRAPH_ADDED', criticality: 'SAFE', message: `The subgraph ${name} was added.`, remedy: null }];
      if (after === null) return [{ ...common, code: 'SUBGRAPH_REMOVED', criticality: 'DANGEROUS', message: `The subgraph ${name} was removed.`, remedy: 'Keep it running until no gateway serves the old version.' }];
      return before === after ? [] : [{ ...common, code: 'SUBGRAPH_URL_CHANGED', criticality: 'DANGEROUS', message: `${name} was at ${before} and is now at ${after}.`, remedy: 'Make sure that it is served there before it ships.' }];
    });
  }

  /** Why nothing needs to be compared; null when something does. */
  private nothingToCompare(): string | null {
    if (this.request.base.length === 0) return 'nothing is published yet';
    const reshaped = this.change.names.filter((name) => {
      const [before, after] = [this.before.get(name), this.after.get(name)];
      return before === undefined || after === undefined || (before !== after && this.document(before) !== null && !sameBesidesDescriptions(before, after));
    });
    return reshaped.length === 0 ? 'only descriptions, layout or addresses changed' : null;
  }

  /** A parsed text; null when there is none, or when it cannot be read. */
  private document(sdl: string | undefined): DocumentNode | null {
    if (sdl === undefined) return null;
    const known = this.documents.get(sdl);
    if (known !== undefined) return known;
    try {
      const document = parse(sdl);
      this.documents.set(sdl, document);
      return document;
    } catch {
      // Said already by whoever reads the subgraph.
      return null;
    }
  }
}

function clientSchema({ schema }: ComposedSchema): GraphQLSchema {
  return schema.toAPISchema().toGraphQLJSSchema();
}

function unweighed(draft: FindingDraft): WeighedDraft {
  return { ...draft, weight: null, affected: [], affectedCount: 0 };
}

/** @param proposedDigest part of the fingerprint: an approval that compared nothing covers this proposal and no other. */
function baseRefused(messages: readonly string[], proposedDigest: string): FindingDraft {
  return {
    code: 'BASE_NOT_COMPOSABLE', kind: 'COMPOSITION', criticality: 'BREAKING', subgraph: null, coordinate: null, before: messages, after: proposedDigest, weighing: null,
    message: `What is published cannot be composed, so that nothing can be compared with it: ${messages.join(' ')}`, remedy: 'Check against a version that can be composed, or have the change approved by governance.',
  };
}
