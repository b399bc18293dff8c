/** Takes notifications of Alertmanager (webhook payload version 4), authenticated by a bearer token. */
import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { sha256 } from '../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { jsonReply, readJson, type HttpHandler } from '../../ops/runtime/http-server.js';
import { SECRET, secretFile } from '../../ops/runtime/secret-files.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { reportedAlert } from './domain-alerts.js';
import type { GovernanceMetrics } from './metrics.js';
import type { ReferenceData } from './reference-data.js';
import type { AlertService } from './service-alerts.js';

/** PostgreSQL takes neither NUL nor halves of surrogate pairs; an alert must not be lost over them. */
const text = z.string().transform((value) => (/[\0\ud800-\udfff]/.test(value) ? Buffer.from(value).toString('utf8').replaceAll('\0', '\u{fffd}') : value));
const moment = z.iso.datetime({ offset: true });

const alert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: z.record(text, text),
  annotations: z.record(text, text).default({}),
  startsAt: moment,
  endsAt: moment,
  generatorURL: text.default(''),
  fingerprint: text.pipe(z.string().min(1).max(128)),
});

/** Fields nobody reads here are left out; Alertmanager may add others. */
export const alertmanagerPayload = z.object({
  version: z.literal('4'),
  groupKey: text.pipe(z.string().min(1)),
  truncatedAlerts: z.number().int().min(0).default(0),
  alerts: z.array(alert),
});

export type AlertmanagerPayload = z.infer<typeof alertmanagerPayload>;

interface WebhookParts {
  readonly alerts: AlertService;
  readonly reference: ReferenceData;
  readonly metrics: GovernanceMetrics;
}

/** Handler of `POST /webhooks/alertmanager`. Answers 200 once everything is committed; Alertmanager repeats 5xx answers. */
export function alertmanagerWebhook(deps: SubgraphDeps, { alerts, reference, metrics }: WebhookParts): HttpHandler {
  const expected = sha256(secretFile(deps.dataDirectory, SECRET.alertmanagerToken, () => randomBytes(32).toString('base64url')));
  return async (request) => {
    authenticate(request.headers.authorization, expected);
    const parsed = alertmanagerPayload.safeParse(readJson(request, 'WEBHOOK_INVALID'));
    if (!parsed.success) throw new AcgsError('WEBHOOK_INVALID', 'The body is not an Alertmanager payload of version 4.', { problems: parsed.error.issues.slice(0, 10).map(({ path, message }) => `${path.join('.')}: ${message}`) });
    const { groupKey, truncatedAlerts, alerts: notified } = parsed.data;
    if (truncatedAlerts > 0) {
      metrics.truncated.inc(truncatedAlerts);
      deps.logger.error({ truncatedAlerts, groupKey }, 'Alertmanager left alerts out of a notification; set max_alerts of the webhook to 0');
    }
    const { names } = await reference.get();
    const reported = notified.map(({ generatorURL, ...notification }) => reportedAlert({ ...notification, generatorUrl: generatorURL }, names, deps.manifest.accepted));
    return jsonReply(200, await alerts.ingest('system:alertmanager', `webhook-${randomUUID()}`, groupKey, reported));
  };
}

function authenticate(header: string | undefined, expected: Buffer): void {
  const token = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
  // Digests have one length, so the comparison takes one time.
  if (token === undefined || !timingSafeEqual(sha256(token), expected)) throw new AcgsError('WEBHOOK_UNAUTHORIZED');
}
