/** The whole story: an emergency change, a dead instance, a real alert, an incident, a rollback, and the audit trail of it all. */
import type { GraphClient } from '../client/graph-client.js';
import type { AlertSource } from './alert-source.js';
import { operation, refused, run, type Person } from './cast.js';
import type { Instance } from './instance.js';
import type { Narrator } from './narrator.js';
import type { Watcher } from './watcher.js';

/** Service that is deployed, killed and rolled back. */
export const SERVICE = 'formal-verification';
const VERSION = '0.1.1';

export interface Stage {
  readonly narrator: Narrator;
  readonly operator: Person;
  readonly engineer: Person;
  readonly approver: Person;
  readonly watcher: Watcher;
  readonly instance: Instance;
  readonly alerts: AlertSource;
}

interface Change { change: { id: string; status: string; digest: string; version: number } }
interface Started { deployment: { id: string; status: string; version: string; constitutionalHash: string; instance: { url: string }; previousInstance: { url: string } | null } }

/** The second instance goes into operation by an emergency change that a second person approves. */
export async function deployByEmergencyChange({ narrator, engineer, approver, instance }: Stage): Promise<{ changeId: string; deploymentId: string }> {
  narrator.step(`A new instance of ${SERVICE} is registered: probed, and its constitutional hash checked`);
  const { instance: registered } = await run<{ instance: { id: string; state: string; constitutionalHash: string } }>(engineer.client, 'register-instance', { serviceId: SERVICE, url: instance.url, version: VERSION });
  narrator.fact('instance', `${registered.id} at ${instance.url}, ${registered.state}, hash ${registered.constitutionalHash}`);

  narrator.step('The engineer asks for an emergency change and may not approve it');
  const action = { kind: 'DEPLOY_INSTANCE', parameters: { serviceId: SERVICE, instanceId: registered.id, version: VERSION } };
  const { change } = await run<Change>(engineer.client, 'create-change', {
    input: {
      title: `Deploy ${SERVICE} ${VERSION}`, summary: 'Fixes a solver crash in production.', justification: 'Proof obligations fail until it is deployed.', category: 'EMERGENCY',
      serviceId: SERVICE, action, rollbackPlan: 'rollbackDeployment to the previous instance.',
    },
    idempotencyKey: 'demo-change',
  });
  narrator.fact('change', `${change.id} ${change.status}, digest ${change.digest.slice(0, 16)}…`);
  narrator.fact('own approval refused', await ownApproval(engineer.client, change));

  narrator.step('A second person, the CTO, approves exactly that digest; the change carries a signed grant');
  await run(approver.client, 'approve-change', { changeId: change.id, digest: change.digest, comment: 'Approved for the incident.' });
  const { changeRequest } = await engineer.client.request<{ changeRequest: { status: string; grant: { token: string; expiresAt: string; nonce: string } } }>(operation('change-grant'), { id: change.id });
  narrator.fact('change', `${change.id} ${changeRequest.status}, grant nonce ${changeRequest.grant.nonce}, until ${changeRequest.grant.expiresAt}`);

  narrator.step('The deployment consumes the grant and moves the traffic');
  const { deployment } = await run<Started>(engineer.client, 'start-deployment', { serviceId: SERVICE, instanceId: registered.id, changeGrant: changeRequest.grant.token, idempotencyKey: 'demo-deploy' });
  narrator.fact('deployment', `${deployment.id} ${deployment.status}, ${deployment.previousInstance?.url ?? '?'} -> ${deployment.instance.url}`);
  const again = await refused(engineer.client, 'start-deployment', { serviceId: SERVICE, instanceId: registered.id, changeGrant: changeRequest.grant.token, idempotencyKey: 'demo-deploy-2' });
  narrator.fact('grant used again', `${again.code}: ${again.message}`);
  await answeredBy(instance);
  narrator.fact('traffic', `${SERVICE} is answered by ${instance.url}`);
  return { changeId: change.id, deploymentId: deployment.id };
}

