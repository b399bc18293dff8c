/** Many subscribers that keep their cursors miss nothing through supergraph swaps, subgraph kills and gateway restarts under events. */
import { afterEach, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { subscribeWithResume } from '../../ops/client/subscription-client.js';
import { bearer, snapshotOf, startGateway, until, type TestGateway } from '../federation/subscriptions-kit.js';
import { ALERTS_SDL, AlertLog, HASH, SERVICES_SDL, startAlerts, startServices, type MiniSubgraph } from '../federation/subscriptions-mini-subgraphs.js';

const SUBSCRIBERS = 150;
const WIDER = snapshotOf('wider', ALERTS_SDL.replace('type Query { alertCount: Int! }', 'type Query { alertCount: Int! another: Int }'));
const MOVED = snapshotOf('moved', ALERTS_SDL.replace('padding: String', 'padding: String runbook: String!'), SERVICES_SDL.replace(' runbook: String! @impersonal(subgraph: "services")', ''));
const SHARED = 'subscription($after: Cursor) { stream: broadcast(after: $after) { cursor kind alert { seq runbook } } }';
const OWN = SHARED.replace('broadcast', 'alertRaised');

const stops: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Streamed { readonly stream: { readonly kind: string; readonly alert: { readonly seq: number } | null } }

function subscriber(url: string, index: number): { readonly seqs: number[]; readonly opened: () => boolean } {
  const seqs: number[] = [];
  let opened = false;
  const subscription = subscribeWithResume<Streamed>({
    url, query: index % 10 === 0 ? OWN : SHARED, webSocketImpl: WebSocket, backoffMs: [10, 200],
    connectionParams: () => ({ authorization: bearer(`who${index}`), constitutionalHash: HASH }),
    onMessage: ({ data }) => {
      opened = true;
      if (data?.stream.kind === 'EVENT') seqs.push(data.stream.alert?.seq ?? -1);
    },
  });
  stops.unshift(() => subscription.stop());
  return { seqs, opened: () => opened };
}

test(`${SUBSCRIBERS} subscribers see every event once and in order`, async () => {
  const log = new AlertLog();
  const sdl = ALERTS_SDL.replace('padding: String', 'padding: String runbook: String!');
  let alerts: MiniSubgraph = await startAlerts(log, { sdl });
  const services = await startServices();
  let gateway: TestGateway = await startGateway([alerts, services]);
  const port = Number(new URL(gateway.url).port);
  stops.push(() => gateway.stop(), () => alerts.stop(), () => services.stop());
  const subscribers = Array.from({ length: SUBSCRIBERS }, (_, index) => subscriber(gateway.url, index));
  await until('every subscription to open', () => subscribers.every(({ opened }) => opened()), 30_000);
  expect(alerts.streams()).toBeLessThan(SUBSCRIBERS / 2);

  const disturbances: ReadonlyArray<() => Promise<void>> = [
    () => gateway.swap(WIDER),
    async () => { alerts.cut(); },
    () => gateway.swap(MOVED),
    async () => {
      const { port: alertsPort } = alerts;
      await alerts.stop();
      log.append(7);
      alerts = await startAlerts(log, { sdl, port: alertsPort });
    },
    async () => {
      await gateway.stop();
      log.append(7);
      gateway = await startGateway([alerts, services], { port });
    },
  ];
  for (const disturb of disturbances) {
    log.append(15);
    const disturbed = disturb();
    log.append(15);
    await disturbed;
    log.append(15);
    await until('every event', () => subscribers.every(({ seqs }) => seqs.at(-1) === log.events.length), 60_000);
  }
  const all = log.events.map(({ seq }) => seq);
  for (const { seqs } of subscribers) expect(seqs).toEqual(all);
  // All came back with cursors of one place, so that they share a stream again.
  log.append(1);
  await until('the streams to come together', () => alerts.streams() === 1 + SUBSCRIBERS / 10, 20_000);
}, 180_000);
