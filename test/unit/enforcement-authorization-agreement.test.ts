/** The document filter, the permissions and the refusals say the same of every selection of any document. */
import '../../gateway/telemetry-config.js';
import { describe, expect, test } from '@jest/globals';
import { Supergraph } from '@apollo/federation-internals';
import fc from 'fast-check';
import { Kind, parse, specifiedRules, validate, visit, type DocumentNode, type FragmentDefinitionNode, type GraphQLSchema, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';
import { authorizeDocument, permissionsOf } from '../../gateway/enforcement/authorization.js';
import { analyseDocument } from '../../gateway/enforcement/document-analysis.js';
import { refusalsThatApply } from '../../gateway/enforcement/refusals.js';
import { compositeType, resultType } from '../../gateway/enforcement/schema-lookup.js';
import type { Permissions } from '../../gateway/execution/contracts.js';
import { indexDirectives, type DirectiveIndex } from '../../gateway/supergraph/directive-index.js';
import { ABSTRACT, editedSupergraph } from '../federation/gateway-authorization-graphs.js';

const supergraph = Supergraph.build(editedSupergraph([ABSTRACT], []), { supportedFeatures: null, validateSupergraph: false });
const schema: GraphQLSchema = supergraph.apiSchema().toGraphQLJSSchema();
const directives: DirectiveIndex = indexDirectives(supergraph.schema);

/** What may be selected on each type, for documents that are always valid: aliases tell the field, so that none conflict. */
const SELECTABLE: Readonly<Record<string, { readonly leaves: readonly string[]; readonly objects: Readonly<Record<string, string>>; readonly fragments: readonly string[] }>> = {
  Query: { leaves: ['grades', 'code', 'signedIn', '__typename'], objects: { things: 'Thing', openThing: 'OpenThing', closedThing: 'ClosedThing', records: 'Record', found: 'Found', sealed: 'Sealed', wrapper: 'Wrapper' }, fragments: ['Query'] },
  Thing: { leaves: ['id', 'label', 'badge', '__typename'], objects: {}, fragments: ['Thing', 'OpenThing', 'ClosedThing'] },
  OpenThing: { leaves: ['id', 'label', 'badge', '__typename'], objects: {}, fragments: ['OpenThing', 'Thing', 'Found'] },
  ClosedThing: { leaves: ['id', 'label', 'badge', '__typename'], objects: {}, fragments: ['ClosedThing', 'Thing'] },
  Record: { leaves: ['id', '__typename'], objects: {}, fragments: ['OpenRecord', 'ClosedRecord'] },
  OpenRecord: { leaves: ['id', 'text', '__typename'], objects: {}, fragments: ['Record'] },
  ClosedRecord: { leaves: ['id', 'text', '__typename'], objects: {}, fragments: ['Record'] },
  Found: { leaves: ['__typename'], objects: {}, fragments: ['OpenThing', 'Sealed', 'Found'] },
  Sealed: { leaves: ['id', 'label', 'content', '__typename'], objects: { inner: 'Inner' }, fragments: ['Found', 'Sealed'] },
  Inner: { leaves: ['pin', '__typename'], objects: {}, fragments: ['Inner'] },
  Wrapper: { leaves: ['id', '__typename'], objects: { inner: 'Depth' }, fragments: ['Wrapper'] },
  Depth: { leaves: ['word', 'pin', '__typename'], objects: { list: 'Depth' }, fragments: ['Depth'] },
};

/** A document made of choices; named fragments collect on the side. */
function documentOf(choices: readonly number[]): string {
  // A fifth of them are about what is open inside what is closed.
  if (choices.length % 5 === 0) return `query { found { ${['', 'Found_typename: __typename'][choices.length % 2] ?? ''} ... on Sealed { ... on Found { ... on OpenThing { ${choices.length % 3 === 0 ? 'id' : 'label'} } } ...F0 } ...F1 } } fragment F1 on Sealed { ...F0 } fragment F0 on Found { ... on OpenThing { badge } ... on Sealed { id } }`;
  let at = 0;
  let left = 60;
  const choose = (count: number): number => (count === 0 ? 0 : (choices[at++ % choices.length] ?? 0) % count);
  const fragments: string[] = [];
  const setOf = (type: string, depth: number): string => {
    const { leaves, objects, fragments: conditions } = SELECTABLE[type] ?? { leaves: ['__typename'], objects: {}, fragments: [] };
    const parts: string[] = [];
    for (let count = 1 + choose(3); count > 0; count -= 1) {
      left -= 1;
      const kind = depth <= 0 || left <= 0 ? 0 : choose(6) % 4;
      const names = Object.keys(objects);
      const condition = conditions[choose(conditions.length)];
      if (names.length > 0 && (kind === 1 || (kind === 0 && type === 'Query' && choose(3) > 0))) {
        const name = names[choose(names.length)] ?? '';
        parts.push(`${choose(2) === 0 ? '' : `${type}_${name}: `}${name} ${setOf(objects[name] ?? '', depth - 1)}`);
      } else if (kind === 2 && condition !== undefined) {
        parts.push(`... on ${condition} ${setOf(condition, depth - 1)}`);
      } else if (kind === 3 && condition !== undefined) {
        const body = setOf(condition, depth - 1);
        fragments.push(`fragment F${fragments.length} on ${condition} ${body}`);
        parts.push(`...F${fragments.length - 1}`);
      } else {
        const name = leaves[choose(leaves.length)] ?? '__typename';
        parts.push(name.startsWith('__') || choose(2) === 0 ? `${type}_${name.replace(/^_+/, '')}: ${name}` : `${type}_${name}_2: ${name}`);
      }
    }
    return `{ ${parts.join(' ')} }`;
  };
  return `query ${setOf('Query', 7)} ${fragments.join(' ')}`;
}

interface Occurrence {
  readonly place: string;
  readonly refused: boolean;
  readonly path: string;
  /** True when the field around it is not refused, so that this is where the refusal is reported. */
  readonly outermost: boolean;
}

/** Every field occurrence but `__typename`, by the definition in `permissionsOf`, written the simplest way. */
function occurrences(document: DocumentNode, permissions: Permissions): Occurrence[] {
  const fragments = new Map(document.definitions.flatMap((node): [string, FragmentDefinitionNode][] => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])));
  const operation = document.definitions.find((node): node is OperationDefinitionNode => node.kind === Kind.OPERATION_DEFINITION);
  const found: Occurrence[] = [];
  const walk = (set: SelectionSetNode, parent: string, place: string, path: string, inRefusedField: boolean, hidden: boolean): void => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        const name = selection.name.value;
        if (name === '__typename') continue;
        const response = selection.alias?.value ?? name;
        const refused = inRefusedField || hidden || !permissions.maySelect(parent, name);
        const here = `${place}/${parent}.${name} as ${response}`;
        found.push({ place: here, refused, path: `${path}/${response}`, outermost: !inRefusedField });
        if (selection.selectionSet !== undefined) walk(selection.selectionSet, resultType(schema, compositeType(schema, parent), name)?.name ?? '', here, `${path}/${response}`, refused, false);
      } else {
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
        const condition = fragment?.typeCondition?.name.value;
        if (fragment !== undefined) walk(fragment.selectionSet, condition ?? parent, place, path, inRefusedField, hidden || (condition !== undefined && !permissions.mayEnter(condition)));
      }
    }
  };
  if (operation !== undefined) walk(operation.selectionSet, 'Query', '', '', false, !permissions.mayEnter('Query'));
  return found;
}

