/** Whatever clients make up, the number of series stays small; and both formats of /metrics say the same. */
import { describe, expect, test } from '@jest/globals';
import { closeLabel } from '../../gateway/subscriptions/subscription-metrics.js';
import { cappedLabel, closedLabel, OTHER } from '../../ops/runtime/bounded-label.js';
import { createMetrics } from '../../ops/runtime/metrics.js';
import { expose } from '../../ops/runtime/open-metrics.js';
import { Tally } from '../../ops/runtime/tally.js';

const HOSTILE = Array.from({ length: 5_000 }, (_, index) => `made-up-${index}"\n{}`);
const seriesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('labels', () => {
  test('thousands of operations, statuses, codes, gates and caches make few series, and nothing is lost', async () => {
    const metrics = createMetrics('unit', false);
    const before = seriesOf(await metrics.registry.metrics()).length;
    for (const [index, text] of HOSTILE.entries()) {
      metrics.finished(text, 200 + index);
      metrics.took(text, 1);
      metrics.took(text, 1, 'a'.repeat(32));
      metrics.errors.inc({ code: text });
      metrics.checked(text, false);
      metrics.looked(text, true);
    }
    const text = await metrics.registry.metrics();
    expect(seriesOf(text).length - before).toBeLessThan(1_500);
    const sum = (name: string): number => seriesOf(text).filter((line) => line.startsWith(`${name}{`)).reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
    for (const name of ['acgs_requests_total', 'acgs_errors_total', 'acgs_constitutional_compliance_total', 'acgs_cache_requests_total', 'acgs_cache_hits_total']) expect({ name, sum: sum(name) }).toEqual({ name, sum: HOSTILE.length });
    expect(sum('acgs_request_duration_seconds_count')).toBe(2 * HOSTILE.length);
    expect(text).toContain('acgs_errors_total{code="other",service="unit"} 5000');
  });

  test('a closed set and a capped one give everything else one name', () => {
    const closed = closedLabel(['a', 'b']);
    expect(['a', 'b', 'c', '__proto__'].map(closed)).toEqual(['a', 'b', OTHER, OTHER]);
    const capped = cappedLabel(2);
    expect(['a', 'b', 'c', 'a', 'd'].map(capped)).toEqual(['a', 'b', OTHER, 'a', OTHER]);
    expect(new Set(Array.from({ length: 2_000 }, (_, index) => closeLabel(String(3_000 + index)))).size).toBeLessThan(12);
  });

  test('a tally keeps its limit and its sum', () => {
    const tally = new Tally(3);
    for (const text of HOSTILE) tally.add(text);
    const taken: [string, number][] = [];
    tally.take((key, count) => taken.push([key, count]));
    expect(taken.length).toBe(4);
    expect(taken.reduce((sum, [, count]) => sum + count, 0)).toBe(HOSTILE.length);
  });
});

describe('the formats', () => {
  test.each([
    [undefined, 'text/plain'], ['*/*', 'text/plain'], ['text/plain;version=0.0.4', 'text/plain'], ['application/openmetrics-text;q=0', 'text/plain'],
    ['application/openmetrics-text', 'application/openmetrics-text'], ['text/plain;q=0.5, application/openmetrics-text; version=1.0.0', 'application/openmetrics-text'],
  ])('Accept: %s gets %s', async (accept, type) => {
    expect((await expose(createMetrics('unit', false).registry, accept)).contentType.startsWith(type)).toBe(true);
  });

  test('both have the same samples, whichever was asked for first', async () => {
    const metrics = createMetrics('unit', true);
    metrics.finished('query', 200);
    metrics.took('query', 3, 'b'.repeat(32));
    metrics.checked('hop"\\\n', true);
    const own = (text: string): string[] => seriesOf(text).filter((line) => line.startsWith('acgs_')).map((line) => {
      const sample = line.replace(/ # .*$/, '');
      const labels = [...sample.matchAll(/\w+="(?:[^"\\]|\\.)*"/g)].map(([label]) => label).sort();
      return `${sample.slice(0, sample.indexOf('{'))} ${labels.join()} ${sample.slice(sample.lastIndexOf(' '))}`;
    }).sort();
    const first = await expose(metrics.registry, 'application/openmetrics-text');
    const plain = await expose(metrics.registry, undefined);
    const second = await expose(metrics.registry, 'application/openmetrics-text');
    expect(own(first.body)).toEqual(own(plain.body));
    expect(own(second.body)).toEqual(own(plain.body));
    expect(first.body).toContain('# TYPE acgs_requests counter\nacgs_requests_total{');
    expect(plain.body).toContain('# TYPE acgs_requests_total counter\n');
    expect(first.body).toContain(`# {trace_id="${'b'.repeat(32)}"} 0.003 `);
  });
});
