/** The thread that checks schemas: bounded in time, memory and number, and replaced when it is gone. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { shippedContract } from '../../../ops/runtime/contracts.js';
import type { SchemaCheckRequest } from '../../../ops/runtime/schema-check.js';
import { WorkerSchemaChecker } from '../../../subgraphs/governance-synthesis/ports-schema-checker.js';

const subgraphs = [{ name: 'integrity', url: 'http://127.0.0.1:8002', sdl: shippedContract('integrity') }];
const request = (proposed = subgraphs): Promise<SchemaCheckRequest> => Promise.resolve({ base: [], proposed, accepted: ['cdd01ef066bc6cf2'], operations: [], usage: null, approved: [], now: '2026-03-02T10:00:00.000Z' });
const ROOMY = { memoryMb: 1_024, timeoutMs: 60_000 };

let checker = new WorkerSchemaChecker(ROOMY);
beforeEach(() => { checker = new WorkerSchemaChecker(ROOMY); });
afterEach(() => checker.stop());

test('checks one after another, in one thread', async () => {
  const asked: number[] = [];
  const reports = await Promise.all([1, 2, 3].map((number) => checker.check(() => {
    asked.push(number);
    return request();
  })));
  expect(asked).toEqual([1, 2, 3]);
  expect(new Set(reports.map((report) => report.supergraphDigest)).size).toBe(1);
}, 60_000);

test('ends a check that takes too long or too much memory, and goes on with the next', async () => {
  checker = new WorkerSchemaChecker({ memoryMb: 1_024, timeoutMs: 5 });
  await expect(checker.check(request)).rejects.toMatchObject({ type: 'InvalidInput', message: expect.stringContaining('longer than 5 ms') });
  await checker.stop();
  checker = new WorkerSchemaChecker({ memoryMb: 8, timeoutMs: 60_000 });
  await expect(checker.check(request)).rejects.toMatchObject({ type: 'InvalidInput', message: expect.stringContaining('8 MiB') });
  await expect(checker.check(() => Promise.reject(new Error('The database is away')))).rejects.toThrow('The database is away');
}, 60_000);

test('refuses more than it lets wait, before anything is read for them', async () => {
  let read = 0;
  const ask = (): Promise<unknown> => checker.check(() => {
    read += 1;
    return request();
  });
  const waiting = Array.from({ length: 8 }, ask);
  await expect(ask()).rejects.toMatchObject({ type: 'Conflict' });
  expect(read).toBeLessThanOrEqual(1);
  const settled = Promise.allSettled(waiting);
  await checker.stop();
  for (const outcome of await settled) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ type: 'Conflict', message: expect.stringContaining('stopping') });
  await expect(ask()).rejects.toMatchObject({ type: 'Conflict' });
}, 60_000);
