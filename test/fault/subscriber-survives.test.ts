/** A subscriber of the real graph misses nothing while the owning subgraph and the gateway are killed (kill -9) under alerts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import WebSocket from 'ws';
import { postAlert, type FiringAlert } from '../../ops/client/alertmanager-webhook.js';
import { subscribeWithResume } from '../../ops/client/subscription-client.js';
import type { GraphClient } from '../../ops/client/graph-client.js';
import { startDeployment, type Deployment } from '../kit/deployment.js';
import { loginAsAdmin, operation } from '../kit/graph.js';
import { TEST_HASH } from '../kit/subgraph.js';
import { until } from '../kit/until.js';

const ALERTS = 300;
const KILLS = new Map<number, 'policy-governance' | 'gateway' | 'auth'>([[60, 'policy-governance'], [140, 'gateway'], [200, 'auth'], [250, 'policy-governance']]);

let deployment: Deployment;
let client: GraphClient;
beforeAll(async () => {
  deployment = await startDeployment();
  client = await loginAsAdmin(deployment.gatewayUrl, deployment.dataDirectory);
}, 60_000);
afterAll(async () => { await deployment.stop(); }, 60_000);

/** Posts one firing alert as Alertmanager does, again and again until it is acknowledged. */
async function raise(n: number, token: string): Promise<void> {
  const alert: FiringAlert = {
    labels: { alertname: 'HighLatency', severity: 'info', service: 'auth', n: String(n), constitutional_hash: TEST_HASH }, annotations: { summary: `alert-${n}` },
    fingerprint: n.toString(16).padStart(16, '0'), startsAt: '2025-07-07T10:00:00Z', groupKey: `{}:{n="${n}"}`,
  };
  await until(async () => postAlert(`${deployment.urls['policy-governance']}/webhooks/alertmanager`, token, alert).then((response) => (response.ok ? true : undefined), () => undefined), 20_000);
}

test('every alert arrives exactly once and in order', async () => {
  const token = readFileSync(join(deployment.dataDirectory, 'secrets', 'alertmanager-webhook.token'), 'utf8').trim();
  const seen: string[] = [];
  let interruptions = 0;
  let opened = false;
  const restarts: Promise<void>[] = [];
  const subscription = subscribeWithResume<{ alertRaised: { kind: string; alert: { summary: string } | null } }>({
    url: `${deployment.gatewayUrl.replace('http', 'ws')}/graphql`, query: operation('watch-alerts'), webSocketImpl: WebSocket, backoffMs: [50, 500],
    connectionParams: () => ({ authorization: `Bearer ${client.options.accessToken}`, constitutionalHash: TEST_HASH }),
    onMessage: ({ data }) => {
      opened = true;
      const summary = data?.alertRaised.alert?.summary;
      if (data?.alertRaised.kind === 'EVENT' && summary !== undefined) seen.push(summary);
    },
    onState: ({ kind }) => { if (kind === 'interrupted') interruptions += 1; },
  });
  await until(async () => (opened ? true : undefined));
  for (let n = 0; n < ALERTS; n += 1) {
    const victim = KILLS.get(n);
    if (victim !== undefined) {
      await deployment.kill(victim);
      restarts.push(deployment.start(victim));
    }
    await raise(n, token);
  }
  await until(async () => (seen.length >= ALERTS ? true : undefined), 30_000);
  await Promise.all(restarts);
  await subscription.stop();
  process.stdout.write(`alerts ${ALERTS}, kills ${[...KILLS.values()].join(' ')}, client reconnects ${interruptions}, seen ${seen.length}\n`);
  expect(seen).toEqual(Array.from({ length: ALERTS }, (_, n) => `alert-${n}`));
}, 120_000);
