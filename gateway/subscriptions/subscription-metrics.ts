/** Prometheus metrics of subscriptions. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { closedLabel } from '../../ops/runtime/bounded-label.js';

/** Codes that are counted apart: those of RFC 6455 and those the gateway itself closes with. A client may send any other. */
const CLOSE_CODES = ['1000', '1001', '1002', '1003', '1005', '1006', '1007', '1008', '1009', '1011', '4400', '4401', '4403', '4406', '4408', '4409', '4429', '4500'];

/** Label of a close code. */
export const closeLabel = closedLabel(CLOSE_CODES);

/** Series of subscriptions, in the gateway's registry. */
export interface SubscriptionMetrics {
  readonly connections: Gauge;
  readonly subscriptions: Gauge;
  readonly feeds: Gauge;
  readonly upstreamStreams: Gauge;
  readonly executions: Counter<'field'>;
  readonly events: Counter<'field'>;
  readonly delivery: Histogram;
  readonly resumes: Counter<'subgraph' | 'cause'>;
  readonly closes: Counter<'code'>;
  readonly lagging: Counter;
}

/**
 * Registers the series.
 * @param live reads the present counts, so that no gauge can drift from what it measures.
 */
export function createSubscriptionMetrics(registry: Registry, live: { readonly connections: () => number; readonly subscriptions: () => number; readonly feeds: () => number; readonly upstreamStreams: () => number }): SubscriptionMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): Gauge => new Gauge({ name, help, registers, collect() { this.set(read()); } });
  return {
    connections: gauge('acgs_subscription_connections', 'WebSocket connections open now.', live.connections),
    subscriptions: gauge('acgs_subscriptions_active', 'Subscriptions running now.', live.subscriptions),
    feeds: gauge('acgs_subscription_feeds', 'Streams that subscriptions listen to now; fewer than subscriptions where they are shared.', live.feeds),
    upstreamStreams: gauge('acgs_subscription_upstream_streams', 'Streams open to subgraphs now.', live.upstreamStreams),
    executions: new Counter({ name: 'acgs_subscription_executions_total', help: 'Messages of streams that were executed, by subscription field; shared answers count once.', labelNames: ['field'], registers }),
    events: new Counter({ name: 'acgs_subscription_messages_total', help: 'Messages delivered to subscribers, by subscription field.', labelNames: ['field'], registers }),
    delivery: new Histogram({
      name: 'acgs_subscription_delivery_seconds', help: 'Time from the arrival of an event at the gateway to its hand-over to the socket.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10], registers,
    }),
    resumes: new Counter({ name: 'acgs_subscription_resumes_total', help: 'Streams resumed from their cursor, by subgraph and cause.', labelNames: ['subgraph', 'cause'], registers }),
    closes: new Counter({ name: 'acgs_subscription_closes_total', help: 'WebSocket connections closed, by close code.', labelNames: ['code'], registers }),
    lagging: new Counter({ name: 'acgs_subscription_lagging_total', help: 'Subscriptions ended because their reader, or the gateway, could not keep up.', registers }),
  };
}
