/** The policy engine over Cedar in WebAssembly: schema and policies are parsed once, requests are checked against the schema. */
import { randomUUID } from 'node:crypto';
import {
  policySetTextToParts, policyToJson, preparsePolicySet, preparseSchema, statefulIsAuthorized, validate,
  type CedarValueJson, type Context, type DetailedError, type EntityJson, type TypeAndId,
} from '@cedar-policy/cedar-wasm/nodejs';
import { annotationProblem, placeOf, type EngineAnswer, type PolicyError, type PolicyRequest, type PolicySet } from './domain-policies.js';
import type { CheckedPolicy, PolicyEngine } from './ports.js';

/** Circumstances the schema types as decimal; JSON numbers are converted, with at most four digits after the point. */
export const DECIMAL_CIRCUMSTANCES: readonly string[] = ['confidence', 'complianceScore'];
const DECIMAL_LIMIT = 900_000_000_000_000;
const MAX_DEPTH = 8;

export class CedarEngine implements PolicyEngine {
  private readonly name = randomUUID();
  private loaded: PolicySet | null = null;

  /** @param schema text of the Cedar schema. @throws Error when it does not parse. */
  constructor(private readonly schema: string) {
    const answer = preparseSchema(this.name, schema);
    if (answer.type === 'failure') throw new Error(`The schema of policy requests does not parse: ${messages(answer.errors).join('; ')}`);
  }

  get set(): PolicySet | null {
    return this.loaded;
  }

  check(cedar: string): CheckedPolicy | { readonly errors: readonly PolicyError[] } {
    const parts = policySetTextToParts(cedar);
    if (parts.type === 'failure') return { errors: located(cedar, parts.errors) };
    if (parts.policies.length !== 1 || parts.policy_templates.length > 0) {
      return { errors: [plain(`The text holds ${parts.policies.length} policies and ${parts.policy_templates.length} templates; it must hold one policy.`)] };
    }
    const answer = validate({ schema: this.schema, policies: { staticPolicies: { policy: cedar } } });
    if (answer.type === 'failure') return { errors: located(cedar, answer.errors) };
    // A warning says that the policy can never apply or hides look-alike characters: neither belongs in force.
    const found = [...answer.validationErrors, ...answer.validationWarnings].map(({ error }) => error);
    if (found.length > 0) return { errors: located(cedar, found) };
    const parsed = policyToJson(cedar);
    if (parsed.type === 'failure') return { errors: located(cedar, parsed.errors) };
    const checked: CheckedPolicy = { effect: parsed.json.effect === 'permit' ? 'PERMIT' : 'FORBID', annotations: parsed.json.annotations ?? {} };
    const problem = annotationProblem(checked.effect, checked.annotations);
    return problem === null ? checked : { errors: [plain(problem)] };
  }

  load(set: PolicySet): void {
    const staticPolicies = Object.fromEntries([...set.policies].map(([id, { cedar }]) => [id, cedar]));
    const answer = preparsePolicySet(this.name, { staticPolicies });
    if (answer.type === 'failure') throw new Error(`The policies of revision ${set.revision} do not parse: ${messages(answer.errors).join('; ')}`);
    this.loaded = set;
  }

  evaluate(request: PolicyRequest, activeHash: string): EngineAnswer {
    if (this.loaded === null) return failed(['No policies are loaded.']);
    try {
      const answer = statefulIsAuthorized({
        ...entitiesOf(request), context: contextOf(request.context, activeHash),
        preparsedSchemaName: this.name, preparsedPolicySetId: this.name, validateRequest: true,
      });
      if (answer.type === 'failure') return failed(messages(answer.errors));
      const { decision, diagnostics } = answer.response;
      return { allowed: decision === 'allow', determining: diagnostics.reason, errors: diagnostics.errors.map(({ policyId, error }) => printable(`${policyId}: ${error.message}`)) };
    } catch (error) {
      // A request the engine chokes on is answered, as an error, and so denied.
      return failed([error instanceof Error ? error.message : String(error)]);
    }
  }
}

function failed(errors: readonly string[]): EngineAnswer {
  return { allowed: false, determining: [], errors: errors.length > 0 ? errors.map(printable) : ['The engine failed without saying why.'] };
}

/** Engine messages quote the request: kept short and free of characters that a database or a log refuses. */
function printable(message: string): string {
  return message.replaceAll(/[\p{Cc}\p{Cs}]/gu, '\u{fffd}').slice(0, 500);
}

function entitiesOf({ principal, action, resource }: PolicyRequest): { principal: TypeAndId; action: TypeAndId; resource: TypeAndId; entities: EntityJson[] } {
  const who: TypeAndId = { type: 'Acgs::Principal', id: principal.id };
  const what: TypeAndId = { type: 'Acgs::Resource', id: resource.id };
  const owner: Record<string, CedarValueJson> = resource.ownerId === null || resource.ownerId === undefined ? {} : { owner: { __entity: { type: 'Acgs::Principal', id: resource.ownerId } } };
  return {
    principal: who, action: { type: 'Acgs::Action', id: action }, resource: what,
    entities: [
      { uid: who, attrs: { kind: principal.kind, roles: [...principal.roles] }, parents: [] },
      { uid: what, attrs: { kind: resource.type, ...owner }, parents: [] },
    ],
  };
}

function contextOf(given: unknown, activeHash: string): Context {
  const circumstances = given ?? {};
  if (typeof circumstances !== 'object' || Array.isArray(circumstances)) throw new TypeError('The context is a JSON object.');
  if (depthOf(circumstances) > MAX_DEPTH) throw new TypeError(`The context is nested deeper than ${MAX_DEPTH} levels.`);
  const entries = Object.entries(circumstances as Record<string, CedarValueJson>);
  return {
    ...Object.fromEntries(entries.map(([name, value]) => [name, DECIMAL_CIRCUMSTANCES.includes(name) && typeof value === 'number' ? decimal(value) : value])),
    activeHash,
  };
}

function decimal(value: number): CedarValueJson {
  if (!Number.isFinite(value) || Math.abs(value) > DECIMAL_LIMIT) throw new RangeError('A decimal is a finite number below 9e14.');
  // Cut, not rounded: 0.79999 must not pass for 0.8.
  return { __extn: { fn: 'decimal', arg: value.toFixed(12).slice(0, -8) } };
}

function depthOf(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return depth;
  return Math.max(depth, ...Object.values(value).map((inner) => depthOf(inner, depth + 1)));
}

function messages(errors: readonly DetailedError[]): string[] {
  return errors.map(({ message, help }) => (help === null ? message : `${message} (${help})`));
}

function plain(message: string): PolicyError {
  return { message, help: null, line: null, column: null };
}

function located(text: string, errors: readonly DetailedError[]): PolicyError[] {
  return errors.map(({ message, help, sourceLocations }) => {
    const start = sourceLocations?.[0]?.start;
    const place = start === undefined ? { line: null, column: null } : placeOf(text, start);
    return { message, help, ...place };
  });
}
