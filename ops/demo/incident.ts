/** The story of an incident: an emergency change, a dead instance, a real alert, a rollback, and the audit trail of it all. */
import { join } from 'node:path';
import type { Lifecycle } from '../runtime/lifecycle.js';
import { SECRET } from '../runtime/secret-files.js';
import { openAlertSource } from './alert-source.js';
import { hire } from './cast.js';
import { demoEnvironment } from './config.js';
import { startInstance } from './instance.js';
import type { Narrator } from './narrator.js';
import { open } from './opening.js';
import { deployByEmergencyChange, loseInstance, rollBack, SERVICE, showAudit } from './story.js';
import { Watcher } from './watcher.js';

export async function tellIncident(lifecycle: Lifecycle, narrator: Narrator): Promise<void> {
  const { plane, admin, folder, dataDirectory, secret } = await open(lifecycle, narrator);

  narrator.step('The administrator makes three people, each with one role for two hours');
  const operator = await hire(admin.client, plane.gatewayUrl, 'demo-operator', 'Demonstration operator', 'operator');
  const engineer = await hire(admin.client, plane.gatewayUrl, 'demo-engineer', 'Demonstration VP Engineering', 'vp-engineering');
  const approver = await hire(admin.client, plane.gatewayUrl, 'demo-approver', 'Demonstration CTO', 'cto');
  narrator.fact('operator', operator.id);
  narrator.fact('engineer', engineer.id);
  narrator.fact('approver', approver.id);

  narrator.step('The operator subscribes to alerts and incidents through the gateway');
  const watcher = lifecycle.add('watcher', new Watcher(plane.gatewayUrl, operator));
  await watcher.opened();
  narrator.fact('streams', 'alertRaised and incidentUpdated are open');

  const instance = await startInstance(plane, SERVICE, dataDirectory, demoEnvironment());
  lifecycle.add('instance', { stop: () => instance.kill() });
  const alerts = lifecycle.add('alert source', await openAlertSource({
    folder: join(folder, 'monitoring'), dataDirectory, service: SERVICE, watched: instance.address, constitutionalHash: plane.installation.manifest.active,
    webhookUrl: `${plane.subgraphUrls['policy-governance']}/webhooks/alertmanager`, webhookToken: secret(SECRET.alertmanagerToken),
  }));
  const stage = { narrator, operator, engineer, approver, watcher, instance, alerts };
  const traffic = keepAsking(operator.client);
  lifecycle.add('traffic', traffic);
  const { changeId, deploymentId } = await deployByEmergencyChange(stage);
  const { incidentId, alertId } = await loseInstance(stage);
  await rollBack(stage, deploymentId, incidentId);
  await showAudit(narrator, admin.client, { changeId, deploymentId, incidentId, alertId });
}

/** Steady queries of the service, so that the traffic that moves is real. */
function keepAsking(client: { send(query: string, variables: Record<string, unknown>): Promise<unknown> }): { stop(): Promise<void> } {
  let running = true;
  const asking = (async () => {
    while (running) {
      await client.send('query($id: ID!) { service(id: $id) { id proofObligations(first: 1) { id } } }', { id: SERVICE });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return { stop: async () => { running = false; await asking; } };
}