const all = directives.requirements.map((_, id) => id);
const arbitrary = fc.record({ choices: fc.array(fc.nat({ max: 1_000 }), { minLength: 1, maxLength: 60 }), granted: fc.subarray(all) });

describe('for any document and any grants', () => {
  const check = (choices: readonly number[], granted: readonly number[]): void => {
    const text = documentOf(choices);
    const document = parse(text);
    const [operation] = document.definitions;
    if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('The first definition is the operation.');
    expect(validate(schema, document, specifiedRules)).toEqual([]);
    const analysis = analyseDocument(schema, directives, document, operation);
    const grants = analysis.requirements.map((id) => (granted.includes(id) ? '1' : '0')).join('');
    const authorized = authorizeDocument(schema, directives, document, analysis, grants);
    const permissions = permissionsOf(directives, new Set(granted));
    const expected = occurrences(document, permissions);
    const everything: Permissions = { mayEnter: () => true, maySelect: () => true };
    const kept = authorized.document === undefined ? [] : occurrences(authorized.document, everything);

    // The filter keeps exactly what is permitted, and what it gives out as permissions decides the same.
    expect(kept.map(({ place }) => place).sort()).toEqual(expected.filter(({ refused }) => !refused).map(({ place }) => place).sort());
    expect(occurrences(document, authorized.permissions ?? everything)).toEqual(expected);
    // There is a refusal for each refused selection that is not inside another, and for nothing else.
    const refused = new Set(expected.filter((occurrence) => occurrence.refused && occurrence.outermost).map(({ path }) => path));
    expect(new Set(authorized.refusals.map(({ path }) => `/${path?.join('/') ?? ''}`))).toEqual(refused);
    expect(refusalsThatApply(authorized.refusals, operation, {})).toBe(authorized.refusals);
    // What is left is a document of its own.
    if (authorized.document !== undefined) expect(validate(schema, authorized.document, specifiedRules)).toEqual([]);
  };
  test('filter, permissions and refusals agree', () => {
    fc.assert(fc.property(arbitrary, ({ choices, granted }) => check(choices, granted)), { numRuns: 500 });
  });
  test('documents are as different as they need to be', () => {
    const seen = new Set<string>();
    fc.assert(fc.property(arbitrary, ({ choices }) => {
      visit(parse(documentOf(choices)), { InlineFragment: (node) => { seen.add(`... on ${node.typeCondition?.name.value ?? ''}`); }, FragmentSpread: () => { seen.add('spread'); }, Field: (node) => { seen.add(node.name.value); } });
    }), { numRuns: 400 });
    for (const expected of ['spread', '... on Sealed', '... on Thing', '... on ClosedRecord', 'label', 'content', 'pin', 'grades', '__typename']) expect([...seen]).toContain(expected);
  });
});

