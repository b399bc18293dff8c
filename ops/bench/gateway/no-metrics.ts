/** The gateway without its metrics, to measure what they cost: nothing is counted, and nothing kept. */
import { Counter, Gauge, Histogram } from 'prom-client';
import { createMetrics, type ServiceMetrics } from '../../runtime/metrics.js';
import { Observations, Tally } from '../../runtime/tally.js';

const nothing = (): void => undefined;

/** Makes metrics that count nothing, and switches off those that parts of the gateway register for themselves in this process. */
export function noMetrics(): ServiceMetrics {
  const metrics = createMetrics('gateway', false);
  Tally.prototype.add = nothing;
  Observations.prototype.add = nothing;
  for (const kind of [Counter, Gauge, Histogram]) Object.assign(kind.prototype, { inc: nothing, dec: nothing, set: nothing, observe: nothing, labels: () => ({ inc: nothing, dec: nothing, set: nothing, observe: nothing }) });
  return { ...metrics, errors: { inc: nothing }, finished: nothing, took: nothing, checked: nothing, looked: nothing, constitution: nothing };
}
