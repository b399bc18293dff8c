/** Generated code that reaches and completes objects, against a plain reading of the same rules. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compileFind, compileMerge } from '../../gateway/execution/plan/compiled-access.js';
import { isDataObject, mergeInto, placesAt, type DataObject } from '../../gateway/execution/plan/response-data.js';

/** Among them legal response names that every object inherits. */
const NAMES = ['a', 'b', 'constructor', 'toString', '__proto__', '__typename'];

const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, fc.constantFrom(null, 1, 'text', true), fc.array(tie('value'), { maxLength: 3 }), tie('object')),
  object: fc.array(fc.tuple(fc.constantFrom(...NAMES), tie('value')), { maxLength: 4 }).map((entries) => JSON.parse(`{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${JSON.stringify(inner)}`).join(',')}}`) as DataObject),
})).value;
const object = value.filter(isDataObject);
const path = fc.array(fc.constantFrom('a', 'b', 'constructor', '@'), { maxLength: 5 });

describe('generated access', () => {
  test('finds the objects that are found step by step, in the same order', () => {
    let found = 0;
    fc.assert(fc.property(object, path, (root, at) => {
      const expected = placesAt(root, at).map(({ object: one }) => one);
      found += expected.length;
      const objects = compileFind(at)(root);
      expect(objects).toHaveLength(expected.length);
      objects.forEach((one, index) => expect(one).toBe(expected[index]));
    }), { seed: 20_261_121, numRuns: 3_000 });
    expect(found).toBeGreaterThan(500);
  });

  test('completes objects as the merge that knows no names does, for the names it was made for', () => {
    fc.assert(fc.property(object, object, fc.uniqueArray(fc.constantFrom(...NAMES)), fc.boolean(), (target, source, names, keep) => {
      const asked = Object.fromEntries(Object.entries(source).filter(([name]) => names.includes(name)));
      const expected = structuredClone(target);
      mergeInto(expected, structuredClone(asked), () => keep);
      compileMerge(names)(target, structuredClone(source), () => keep);
      expect(target).toEqual(expected);
      expect(Object.keys(target).sort()).toEqual(Object.keys(expected).sort());
      expect(Object.getPrototypeOf(target)).toBe(Object.prototype);
    }), { seed: 20_261_121, numRuns: 3_000 });
  });

  test('takes over nothing a fetch did not ask for', () => {
    const target: DataObject = { id: '1' };
    compileMerge(['name'])(target, JSON.parse('{"name":"n","id":"2","extra":true,"__proto__":{"polluted":true}}') as DataObject, () => true);
    expect(target).toEqual({ id: '1', name: 'n' });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
