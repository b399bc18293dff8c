/** Time from posting an Alertmanager webhook to the subscriber holding the alert, joined fields included. */
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { postAlert, type FiringAlert } from '../client/alertmanager-webhook.js';
import type { PlaneProcess } from './plane-process.js';

export interface AlertLatencyOptions {
  readonly accessToken: string;
  readonly hash: string;
  readonly subscription: string;
  /** Alerts to send. */
  readonly count: number;
  readonly perSecond: number;
}

interface AlertEvent { alertRaised: { kind: string; alert: { summary: string } | null } }

/** @returns milliseconds for each alert, in the order of arrival. @throws Error when one does not arrive within 10 s. */
export async function measureAlertLatency(plane: PlaneProcess, options: AlertLatencyOptions): Promise<number[]> {
  const client = createClient({
    url: `${plane.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0,
    connectionParams: { authorization: `Bearer ${options.accessToken}`, constitutionalHash: options.hash },
  });
  const sent = new Map<string, number>();
  const times: number[] = [];
  const events = client.iterate<AlertEvent>({ query: options.subscription, variables: { levelAtLeast: 'INFO' } });
  const opened = await events.next();
  if (opened.done === true || opened.value.errors !== undefined) throw new Error(`The subscription did not open: ${JSON.stringify(opened.value)}`);
  const collecting = (async () => {
    for await (const { data } of events) {
      const summary = data?.alertRaised.alert?.summary;
      const start = summary === undefined ? undefined : sent.get(summary);
      if (start !== undefined) times.push(performance.now() - start);
      if (times.length === options.count) return;
    }
  })();
  for (let i = 0; i < options.count; i += 1) {
    const summary = `bench-${i}`;
    sent.set(summary, performance.now());
    const response = await postAlert(plane.webhookUrl, plane.webhookToken, alertOf(i, summary, options.hash));
    if (!response.ok) throw new Error(`The webhook answered ${response.status}: ${await response.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 1_000 / options.perSecond));
  }
  const timeout = setTimeout(() => { void client.dispose(); }, 10_000);
  await collecting;
  clearTimeout(timeout);
  await client.dispose();
  if (times.length !== options.count) throw new Error(`${options.count - times.length} of ${options.count} alerts did not arrive.`);
  return times;
}

function alertOf(i: number, summary: string, hash: string): FiringAlert {
  return {
    labels: { alertname: 'HighLatency', severity: 'info', service: 'auth', bench: String(i), constitutional_hash: hash }, annotations: { summary, description: summary },
    fingerprint: i.toString(16).padStart(16, '0'), startsAt: new Date().toISOString(),
    groupKey: `{}:{alertname="HighLatency", bench="${i}"}`, groupLabels: { alertname: 'HighLatency' },
  };
}
