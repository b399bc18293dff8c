/** `npm run demo`: starts a control plane of its own and tells the whole story, step by step, with ids. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEmbeddedConfig } from '../embedded/config.js';
import { startControlPlane } from '../embedded/control-plane.js';
import { Lifecycle } from '../runtime/lifecycle.js';
import { createLogger } from '../runtime/logger.js';
import { SECRET, secretFile } from '../runtime/secret-files.js';
import { openAlertSource } from './alert-source.js';
import { hire, login } from './cast.js';
import { demoEnvironment } from './config.js';
import { startInstance } from './instance.js';
import { Narrator } from './narrator.js';
import { deployByEmergencyChange, loseInstance, rollBack, SERVICE, showAudit } from './story.js';
import { Watcher } from './watcher.js';

async function main(lifecycle: Lifecycle): Promise<void> {
  const narrator = new Narrator(process.stdout);
  const folder = await mkdtemp(join(tmpdir(), 'acgs-demo-'));
  lifecycle.add('folder', { stop: () => rm(folder, { recursive: true, force: true }) });
  const environment = demoEnvironment();
  const dataDirectory = join(folder, 'data');
  const existing = (name: string): string => secretFile(dataDirectory, name, () => { throw new Error(`There is no secret ${name}.`); });

  narrator.step('The control plane starts: PostgreSQL, seven subgraphs, one gateway');
  const plane = lifecycle.add('control plane', await startControlPlane(readEmbeddedConfig({ ...environment, ACGS_DATA_DIR: dataDirectory, ACGS_FREE_PORTS: 'true', ACGS_LOG_LEVEL: 'error' })));
  const hash = plane.installation.manifest.active;
  narrator.fact('graph', `${plane.gatewayUrl}/graphql`);
  narrator.fact('constitution', `hash ${hash}, epoch ${plane.installation.manifest.epoch}, SHA-256 ${plane.installation.manifest.digest}`);

  narrator.step('The administrator makes three people, each with one role for two hours');
  const admin = await login(plane.gatewayUrl, hash, 'admin', existing('admin.password'));
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

  const instance = await startInstance(plane, SERVICE, dataDirectory, environment);
  lifecycle.add('instance', { stop: () => instance.kill() });
  const alerts = lifecycle.add('alert source', await openAlertSource({
    folder: join(folder, 'monitoring'), dataDirectory, service: SERVICE, watched: instance.address, constitutionalHash: hash,
    webhookUrl: `${plane.subgraphUrls['policy-governance']}/webhooks/alertmanager`, webhookToken: existing(SECRET.alertmanagerToken),
  }));
  const stage = { narrator, operator, engineer, approver, watcher, instance, alerts };
  const traffic = keepAsking(operator.client);
  lifecycle.add('traffic', traffic);
  const { changeId, deploymentId } = await deployByEmergencyChange(stage);
  const { incidentId, alertId } = await loseInstance(stage);
  await rollBack(stage, deploymentId, incidentId);
  await showAudit(narrator, admin.client, { changeId, deploymentId, incidentId, alertId });
  narrator.line('\nThe story is told; everything stops.');
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

const lifecycle = new Lifecycle(createLogger('demo', 'error'));
main(lifecycle).then(
  async () => { await lifecycle.stop(); },
  async (error: unknown) => {
    process.stderr.write(`\nThe demonstration failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
    await lifecycle.stop();
    process.exitCode = 1;
  },
);
