/** What the content of a change must look like before anyone is asked to approve it; pure. */
import { ChangeDenied, type ApprovalRule, type ChangeAction, type ChangeContent, type JsonObject, type JsonValue } from './domain.js';

const LIMITS = { title: 200, summary: 10_000, justification: 10_000, implementationPlan: 20_000, riskAssessment: 20_000, rollbackPlan: 20_000 } as const;
const MAX_PARAMETER_BYTES = 16_384;
const MAX_DEPTH = 8;
const INCIDENT_FORM = /^INC-\d{4}-\d{3,6}$/;
const PRINCIPAL_FORM = /^[\w.:@-]{1,128}$/;
/** A parameter of such a name would carry a credential into events and grants. */
const SECRET_NAME = /(passw(or)?d|passphrase|secret|credential|private_?key|api_?key|(access|refresh|auth|bearer)_?token|^token$)/i;

/** Fields each kind of documentation asks for before approval. */
const NEEDED: Readonly<Record<ApprovalRule['documentation'], ReadonlyArray<'implementationPlan' | 'riskAssessment'>>> = {
  POST_IMPLEMENTATION: [],
  PRE_IMPLEMENTATION: ['implementationPlan'],
  FULL_PROCESS: ['implementationPlan', 'riskAssessment'],
};

/** Content before it is checked; `implementerId` and `plannedStart` may still be open. */
export interface ContentDraft {
  readonly title: string;
  readonly summary: string;
  readonly justification: string;
  readonly serviceId: string;
  readonly incidentId?: string | null | undefined;
  readonly implementerId?: string | null | undefined;
  readonly action: { readonly kind: ChangeAction['kind']; readonly parameters: unknown };
  readonly implementationPlan?: string | null | undefined;
  readonly riskAssessment?: string | null | undefined;
  readonly rollbackPlan: string;
  readonly plannedStart?: string | null | undefined;
}

/**
 * Checks a draft and gives it its final form, except for the planned start.
 * @param services ids of the services that exist.
 * @throws ChangeDenied InvalidInput naming the field.
 */
export function checkContent(draft: ContentDraft, rule: ApprovalRule, requesterId: string, services: readonly string[]): Omit<ChangeContent, 'plannedStart'> {
  if (!services.includes(draft.serviceId)) throw invalid(`There is no service ${draft.serviceId}; services are ${services.join(', ')}.`, 'serviceId');
  const incidentId = draft.incidentId ?? null;
  if (incidentId !== null && !INCIDENT_FORM.test(incidentId)) throw invalid('An incident is named like INC-2026-001.', 'incidentId');
  const implementerId = draft.implementerId ?? requesterId;
  if (!PRINCIPAL_FORM.test(implementerId)) throw invalid('The implementer is not the id of a principal.', 'implementerId');
  const needed = NEEDED[rule.documentation];
  return {
    title: text(draft.title, 'title'),
    summary: text(draft.summary, 'summary'),
    justification: text(draft.justification, 'justification'),
    category: rule.category,
    serviceId: draft.serviceId,
    incidentId,
    implementerId,
    action: { kind: draft.action.kind, parameters: parametersOf(draft.action.parameters) },
    implementationPlan: optional(draft.implementationPlan, 'implementationPlan', needed.includes('implementationPlan'), rule),
    riskAssessment: optional(draft.riskAssessment, 'riskAssessment', needed.includes('riskAssessment'), rule),
    rollbackPlan: text(draft.rollbackPlan, 'rollbackPlan'),
  };
}

/** Trims and bounds a remark. @throws ChangeDenied InvalidInput when it is empty or too long. */
export function checkRemark(value: string, field: string, limit = 4_000): string {
  return bounded(value, field, limit);
}

function text(value: string, name: keyof typeof LIMITS): string {
  return bounded(value, name, LIMITS[name]);
}

function optional(value: string | null | undefined, name: 'implementationPlan' | 'riskAssessment', needed: boolean, rule: ApprovalRule): string | null {
  if (value !== null && value !== undefined && value.trim() !== '') return text(value, name);
  if (needed) throw invalid(`A change of category ${rule.category} needs it before approval.`, name);
  return null;
}

function bounded(value: string, field: string, limit: number): string {
  const trimmed = value.trim();
  if (trimmed === '') throw invalid('It must not be empty.', field);
  if (trimmed.length > limit) throw invalid(`It has at most ${limit} characters.`, field);
  if (!storable(trimmed)) throw invalid('It holds characters that are no text.', field);
  return trimmed;
}

function parametersOf(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('The parameters are a JSON object.', 'action.parameters');
  checkJson(value as JsonValue, 'action.parameters', 1);
  if (Buffer.byteLength(JSON.stringify(value)) > MAX_PARAMETER_BYTES) throw invalid(`The parameters have at most ${MAX_PARAMETER_BYTES} bytes.`, 'action.parameters');
  return value as JsonObject;
}

function checkJson(value: JsonValue, path: string, depth: number): void {
  if (depth > MAX_DEPTH) throw invalid(`The parameters nest at most ${MAX_DEPTH} deep.`, path);
  if (typeof value === 'string' && !storable(value)) throw invalid('It holds characters that are no text.', path);
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalid('It is not a finite number.', path);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    if (!storable(key)) throw invalid('It has a name with characters that are no text.', path);
    if (SECRET_NAME.test(key)) throw invalid(`The parameter ${key} looks like a credential; name the secret instead of carrying it.`, `${path}.${key}`);
    checkJson(child, `${path}.${key}`, depth + 1);
  }
}

/** PostgreSQL stores neither NUL nor half of a surrogate pair. */
function storable(value: string): boolean {
  return !value.includes('\0') && !/\p{Surrogate}/u.test(value);
}

function invalid(message: string, field: string): ChangeDenied {
  return new ChangeDenied('InvalidInput', 'INVALID_INPUT', message, `input.${field}`);
}
