/** What reading a document may cost: every crafted document is refused at once, with its code, and sound ones pass. */
import { describe, expect, test } from '@jest/globals';
import { buildSchema, getIntrospectionQuery, parse, specifiedRules, validate } from 'graphql';
import { checkDocument, checkText, DOCUMENT_LIMITS, readBoundedDocument } from '../../gateway/enforcement/document-limits.js';
import { AcgsError } from '../../ops/runtime/errors.js';

const TOKENS = 100_000;
/** Longest time any of them may take, milliseconds; generous, since other work shares the machine. */
const BOUND_MS = 2_000;

const times = (count: number, make: (index: number) => string): string => Array.from({ length: count }, (_, index) => make(index)).join(' ');
const chain = (count: number, reversed = false): string => {
  const all = Array.from({ length: count }, (_, index) => `fragment F${index} on T { ${index + 1 < count ? `...F${index + 1}` : 'id'} }`);
  return `{ t { ...F0 } } ${(reversed ? all.reverse() : all).join(' ')}`;
};
const bomb = (depth: number): string => `{ t { ...F0 } } ${times(depth, (index) => `fragment F${index} on T { a { ...F${index + 1} } b { ...F${index + 1} } }`)} fragment F${depth} on T { id }`;

const codeOf = (run: () => unknown): string | undefined => {
  const started = performance.now();
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof AcgsError) return error.code;
    throw error;
  } finally {
    expect(performance.now() - started).toBeLessThan(BOUND_MS);
  }
};

describe('a crafted document is refused', () => {
  test.each<[string, string, string]>([
    ['selections nested 20,000 deep', `${'{a'.repeat(20_000)}${'}'.repeat(20_000)}`, 'QUERY_TOO_DEEP'],
    ['lists nested 20,000 deep', `{ t(x: ${'['.repeat(20_000)}${']'.repeat(20_000)}) { id } }`, 'QUERY_TOO_DEEP'],
    ['objects nested 20,000 deep', `{ t(x: ${'{a:'.repeat(20_000)}1${'}'.repeat(20_000)}) { id } }`, 'QUERY_TOO_DEEP'],
    ['list types nested 20,000 deep', `query ($x: ${'['.repeat(20_000)}Int${']'.repeat(20_000)}) { t { id } }`, 'QUERY_TOO_DEEP'],
    ['lists nested 13 deep in an argument', `{ t { a { x(i: ${'['.repeat(13)}${']'.repeat(13)}) } } }`, 'QUERY_TOO_DEEP'],
    ['lists nested 13 deep in a default', `query ($x: Int = ${'['.repeat(13)}${']'.repeat(13)}) { t { x(i: $x) } }`, 'QUERY_TOO_DEEP'],
    ['a mebibyte of comments', `{ t { id } }${'\n#'.repeat(512 * 1024)}`, 'QUERY_TOO_LARGE'],
    ['more tokens than allowed', `{ t { ${'id '.repeat(TOKENS)} } }`, 'QUERY_TOO_LARGE'],
    ['more operations than allowed', times(DOCUMENT_LIMITS.operations + 1, (index) => `query Q${index} { t { id } }`), 'QUERY_TOO_LARGE'],
    ['more fragments than allowed', `{ t { id } } ${times(DOCUMENT_LIMITS.fragments + 1, (index) => `fragment F${index} on T { id }`)}`, 'QUERY_TOO_LARGE'],
    ['a chain of 1,000 fragments', chain(1_000), 'QUERY_TOO_DEEP'],
    ['a chain of 1,000 fragments, last first', chain(1_000, true), 'QUERY_TOO_DEEP'],
    ['a chain of 10,000 fragments', chain(10_000), 'QUERY_TOO_LARGE'],
    ['deep selections in a chain of fragments', `{ t { ...F0 } } ${times(50, (index) => `fragment F${index} on T { ${'a{'.repeat(100)} ...F${index + 1} ${'}'.repeat(100)} }`)} fragment F50 on T { id }`, 'QUERY_TOO_DEEP'],
    ['a fragment bomb', bomb(60), 'QUERY_TOO_COSTLY'],
    ['a fragment bomb that no operation spreads', bomb(60).replace('{ t { ...F0 } }', '{ t { id } }'), 'QUERY_TOO_COSTLY'],
    ['a fragment that spreads itself', '{ t { ...F } } fragment F on T { a { ...F } }', 'GRAPHQL_VALIDATION_FAILED'],
    ['fragments that spread each other', '{ t { id } } fragment F on T { ...G } fragment G on T { ...H } fragment H on T { ...F }', 'GRAPHQL_VALIDATION_FAILED'],
    ['a field repeated thousands of times', `{ t { ${'id '.repeat(5_000)} } }`, 'QUERY_TOO_COSTLY'],
    ['an object repeated thousands of times', `{ ${'t { id } '.repeat(2_000)} }`, 'QUERY_TOO_COSTLY'],
    ['repetitions inside repetitions', `{ ${`t { ${'a { id } '.repeat(20)} } `.repeat(20)} }`, 'QUERY_TOO_COSTLY'],
    ['repetitions spread over fragments', `{ t { ${times(400, (index) => `...F${index}`)} } } ${times(400, (index) => `fragment F${index} on T { id }`)}`, 'QUERY_TOO_COSTLY'],
    ['directives by the thousand', `{ t { id ${'@skip(if: false) '.repeat(5_000)} } }`, 'QUERY_TOO_LARGE'],
    ['directives by the thousand on a variable', `query ($x: Int ${'@a '.repeat(5_000)}) { t { x(i: $x) } }`, 'QUERY_TOO_LARGE'],
    ['directives by the thousand on an operation', `query Q ${'@a '.repeat(5_000)} { t { id } }`, 'QUERY_TOO_LARGE'],
    ['a syntax error', '{ t {', 'GRAPHQL_PARSE_FAILED'],
  ])('%s', (_, text, code) => {
    expect(codeOf(() => readBoundedDocument(text, { maxTokens: TOKENS }))).toBe(code);
  });
});

