/** How the planner's primary becomes a stream that can be resumed. */
import { describe, expect, it } from '@jest/globals';
import type { FetchNode } from '@apollo/query-planner';
import { OperationTypeNode, buildSchema, parse, validate } from 'graphql';
import { primaryOperationOf, type PrimaryOperation } from '../../gateway/subscriptions/primary-operation.js';

const schema = buildSchema(`
  scalar Cursor
  enum StreamMessageKind { OPENED EVENT BOOKMARK }
  type Query { ok: Boolean }
  type Subscription { raised(least: Int, after: Cursor): Message!  ticks(after: Cursor): Int!  plain(after: String): Plain! }
  type Message { cursor: Cursor! kind: StreamMessageKind! title: String }
  type Plain { cursor: Cursor! }
`);

function primary(operation: string, variableUsages: string[] = []): PrimaryOperation {
  const fetch: FetchNode = { kind: 'Fetch', serviceName: 'alerts', operation, operationName: undefined, operationKind: OperationTypeNode.SUBSCRIPTION, variableUsages };
  const made = primaryOperationOf(fetch, schema);
  expect(validate(schema, parse(made.query)).map(({ message }) => message)).toEqual([]);
  return made;
}

describe('primaryOperationOf', () => {
  it('adds after, the cursor and the kind where the client asked for none', () => {
    const operation = primary('subscription { raised { title } }');
    expect(operation.query.replaceAll(/\s+/g, ' ')).toBe('subscription ($_acgs_after: Cursor) { raised(after: $_acgs_after) { title _acgs_cursor: cursor _acgs_kind: kind } }');
    expect(operation.variables({}, undefined)).toEqual({});
    expect(operation.variables({}, 'c:7')).toEqual({ _acgs_after: 'c:7' });
    expect(operation.placeOf({ raised: { title: 'x', _acgs_cursor: 'c:7', _acgs_kind: 'EVENT' } })).toEqual({ cursor: 'c:7', kind: 'EVENT' });
  });

  it('moves the client\'s own variable, whatever it is called, and drops its declaration', () => {
    const operation = primary('subscription($from: Cursor = "c:1", $least: Int) { r: raised(least: $least, after: $from) { cursor } }', ['from', 'least']);
    expect(operation.query).not.toContain('$from');
    expect(operation.variables({ from: 'c:3', least: 2 }, undefined)).toEqual({ least: 2, _acgs_after: 'c:3' });
    expect(operation.variables({ least: 2 }, undefined)).toEqual({ least: 2, _acgs_after: 'c:1' });
    expect(operation.variables({ from: null }, undefined)).toEqual({ _acgs_after: null });
    expect(operation.variables({ from: 'c:3', least: 2 }, 'c:9')).toEqual({ least: 2, _acgs_after: 'c:9' });
    expect(operation.placeOf({ r: { _acgs_cursor: 'c:4' } }).cursor).toBe('c:4');
  });

  it('keeps a literal as the place to start', () => {
    expect(primary('subscription { raised(after: "c:5") { cursor } }').variables({}, undefined)).toEqual({ _acgs_after: 'c:5' });
  });

  it('does not collide with names the client chose', () => {
    const operation = primary('subscription($_acgs_after: Int) { raised(least: $_acgs_after) { _acgs_cursor: title _acgs_kind: title } }', ['_acgs_after']);
    expect(operation.variables({ _acgs_after: 1 }, 'c:2')).toEqual({ _acgs_after: 1, _acgs_after_: 'c:2' });
    expect(operation.placeOf({ raised: { _acgs_cursor: 'title', _acgs_cursor_: 'c:2', _acgs_kind_: 'OPENED' } })).toEqual({ cursor: 'c:2', kind: 'OPENED' });
  });

  it('leaves streams without the contract as they are', () => {
    for (const text of ['subscription { ticks }', 'subscription { plain { cursor } }']) {
      const operation = primary(text);
      expect(operation).toMatchObject({ resumable: false, query: text });
      expect(operation.placeOf({ plain: { cursor: 'c:1' } })).toEqual({ cursor: undefined, kind: undefined });
    }
  });

  it('refuses a conditional root, which could leave nothing to subscribe to', () => {
    for (const text of ['subscription($a: Boolean!) { raised @include(if: $a) { title } }', 'subscription { ... @skip(if: false) { raised { title } } }']) {
      expect(() => primary(text)).toThrow('conditionally');
    }
  });
});
