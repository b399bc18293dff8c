// Holds the test runner to its promises: native ESM, TypeScript sources behind .js specifiers, and a database URL.
import { describe, expect, it } from '@jest/globals';
import { SUBGRAPH_SCHEMAS } from '../../ops/runtime/subgraph-names.js';

describe('the test runner', () => {
  it('resolves .js specifiers to TypeScript sources', () => {
    expect(SUBGRAPH_SCHEMAS).toHaveLength(7);
  });

  it('runs tests as ES modules', () => {
    expect(import.meta.url).toMatch(/build-tooling\.test\.ts$/);
  });

  it('provides the URL of a database server', () => {
    expect(process.env['ACGS_TEST_DATABASE_URL']).toMatch(/^postgres(ql)?:\/\//);
  });
});
