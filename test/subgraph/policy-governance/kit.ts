/** Speaks to a running policy-governance subgraph as Alertmanager, operators and subscribers do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { projectPath } from '../../../ops/runtime/package-root.js';
import { SECRET } from '../../../ops/runtime/secret-files.js';
import type { PrincipalClaims } from '../../../ops/runtime/hop-token.js';
import { principal, TEST_HASH, type TestSubgraph } from '../../kit/subgraph.js';

export interface WebhookAlert {
  status: 'firing' | 'resolved';
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  generatorURL: string;
  fingerprint: string;
}

export interface WebhookPayload {
  version: string;
  groupKey: string;
  truncatedAlerts: number;
  status: string;
  receiver: string;
  alerts: WebhookAlert[];
  [other: string]: unknown;
}

export interface WebhookAnswer {
  received: number;
  raised: number;
  resolved: number;
  duplicates: number;
  incidents: string[];
}

export const NEVER = '0001-01-01T00:00:00Z';

export const OPERATOR = principal('operator-1', { scopes: ['alert:read', 'incident:read', 'incident:write', 'service:read'] });
export const SECOND = principal('operator-2', { scopes: ['alert:read', 'incident:read', 'incident:write', 'service:read'] });
export const OFFICER = principal('officer-1', { roles: ['governance-officer'], scopes: ['policy:read', 'policy:write', 'policy:evaluate'] });

/** A notification as Alertmanager 0.25 sent it. */
export function recordedPayload(): WebhookPayload {
  return JSON.parse(readFileSync(projectPath('test', 'subgraph', 'policy-governance', 'alertmanager-payload.json'), 'utf8')) as WebhookPayload;
}

export function webhookAlert(fingerprint: string, changes: Partial<WebhookAlert> & { severity?: string } = {}): WebhookAlert {
  const { severity = 'warning', labels = {}, ...rest } = changes;
  return {
    status: 'firing', annotations: { summary: `${fingerprint} is slow` }, startsAt: '2025-07-07T09:58:12.447Z', endsAt: NEVER,
    generatorURL: 'http://127.0.0.1:9091/graph', fingerprint,
    labels: { alertname: 'HighLatency', severity, service: 'auth', constitutional_hash: TEST_HASH, ...labels }, ...rest,
  };
}

export function payloadOf(groupKey: string, alerts: WebhookAlert[]): WebhookPayload {
  return { ...recordedPayload(), groupKey, alerts };
}

export function webhookToken(subgraph: TestSubgraph): string {
  return readFileSync(join(subgraph.dataDirectory, 'secrets', SECRET.alertmanagerToken), 'utf8').trim();
}

/** Posts whatever is given; `token` null sends no credentials. */
export function post(subgraph: TestSubgraph, body: unknown, token: string | null = webhookToken(subgraph)): Promise<Response> {
  return fetch(`${subgraph.url}/webhooks/alertmanager`, {
    method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
  });
}

export async function notify(subgraph: TestSubgraph, payload: WebhookPayload): Promise<WebhookAnswer> {
  const response = await post(subgraph, payload);
  expect(response.status).toBe(200);
  return await response.json() as WebhookAnswer;
}

/** Runs an operation that must have no errors. */
export async function ask<T>(subgraph: TestSubgraph, document: string, variables: Record<string, unknown> = {}, who: PrincipalClaims = OPERATOR): Promise<T> {
  const { data, errors } = await subgraph.query<T>(document, variables, { principal: who });
  expect(errors).toBeUndefined();
  return data as T;
}

export interface IncidentView {
  id: string;
  title: string;
  severity: string;
  status: string;
  version: number;
  groupKey: string | null;
  nextSteps: string[];
  service: { id: string } | null;
  declaredBy: { id: string } | null;
  declaredAt: string;
  startedAt: string;
  deadlines: { acknowledgeBy: string; assessBy: string; respondBy: string; resolveBy: string };
  acknowledgedBy: { id: string } | null;
  acknowledgedAt: string | null;
  acknowledgedInTime: boolean | null;
  resolvedInTime: boolean | null;
  escalationLevel: number;
  escalatedTo: string | null;
  nextEscalationAt: string | null;
  rootCause: string | null;
  alerts: Array<{ id: string; fingerprint: string; state: string; level: string }>;
  timeline: Array<{ number: number; kind: string; text: string; actorId: string; actor: { id: string } | null }>;
}

export const INCIDENT = `id title severity status version groupKey nextSteps service { id } declaredBy { id } declaredAt startedAt
  deadlines { acknowledgeBy assessBy respondBy resolveBy } acknowledgedBy { id } acknowledgedAt acknowledgedInTime resolvedInTime
  escalationLevel escalatedTo nextEscalationAt rootCause alerts(first: 100) { id fingerprint state level } timeline { number kind text actorId actor { id } }`;

export async function incidentOf(subgraph: TestSubgraph, id: string): Promise<IncidentView> {
  const { incident } = await ask<{ incident: IncidentView }>(subgraph, `query($id: ID!) { incident(id: $id) { ${INCIDENT} } }`, { id });
  return incident;
}

export type Outcome = { __typename: string; code?: string; message?: string; field?: string | null; incident?: IncidentView };

/** Runs one mutation on an incident. @param call for example `acknowledgeIncident(id: "INC-2025-001")`. */
export async function change(subgraph: TestSubgraph, call: string, who: PrincipalClaims = OPERATOR): Promise<Outcome> {
  const { outcome } = await ask<{ outcome: Outcome }>(subgraph, `mutation { outcome: ${call} { __typename ... on Problem { code message } ... on InvalidInput { field } ... on IncidentPayload { incident { ${INCIDENT} } } } }`, {}, who);
  return outcome;
}
