/** Parts of an operation: which there are, what their fetches wait for, and what is shared between them. */
import { describe, expect, test } from '@jest/globals';
import type { PlanNode } from '@apollo/query-planner';
import { getOperationAST, parse, print } from 'graphql';
import { deferVariables, withoutDefer } from '../../gateway/execution/deferral/defer-directive.js';
import { labelDefers, MAX_PARTS, type LabelledOperation } from '../../gateway/execution/deferral/label-defers.js';
import { groupSteps } from '../../gateway/execution/plan/fetch-groups.js';
import { stepsOf } from '../../gateway/execution/plan/plan-steps.js';

function label(text: string, holds: (name: string) => boolean = () => true): LabelledOperation | undefined {
  const document = parse(text, { noLocation: true });
  const operation = getOperationAST(document);
  if (operation === null || operation === undefined) throw new Error('The text has no operation.');
  return labelDefers(document, operation, holds);
}
const compact = (labelled: LabelledOperation | undefined): string => (labelled === undefined ? '' : print(labelled.document).replace(/\s+/g, ' '));

describe('labels', () => {
  test('each part has its own; the client\'s are kept beside', () => {
    const labelled = label('{ a { ... @defer(label: "x") { b ... @defer { c } } } }');
    expect(compact(labelled)).toBe('{ a { ... @defer(label: "part0") { b ... @defer(label: "part1") { c } } } }');
    expect([...labelled?.labels ?? []]).toEqual([['part0', 'x'], ['part1', undefined]]);
  });

  test('fragments with parts are written out where they are spread, others are not', () => {
    expect(compact(label('{ a { ...F } b { ...F ...G @defer } c { ...G } } fragment F on T { d ... @defer { e } } fragment G on T { f }')))
      .toBe('{ a { ... on T { d ... @defer(label: "part0") { e } } } b { ... on T { d ... @defer(label: "part1") { e } } ... on T @defer(label: "part2") { f } } c { ...G } } fragment G on T { f }');
  });

  test('what does not hold is no part', () => {
    expect(compact(label('query ($v: Boolean) { ... @defer(if: $v) { a } ... @defer(if: false) { b } ... @defer(if: true) { c } }', () => false))).toContain('{ ... { a } ... { b } ... @defer(label: "part0") { c } }');
    expect(label('query ($v: Boolean) { ... @defer(if: $v) { a } }', () => false)).toBeUndefined();
    expect(label('{ a }')).toBeUndefined();
  });

  test('there are no more than the limit', () => {
    const labelled = label(`{ ${'... @defer { a } '.repeat(MAX_PARTS + 5)} }`);
    expect(labelled?.labels.size).toBe(MAX_PARTS);
    expect(compact(labelled).match(/@defer/g)).toHaveLength(MAX_PARTS);
  });

  test('variables that decide', () => {
    expect(deferVariables(parse('query ($a: Boolean, $b: Boolean) { ... @defer(if: $b) { x ... @defer(if: $a) { y } } }'))).toEqual(['a', 'b']);
    expect(deferVariables(parse('{ ... @defer { x } }'))).toEqual([]);
    expect(deferVariables(parse('{ ... @defer(if: false) { x } }'))).toBeUndefined();
    expect(print(withoutDefer(parse('{ ... @defer { x } y @skip(if: true) }')))).toBe(print(parse('{ ... { x } y @skip(if: true) }')));
  });
});

describe('steps', () => {
  const fetch = (serviceName: string, id?: string, requires = false): PlanNode => ({
    kind: 'Fetch', serviceName, operationName: undefined, operationKind: 'query' as never, variableUsages: [],
    operation: requires ? 'query($representations:[_Any!]!){_entities(representations:$representations){...on T{x}}}' : '{x}',
    ...(id === undefined ? {} : { id }), ...(requires ? { requires: [{ kind: 'InlineFragment', typeCondition: 'T', selections: [] }] } : {}),
  });
  const always = (): boolean => true;

  test('a part waits for what it depends on, nothing outside waits for a part', () => {
    const steps = stepsOf({
      kind: 'Sequence', nodes: [
        {
          kind: 'Defer', primary: { node: { kind: 'Sequence', nodes: [fetch('a', '0'), fetch('b')] } },
          deferred: [
            { label: 'late', depends: [{ id: '1' }], queryPath: [], node: fetch('d') },
            { label: 'soon', depends: [{ id: '0' }], queryPath: [], node: fetch('c', '1') },
            { label: 'free', depends: [], queryPath: [], node: fetch('e') },
            { label: 'odd', depends: [{ id: '9' }], queryPath: [], node: fetch('f') },
          ],
        },
        fetch('g'),
      ],
    }, always);
    const named = Object.fromEntries(steps.map(({ fetch: { serviceName }, after, part }) => [serviceName, [part, after.map((index) => steps[index]?.fetch.serviceName)]]));
    expect(named).toEqual({ a: ['', []], b: ['', ['a']], c: ['soon', ['a']], d: ['late', ['c']], e: ['free', []], f: ['odd', ['b']], g: ['', ['b']] });
  });

  test('equal ids of two plans after each other are different', () => {
    const part = (service: string): PlanNode => ({ kind: 'Defer', primary: { node: fetch(service, '0') }, deferred: [{ label: `of ${service}`, depends: [{ id: '0' }], queryPath: [], node: fetch(`${service}2`) }] });
    const steps = stepsOf({ kind: 'Sequence', nodes: [part('a'), part('b')] }, always);
    expect(steps.map(({ fetch: { serviceName }, after }) => [serviceName, after.map((index) => steps[index]?.fetch.serviceName)])).toEqual([['a', []], ['a2', ['a']], ['b', ['a']], ['b2', ['b']]]);
  });

  test('parts share no call', () => {
    const steps = stepsOf({ kind: 'Defer', primary: { node: { kind: 'Sequence', nodes: [fetch('a', '0'), fetch('s', undefined, true)] } }, deferred: [{ label: 'part0', depends: [{ id: '0' }], queryPath: [], node: fetch('s', undefined, true) }] }, always);
    expect(groupSteps(steps).map(({ service, steps: grouped }) => [service, grouped.length])).toEqual([['a', 1], ['s', 1], ['s', 1]]);
  });
});
