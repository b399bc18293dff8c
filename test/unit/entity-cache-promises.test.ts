/** The cache's promises under every order of writes, reads, answers and changes: judged by an oracle that must notice a cache without them. */
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { ChangeFollower } from '../../gateway/execution/cache/change-follower.js';
import { ChangeRecord } from '../../gateway/execution/cache/change-record.js';
import { OwnWrites } from '../../gateway/execution/cache/own-writes.js';
import { ENTITIES, GATEWAYS, PRINCIPALS, simulate, type Step } from '../kit/cache-simulation.js';

const RUNS = 500;
const SEED = 20_261_121;

const index = (count: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: count - 1 });
const who = { gateway: index(GATEWAYS), principal: index(PRINCIPALS), entity: index(ENTITIES) };
const picked = (...kinds: Extract<Step, { pick: number }>['kind'][]): fc.Arbitrary<Step> => fc.record({ kind: fc.constantFrom(...kinds), pick: index(4) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 80, arbitrary: fc.record({ kind: fc.constant('read' as const), ...who }) },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('write' as const), ...who }) },
  { weight: 30, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(0.5, 1, 5, 20, 60, 110) }) },
  { weight: 50, arbitrary: picked('snapshot', 'deliver') },
  { weight: 40, arbitrary: picked('see', 'answer') },
  { weight: 60, arbitrary: picked('flow') },
  { weight: 30, arbitrary: picked('acknowledge', 'number') },
  { weight: 4, arbitrary: picked('flush') },
  { weight: 2, arbitrary: picked('cut') },
);
const steps = fc.array(step, { minLength: 60, maxLength: 160 });

afterEach(() => { jest.restoreAllMocks(); });

test('no read is staler than promised, whatever the order', async () => {
  let reads = 0;
  let fetches = 0;
  await fc.assert(fc.asyncProperty(steps, async (order) => {
    const verdict = await simulate(order);
    reads += verdict.reads;
    fetches += verdict.fetches;
    expect(verdict.violations).toEqual([]);
  }), { seed: SEED, numRuns: RUNS });
  // The promises would also hold of a cache that keeps nothing.
  expect(reads - fetches).toBeGreaterThan(reads / 10);
}, 120_000);

describe('the oracle notices a cache', () => {
  const noticed = async (): Promise<string> => {
    const found = await fc.check(fc.asyncProperty(steps, async (order) => { expect((await simulate(order)).violations).toEqual([]); }), { seed: SEED, numRuns: RUNS, endOnFailure: true });
    expect(found.failed).toBe(true);
    return String(found.errorInstance);
  };

  test('that ignores changes', async () => {
    jest.spyOn(ChangeRecord.prototype, 'isCurrent').mockReturnValue(true);
    expect(await noticed()).toMatch(/100 ms old|wrote version/);
  }, 60_000);

  test('that takes the order of arrival for the order of changes', async () => {
    const isCurrent = ChangeRecord.prototype.isCurrent;
    jest.spyOn(ChangeRecord.prototype, 'isCurrent').mockImplementation(function lenient(this: ChangeRecord, subjects, asOf) { return isCurrent.call(this, subjects, asOf + 1); });
    expect(await noticed()).toMatch(/100 ms old|wrote version/);
  }, 60_000);

  test('that trusts a silent feed', async () => {
    jest.spyOn(ChangeFollower.prototype, 'knownUpTo').mockReturnValue(Infinity);
    expect(await noticed()).toMatch(/100 ms old|wrote version/);
  }, 60_000);

  test('that forgets who wrote', async () => {
    jest.spyOn(OwnWrites.prototype, 'lastOf').mockReturnValue(-Infinity);
    expect(await noticed()).toMatch(/wrote version/);
  }, 60_000);

  test('that ignores changes without a number', async () => {
    const apply = ChangeRecord.prototype.apply;
    jest.spyOn(ChangeRecord.prototype, 'apply').mockImplementation(function deaf(this: ChangeRecord, answer) { return apply.call(this, { ...answer, unnumbered: [] }); });
    expect(await noticed()).toMatch(/100 ms old|wrote version/);
  }, 60_000);
});
