/** Runs a compiled plan: writes each call from what was gathered so far, merges the answers, and keeps what went wrong. */
import { AcgsError } from '../../../ops/runtime/errors.js';
import type { RequestCache } from '../cache/request-cache.js';
import type { EventPayload, SubgraphAnswer, SubgraphCalls } from '../contracts.js';
import type { CallText } from './call-text.js';
import type { CompiledGroup, CompiledPlan, LoneFetch, SharedFetch } from './compiled-plan.js';
import { contextGroupsOf, mergeEntities, pathOf, placeEntityErrors, targetsOf, type CompiledEntityStep, type ContextGroup, type EntityTargets } from './entity-fetch.js';
import { MAX_ERRORS_AN_ANSWER, type PlanFailure } from './fetch-failures.js';
import { askLone, askShared } from './kept-parts.js';
import { PlanSchedule } from './plan-schedule.js';
import type { FetchStep } from './plan-steps.js';
import { Representations } from './representations.js';
import { isDataObject, mergeInto, placesAt, type DataObject } from './response-data.js';
import { applyRewrites, renamedKey } from './rewrites.js';

export interface PlanInput {
  readonly calls: Pick<SubgraphCalls, 'call'>;
  readonly variables: Readonly<Record<string, unknown>>;
  /** The answer of the plan's primary fetch, for an event of a subscription. */
  readonly event?: EventPayload;
  /** Where answers that may be kept are looked for first; undefined to send everything. */
  readonly cache?: RequestCache | undefined;
  /** Object that takes what is fetched; a new one by default. */
  readonly data?: DataObject;
  /** Told of steps that are over, whatever they brought, with what has come so far. What it throws ends the run. */
  readonly over?: (steps: readonly FetchStep[], outcome: PlanOutcome) => void;
}

export interface PlanOutcome {
  readonly data: DataObject;
  readonly failures: readonly PlanFailure[];
  /** True when no text of the data needs an escape in JSON. */
  readonly escapeFree: boolean;
  /** True when every text of the data is ASCII. */
  readonly ascii: boolean;
}

/** Runs a plan to its end. Never rejects for faults of subgraphs: they are failures of the outcome. */
export function runPlan(plan: CompiledPlan, input: PlanInput): Promise<PlanOutcome> {
  return new PlanRun(plan, input).run();
}

class PlanRun {
  private readonly data: DataObject;
  private readonly failures: PlanFailure[] = [];
  private readonly objects = new Map<string, readonly DataObject[]>();
  private readonly variableTexts = new Map<string, string>();
  private readonly schedule: PlanSchedule;
  private escapeFree = true;
  private ascii = true;
  private depth = 0;
  private ended = false;
  private finish: (outcome: PlanOutcome) => void = () => undefined;
  private fail: (fault: unknown) => void = () => undefined;

  constructor(private readonly plan: CompiledPlan, private readonly input: PlanInput) {
    this.data = input.data ?? {};
    this.schedule = new PlanSchedule(plan, {
      start: (group, steps) => this.start(group, steps),
      end: () => { this.ended = true; },
    });
  }

  run(): Promise<PlanOutcome> {
    return new Promise((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
      this.depth += 1;
      this.schedule.begin();
      this.depth -= 1;
      this.finishWhenQuiet();
    });
  }

  /** Ends the run for a fault of the executor itself: nothing more is sent. */
  private abort(fault: unknown): void {
    this.schedule.stop();
    this.fail(fault);
  }

  private done(steps: readonly FetchStep[]): void {
    this.depth += 1;
    this.schedule.done(steps);
    if (this.input.over !== undefined) this.input.over(steps, this.outcome());
    this.depth -= 1;
    this.finishWhenQuiet();
  }

  /** The run ends when nobody who was told of its steps is at work any more: what they throw is still its own. */
  private finishWhenQuiet(): void {
    if (this.ended && this.depth === 0) this.finish(this.outcome());
  }

  private outcome(): PlanOutcome {
    return { data: this.data, failures: this.failures, escapeFree: this.escapeFree, ascii: this.ascii };
  }

  private start(group: CompiledGroup, steps: readonly FetchStep[]): void {
    try {
      const { fetch } = group;
      if (fetch.kind === 'shared') this.sendShared(group, fetch, steps);
      else if (fetch.step.fetch === this.plan.primary && this.input.event !== undefined) this.takeEvent(fetch.step, this.input.event);
      else if (fetch.entities?.context !== undefined) this.sendInContext(group, fetch);
      else if (fetch.entities !== undefined) this.sendEntities(group, fetch);
      else this.sendRoot(group, fetch);
    } catch (fault) {
      this.abort(fault);
    }
  }

