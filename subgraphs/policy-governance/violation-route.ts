/** Takes constitutional violations that the gateway saw and raises an alert for each, once. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AcgsError } from '../../ops/runtime/errors.js';
import { jsonReply, readJson } from '../../ops/runtime/http-server.js';
import type { HopRoute, SubgraphDeps } from '../kernel/define-subgraph.js';
import type { AlertLevel, ReportedAlert } from './domain-alerts.js';
import type { ServiceNames } from './domain-services.js';
import type { ReferenceData } from './reference-data.js';
import type { AlertService } from './service-alerts.js';

const name = z.string().min(1).max(512).regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has control characters');

const violation = z.object({
  kind: z.enum(['REQUEST_HASH_MISMATCH', 'INSTANCE_HASH_MISMATCH']),
  principalId: name.nullable(),
  requestId: name.nullable(),
  expected: name,
  received: name.nullable(),
  subgraph: name.nullable(),
  instanceUrl: name.nullable(),
  occurredAt: z.iso.datetime({ offset: true }),
  occurrences: z.number().int().min(1),
});

type Violation = z.infer<typeof violation>;

/** An instance under another constitution endangers everyone; a client only itself. */
const LEVEL_OF: Readonly<Record<Violation['kind'], AlertLevel>> = { REQUEST_HASH_MISMATCH: 'CRITICAL', INSTANCE_HASH_MISMATCH: 'EMERGENCY' };

/** Handler of `POST /internal/violations`; the gateway repeats until it is answered 200. */
export function violationRoute(deps: SubgraphDeps, { alerts, reference }: { readonly alerts: AlertService; readonly reference: ReferenceData }): HopRoute {
  return async (request) => {
    const parsed = violation.safeParse(readJson(request));
    if (!parsed.success) throw new AcgsError('BAD_REQUEST', `The body is not a violation: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`);
    const seen = parsed.data;
    const { names } = await reference.get();
    const report = await alerts.ingest('system:gateway', seen.requestId ?? `violation-${fingerprintOf(seen)}`, `violation:${seen.kind}:${seen.subgraph ?? 'gateway'}`, [violationAlert(seen, names, deps.manifest.accepted)]);
    return jsonReply(200, report);
  };
}

function violationAlert(seen: Violation, names: ServiceNames, accepted: readonly string[]): ReportedAlert {
  const who = seen.kind === 'INSTANCE_HASH_MISMATCH' ? `an instance of ${seen.subgraph ?? 'a subgraph'}` : seen.principalId === null ? 'anonymous clients' : `principal ${seen.principalId}`;
  const level = LEVEL_OF[seen.kind];
  const labels = { alertname: 'ConstitutionalHashMismatch', severity: level.toLowerCase(), kind: seen.kind, service: seen.subgraph ?? 'gateway', constitutional_hash: seen.expected };
  const facts = { received: seen.received, principal: seen.principalId, request: seen.requestId, instance: seen.instanceUrl, occurrences: String(seen.occurrences) };
  return {
    fingerprint: fingerprintOf(seen), startsAt: new Date(seen.occurredAt).toISOString(), endsAt: null, state: 'FIRING', source: 'GATEWAY', name: labels.alertname, level, labels,
    annotations: Object.fromEntries(Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== null)),
    serviceId: names.find(labels.service),
    summary: `A foreign constitutional hash came from ${who}`.slice(0, 500),
    description: `Expected ${seen.expected}, received ${seen.received ?? 'none'}, ${seen.occurrences === 1 ? 'once' : `${seen.occurrences} times`}.`,
    generatorUrl: null, declaredHash: seen.expected, hashVerified: accepted.includes(seen.expected),
  };
}

/** Identity of a violation: its request and who answered it, or its moment when no request is known. */
function fingerprintOf({ kind, requestId, subgraph, instanceUrl, occurredAt, principalId }: Violation): string {
  const identity = requestId === null ? ['moment', kind, subgraph, instanceUrl, principalId, occurredAt] : ['request', kind, subgraph, instanceUrl, requestId];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32);
}