/** The instance dies; the alert and its incident reach the subscriber; the operator takes it on. */
export async function loseInstance({ narrator, operator, watcher, instance, alerts }: Stage): Promise<{ incidentId: string; alertId: string }> {
  narrator.step(`The new instance dies (kill -9); ${alerts.description} notices`);
  await instance.kill();
  const killed = Date.now();
  await alerts.trigger();
  const alert = await watcher.alert(({ service }) => service?.id === SERVICE);
  narrator.fact('alert', `${alert.value.id} ${alert.value.name} ${alert.value.level}: ${alert.value.summary}`);
  narrator.fact('seen after the kill', `${((alert.at - killed) / 1_000).toFixed(2)} s, detection by scraping included`);
  narrator.fact('webhook to screen', `${alert.at - Date.parse(alert.value.receivedAt)} ms`);
  narrator.fact('service', `${alert.value.service?.name}; on call ${alert.value.service?.onCall?.displayName ?? 'nobody'}; compliance ${alert.value.service?.compliance?.score ?? 'not checked'}; deployment ${alert.value.service?.activeDeployment?.id} ${alert.value.service?.activeDeployment?.version}`);
  const incidentId = alert.value.incident?.id;
  if (incidentId === undefined) throw new Error('The alert has no incident.');
  const incident = await watcher.incident(({ id }) => id === incidentId);
  narrator.fact('incident', `${incident.value.id} ${incident.value.severity} ${incident.value.status}, hash ${incident.value.constitutionalHash}`);

  narrator.step('The operator acknowledges; the subscriber sees it');
  const acknowledged = await run<{ incident: { acknowledgedAt: string; acknowledgedInTime: boolean } }>(operator.client, 'acknowledge-incident', { id: incidentId, idempotencyKey: 'demo-acknowledge' });
  const seen = await watcher.incident(({ id, acknowledgedBy }) => id === incidentId && acknowledgedBy !== null);
  narrator.fact('acknowledged', `${acknowledged.incident.acknowledgedAt} by ${seen.value.acknowledgedBy?.displayName}, in time: ${acknowledged.incident.acknowledgedInTime}`);
  return { incidentId, alertId: alert.value.id };
}

/** Traffic goes back to the previous healthy instance. */
export async function rollBack({ narrator, operator }: Stage, deploymentId: string, incidentId: string): Promise<void> {
  narrator.step('The operator rolls the deployment back');
  const broken = await operator.client.send(PROBE, { id: SERVICE });
  narrator.fact('before', broken.answer.errors?.[0]?.extensions?.['code'] ?? 'answers');
  const started = performance.now();
  const { report } = await run<{ report: { id: string; from: { url: string }; to: { url: string } } }>(operator.client, 'rollback-deployment', { deploymentId, incidentId, reason: 'The new instance died.', idempotencyKey: 'demo-rollback' });
  for (;;) {
    const { answer } = await operator.client.send(PROBE, { id: SERVICE });
    if (answer.errors === undefined) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  narrator.fact('rollback', `${report.id} ${report.from.url} -> ${report.to.url}`);
  narrator.fact('answers again after', `${Math.round(performance.now() - started)} ms`);
}

/** Everything above is in the audit log, and nothing is missing. */
export async function showAudit(narrator: Narrator, auditor: GraphClient, ids: { changeId: string; deploymentId: string; incidentId: string; alertId: string }): Promise<void> {
  narrator.step('The audit log holds every act, under the constitutional hash');
  for (;;) {
    const { auditCompleteness } = await auditor.request<{ auditCompleteness: { complete: boolean; leaves: number } }>(operation('audit-completeness'));
    if (auditCompleteness.complete) {
      narrator.fact('complete', `${auditCompleteness.leaves} leaves, every committed change of seven subgraphs has one`);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  interface Entry { index: string; kind: string; actorId: string; constitutionalHash: string; leafHash: string }
  const subjects = [`ChangeRequest:${ids.changeId}`, `Deployment:${ids.deploymentId}`, `Incident:${ids.incidentId}`, `Alert:${ids.alertId}`];
  const entries = new Map<number, Entry>();
  for (const subject of subjects) {
    const { auditLog } = await auditor.request<{ auditLog: { nodes: Entry[] } }>(operation('audit-trail'), { subject });
    for (const entry of auditLog.nodes) entries.set(Number(entry.index), entry);
  }
  for (const [index, { kind, actorId, constitutionalHash, leafHash }] of [...entries].sort(([a], [b]) => a - b)) {
    narrator.line(`      ${String(index).padStart(5)}  ${kind.padEnd(26)} ${actorId.slice(0, 36).padEnd(36)} ${constitutionalHash}  ${leafHash.slice(0, 16)}…`);
  }
}

const PROBE = 'query($id: ID!) { service(id: $id) { id proofObligations(first: 1) { id } } }';

async function ownApproval(client: GraphClient, change: Change['change']): Promise<string> {
  const { answer } = await client.send<Record<string, { code?: string; message?: string }>>(operation('approve-change'), { changeId: change.id, digest: change.digest });
  const result = answer.data?.['approveChange'];
  return result?.code === undefined ? String(answer.errors?.[0]?.extensions?.['code']) : `${result.code}: ${result.message}`;
}

/** Waits until the gateway's traffic reaches the instance: its own request counter moves. */
async function answeredBy(instance: Instance): Promise<void> {
  const end = Date.now() + 5_000;
  for (;;) {
    const text = await (await fetch(`${instance.url}/metrics`)).text();
    if (/^acgs_requests_total\{[^}]*operation="query"/m.test(text)) return;
    if (Date.now() > end) throw new Error('The traffic did not reach the new instance.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