  private sendRoot(group: CompiledGroup, { step, head, variables, rule }: LoneFetch): void {
    const { fetch } = step;
    const targets = this.objectsOf(step);
    if (targets.length === 0) {
      this.done([step]);
      return;
    }
    const body = `${head}${this.variableList(variables)}}}`;
    const kind = fetch.operationKind === 'mutation' ? 'mutation' : 'query';
    const send = (): Promise<SubgraphAnswer> => this.ask(group, body, kind, fetch.operation);
    const { cache } = this.input;
    this.call(rule?.kind === 'root' && cache !== undefined ? cache.root(rule, send) : send(), [step], (answer) => {
      if (isDataObject(answer.data)) {
        applyRewrites(this.plan.rules.schema, fetch.outputRewrites ?? [], answer.data);
        targets.forEach((target, index) => mergeInto(target, index === 0 ? answer.data as DataObject : structuredClone(answer.data as DataObject), this.plan.rules.keepTypename));
      }
      this.rootErrors(step, answer);
    });
  }

  private sendEntities(group: CompiledGroup, fetch: LoneFetch): void {
    const { step, head, variables, entities } = fetch;
    if (entities === undefined) return;
    const representations = new Representations(entities.representer);
    const targets = targetsOf(entities, this.objectsOf(step), representations);
    if (representations.texts.length === 0) {
      this.done([step]);
      return;
    }
    const send = (list: string): Promise<SubgraphAnswer> => this.ask(group, `${head}${this.variableList(variables, true)}"representations":${list}}}`, 'query', step.fetch.operation);
    this.call(askLone(fetch, group.service, representations, this.input.cache, send), [step], (answer) => {
      this.takeEntities(targets, answer, '_entities', representations.texts.length, answer.errors);
    });
  }

  /** One call for each set of context values; they run side by side. */
  private sendInContext(group: CompiledGroup, { step, head, variables, entities }: LoneFetch): void {
    const context = entities?.context;
    if (entities === undefined || context === undefined) return;
    const groups = contextGroupsOf(entities, context, this.data);
    let left = groups.length;
    if (left === 0) this.done([step]);
    const over = (): void => {
      left -= 1;
      if (left === 0) this.done([step]);
    };
    for (const one of groups) this.sendContextGroup(group, step, one, `${head}${this.variableList(variables, true)}${contextTexts(context.names, one)}`, over);
  }

  private sendContextGroup(group: CompiledGroup, step: FetchStep, { representations, targets }: ContextGroup, head: string, over: () => void): void {
    const body = `${head}"representations":${representations.list()}}}`;
    this.exchange(this.ask(group, body, 'query', step.fetch.operation), [step], (answer) => {
      this.takeEntities(targets, answer, '_entities', representations.texts.length, answer.errors);
    }, over);
  }

  private sendShared(group: CompiledGroup, fetch: SharedFetch, steps: readonly FetchStep[]): void {
    const { parts, entities, callFor } = fetch;
    const positions: number[] = [];
    const asked: { representations: Representations; targets: EntityTargets[] }[] = [];
    const sent: FetchStep[] = [];
    const idle: FetchStep[] = [];
    parts.forEach((part, position) => {
      const members = part.steps.filter((step) => steps.includes(step)).map((step) => entities.get(step.index) as CompiledEntityStep);
      const [first] = members;
      if (first === undefined) return;
      // The members of a part require the same, so that one of them represents the objects of all.
      const representations = new Representations(first.representer);
      const targets = members.map((member) => targetsOf(member, this.objectsOf(member.step), representations));
      if (representations.texts.length === 0) {
        idle.push(...members.map(({ step }) => step));
        return;
      }
      positions.push(position);
      asked.push({ representations, targets });
      sent.push(...members.map(({ step }) => step));
    });
    if (sent.length > 0) {
      const text = callFor(positions);
      const send = (call: CallText, lists: readonly string[]): Promise<SubgraphAnswer> => {
        const members = lists.map((list, index) => `${call.representationKeys[index]}${list}`).join(',');
        return this.ask(group, `${call.head}${this.variableList(call.variables, true)}${members}}}`, 'query', call.operation);
      };
      this.call(askShared(fetch, group.service, positions, asked.map(({ representations }) => representations), this.input.cache, send), sent, (answer) => {
        asked.forEach(({ representations, targets }, index) => {
          const name = text.responseNames[index] as string;
          const errors = answer.errors.filter((error) => (pathOf(error)[0] ?? text.responseNames[0]) === name);
          targets.forEach((target) => this.takeEntities(target, answer, name, representations.texts.length, errors));
        });
      });
    }
    if (idle.length > 0) this.done(idle);
  }

