/**
 * Random operations over random federated graphs give what one schema over the same data gives.
 *
 * DIFFERENTIAL_SEED=<seed a failure printed> DIFFERENTIAL_GRAPHS=1 repeats one graph; DIFFERENTIAL_GRAPHS and
 * DIFFERENTIAL_OPERATIONS raise how much is tried.
 */
import { expect, test } from '@jest/globals';
import { differentialSettings } from '../kit/differential/config.js';
import { ownEngine } from '../kit/differential/own-engine.js';
import { runDifferential } from '../kit/differential/run-differential.js';

/** About 15,000 executions; a minute or so on one core. */
const DEFAULTS = { seed: 1, graphs: 56, operations: 80 };
const TIME_LIMIT_MS = 600_000;

test('federated answers are those of the single schema', async () => {
  const settings = differentialSettings(DEFAULTS);
  const started = performance.now();
  const { failures, ...counts } = await runDifferential(ownEngine(), settings);
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stderr.write(`differential: seed ${settings.seed}, ${Object.entries(counts).map(([name, count]) => `${count} ${name}`).join(', ')}, ${seconds} s\n`);
  expect(failures.join('\n\n')).toBe('');
  // A generator that makes little that is valid, or nothing that fails, proves little.
  expect(counts.documents).toBeGreaterThan(settings.graphs * settings.operations * 0.8);
  expect(counts.executions).toBeGreaterThan(counts.documents * 1.9);
  // What no plan is right for is refused with an error (docs/decisions/0008); that must stay rare.
  expect(counts.unplannable).toBeLessThanOrEqual(counts.executions * 0.003);
  expect(counts.subgraphCalls).toBeGreaterThan(counts.executions);
  if (settings.graphs >= 10) expect(Math.min(counts.withErrors, counts.withDown)).toBeGreaterThan(counts.executions * 0.02);
}, TIME_LIMIT_MS);