test('an interface demands what each of its implementations demands, so a writer that asks by the real type permits no less', () => {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!('getFields' in type) || !('getInterfaces' in type)) continue;
    for (const from of type.getInterfaces()) {
      expect(directives.type(from.name)).toEqual(expect.arrayContaining([...directives.type(type.name)]));
      for (const name of Object.keys(from.getFields())) expect(directives.field(from.name, name).requirements).toEqual(expect.arrayContaining([...directives.field(type.name, name).requirements]));
    }
  }
  expect(directives.field('Thing', 'label').requirements.length).toBeGreaterThan(directives.field('OpenThing', 'label').requirements.length);
});

test('conditions of refusals: asked for under any of them, and under the defaults of the operation', () => {
  const text = 'query ($a: Boolean!, $b: Boolean = true) { closedThing { id ... @include(if: $a) { label } x: label @skip(if: $b) ... @include(if: $a) { x: label @skip(if: $a) } y: badge @include(if: false) @skip(if: $a) } sealed @skip(if: true) { id } }';
  const document = parse(text);
  const [operation] = document.definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('The first definition is the operation.');
  const analysis = analyseDocument(schema, directives, document, operation);
  const { refusals } = authorizeDocument(schema, directives, document, analysis, analysis.requirements.map(() => '0').join(''));
  const names = (variables: Record<string, unknown>): unknown[] => refusalsThatApply(refusals, operation, variables).map(({ path }) => path?.at(-1));
  expect(names({ a: true })).toEqual(['label']);
  expect(names({ a: false })).toEqual([]);
  expect(names({ a: false, b: false })).toEqual(['x']);
  expect(names({ a: true, b: false })).toEqual(['label', 'x']);
});
