/** Counts and observations that are handed over when someone looks. */
import { describe, expect, test } from '@jest/globals';
import { createMetrics } from '../../ops/runtime/metrics.js';
import { Observations, Tally } from '../../ops/runtime/tally.js';

describe('tallies', () => {
  test('hand over what was added since the last time, and every key that ever was', () => {
    const tally = new Tally();
    const taken: [string, number][][] = [];
    const take = (): void => {
      const one: [string, number][] = [];
      tally.take((key, count) => one.push([key, count]));
      taken.push(one);
    };
    take();
    tally.add('born', 0);
    tally.add('a');
    tally.add('a', 2);
    take();
    tally.add('b');
    take();
    expect(taken).toEqual([[], [['born', 0], ['a', 3]], [['born', 0], ['a', 0], ['b', 1]]]);
  });

  test('observations come in order, none twice, and before there are too many', () => {
    const seen: number[] = [];
    const kept = new Observations((value) => seen.push(value));
    for (let value = 0; value < 1_300; value += 1) kept.add(value);
    expect(seen.length).toBeGreaterThanOrEqual(1_024);
    kept.flush();
    kept.flush();
    expect(seen).toEqual(Array.from({ length: 1_300 }, (_, value) => value));
  });

  test('the metrics of a process show everything at every look', async () => {
    const metrics = createMetrics('unit', false);
    const valueOf = async (line: string): Promise<string | undefined> => (await metrics.registry.metrics()).split('\n').find((one) => one.startsWith(line))?.split(' ').at(-1);
    metrics.checked('hop', false);
    expect(await valueOf('acgs_constitutional_compliance_success_total{gate="hop"')).toBe('0');
    for (let call = 0; call < 3; call += 1) {
      metrics.checked('hop', true);
      metrics.looked('plan', call > 0);
      metrics.finished('query', 200);
      metrics.took('query', 3);
      expect(await valueOf('acgs_constitutional_compliance_total{gate="hop"')).toBe(String(call + 2));
      expect(await valueOf('acgs_constitutional_compliance_success_total{gate="hop"')).toBe(String(call + 1));
      expect(await valueOf('acgs_requests_total{operation="query",status="200"')).toBe(String(call + 1));
      expect(await valueOf('acgs_request_duration_seconds_count{')).toBe(String(call + 1));
      expect(await valueOf('acgs_request_duration_seconds_bucket{le="0.0025"')).toBe('0');
      expect(await valueOf('acgs_cache_requests_total{cache="plan"')).toBe(String(call + 1));
      expect(await valueOf('acgs_cache_hits_total{cache="plan"')).toBe(String(call));
    }
    expect(await valueOf('acgs_constitutional_compliance_rate')).toBe('0.75');
  });
});