describe('a sound document passes', () => {
  const schema = buildSchema('type Query { t: T } type T { id: ID a: T b: T x(i: Int, s: String): Int }');
  test.each<[string, string]>([
    ['the standard introspection', getIntrospectionQuery({ descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true })],
    ['brackets in strings, block strings and comments', `{ t { x(s: "${'{['.repeat(300)}\\"{") a { x(s: """${'{'.repeat(300)} \\""" {""") } } } # ${'{'.repeat(300)}`],
    ['lists nested 12 deep in arguments', `{ t { x(i: ${'['.repeat(12)}${']'.repeat(12)}) a { b { x(s: ")", i: ${'['.repeat(12)}${']'.repeat(12)}) ${'a{'.repeat(60)}id${'}'.repeat(60)} } } } }`],
    ['a chain of 100 fragments', chain(100)],
    ['a small bomb', bomb(9)],
    ['a field in 100 fragments', `{ t { ${times(100, (index) => `...F${index}`)} } } ${times(100, (index) => `fragment F${index} on T { id }`)}`],
    ['fields named like members of every object', '{ t { constructor: id toString: id hasOwnProperty: id valueOf: id ...__proto } } fragment __proto on T { id }'],
    ['a fragment that is not there', '{ t { ...Missing } }'],
  ])('%s', (_, text) => {
    expect(codeOf(() => readBoundedDocument(text, { maxTokens: TOKENS }))).toBeUndefined();
  });

  test('and what passes is validated in bounded time', () => {
    const side = Math.floor(Math.sqrt(DOCUMENT_LIMITS.mergedPairs));
    for (const text of [`{ t { ${'id '.repeat(side)} } }`, `{ ${'t { id } '.repeat(Math.floor(side / 2))} }`, `{ t { ${times(Math.floor(side / 2), (index) => `...F${index}`)} } } ${times(Math.floor(side / 2), (index) => `fragment F${index} on T { id }`)}`, chain(200), bomb(9)]) {
      expect(codeOf(() => checkDocument(parse(text), Infinity))).toBeUndefined();
      expect(codeOf(() => { expect(validate(schema, parse(text), specifiedRules)).toEqual([]); })).toBeUndefined();
    }
  });
});

test('aliases are counted for each operation, before anything is validated', () => {
  const aliased = (count: number): string => `{ t { ${times(count, (index) => `a${index}: id`)} } }`;
  const codes = [aliased(30), aliased(31), `query A ${aliased(30)} query B ${aliased(30)}`, `query A ${aliased(30)} query B ${aliased(31)}`, '{ t { ...F ...F } } fragment F on T { x: id y: id }']
    .map((text) => codeOf(() => readBoundedDocument(text, { maxTokens: TOKENS, maxAliases: 30 })));
  expect(codes).toEqual([undefined, 'QUERY_TOO_MANY_ALIASES', undefined, 'QUERY_TOO_MANY_ALIASES', undefined]);
});

test('the text is read to its end whatever is left open in it', () => {
  for (const text of ['"', '"\\', '"""', '"""\\"""', '#', '{ t(s: "', '{ t(s: """', '"a\n{'.repeat(10)]) expect(codeOf(() => checkText(text, TOKENS))).toBeUndefined();
  // A string ends with its line, so what follows counts.
  expect(codeOf(() => checkText(`"\n${'{'.repeat(300)}`, TOKENS))).toBe('QUERY_TOO_DEEP');
});