  /** Merges one step's entities; an answer that does not fit fails that step alone. */
  private takeEntities(targets: EntityTargets, answer: SubgraphAnswer, responseName: string, sent: number, errors: SubgraphAnswer['errors']): void {
    const { step } = targets.compiled;
    if (isDataObject(answer.data) && answer.data[responseName] != null) {
      try {
        mergeEntities(targets, answer.data[responseName], sent, this.plan.rules);
      } catch (error) {
        if (!(error instanceof AcgsError)) throw error;
        this.failures.push({ kind: 'failed', step, error });
      }
    } else if (errors.length === 0) {
      this.failures.push({ kind: 'failed', step, error: new AcgsError('SUBGRAPH_BAD_RESPONSE', `${step.fetch.serviceName} answered without entities.`, { service: step.fetch.serviceName }) });
    }
    if (errors.length > 0) this.failures.push(...placeEntityErrors(targets, errors, responseName, this.data));
  }

  private takeEvent(step: FetchStep, event: EventPayload): void {
    // A stream's message may be shared by several subscribers, and joins write into it.
    const data: unknown = structuredClone(event.data);
    this.escapeFree = false;
    this.ascii = false;
    if (isDataObject(data)) {
      applyRewrites(this.plan.rules.schema, step.fetch.outputRewrites ?? [], data);
      mergeInto(this.data, data, this.plan.rules.keepTypename);
    }
    this.rootErrors(step, { data: undefined, errors: event.errors ?? [] });
    this.done([step]);
  }

  private rootErrors(step: FetchStep, { errors }: Pick<SubgraphAnswer, 'data' | 'errors'>): void {
    if (errors.length === 0) return;
    const rewrites = step.fetch.outputRewrites ?? [];
    const places = step.path.length === 0 ? [[]] : placesAt(this.data, step.path).map(({ path }) => path);
    for (const error of errors.slice(0, MAX_ERRORS_AN_ANSWER)) {
      const below = pathOf(error).map((part) => renamedKey(rewrites, part));
      for (const place of below.length === 0 ? [undefined] : places) this.failures.push({ kind: 'reported', step, error, path: place === undefined ? undefined : [...place, ...below] });
    }
  }

  private ask({ service, steps }: CompiledGroup, body: string, kind: 'query' | 'mutation', operation: string): Promise<SubgraphAnswer> {
    return this.input.calls.call({ service, body, kind, operation, variables: this.input.variables, steps });
  }

  private call(answered: Promise<SubgraphAnswer>, steps: readonly FetchStep[], take: (answer: SubgraphAnswer) => void): void {
    this.exchange(answered, steps, take, () => this.done(steps));
  }

  private exchange(answered: Promise<SubgraphAnswer>, steps: readonly FetchStep[], take: (answer: SubgraphAnswer) => void, over: () => void): void {
    answered.then((answer) => {
      // The answer may bring objects at paths that were looked at before: those of another type of an abstract field.
      this.objects.clear();
      this.escapeFree &&= answer.escapeFree;
      this.ascii &&= answer.ascii;
      take(answer);
      over();
    }, (fault: unknown) => {
      if (!(fault instanceof AcgsError)) throw fault;
      for (const step of steps) this.failures.push({ kind: 'failed', step, error: fault });
      over();
    }).catch((fault: unknown) => this.abort(fault));
  }

  /** Objects at a step's path; found once for the steps that are sent together. */
  private objectsOf({ find, place }: FetchStep): readonly DataObject[] {
    let objects = this.objects.get(place);
    if (objects === undefined) this.objects.set(place, objects = find(this.data));
    return objects;
  }

  /** The client's variables as JSON members, each followed by a comma when more members come. */
  private variableList(names: readonly string[], more = false): string {
    let text = '';
    for (const name of names) {
      if (!Object.hasOwn(this.input.variables, name) || this.input.variables[name] === undefined) continue;
      let member = this.variableTexts.get(name);
      if (member === undefined) this.variableTexts.set(name, member = `${JSON.stringify(name)}:${JSON.stringify(this.input.variables[name])}`);
      text += text === '' ? member : `,${member}`;
    }
    return more && text !== '' ? `${text},` : text;
  }
}

function contextTexts(names: readonly string[], { values }: ContextGroup): string {
  return names.map((name, index) => `${JSON.stringify(name)}:${JSON.stringify(values[index])},`).join('');
}
