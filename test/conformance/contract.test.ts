/** The contract keeps its own promises: descriptions everywhere, bounded lists, guarded mutations, shipped operations that are valid. */
import { readdirSync, readFileSync } from 'node:fs';
import { Supergraph } from '@apollo/federation-internals';
import { describe, expect, test } from '@jest/globals';
import { getNamedType, getNullableType, isEnumType, isInputObjectType, isInterfaceType, isListType, isObjectType, isUnionType, parse, validate, valueFromASTUntyped, type ConstDirectiveNode, type FieldDefinitionNode, type GraphQLSchema, type TypeNode } from 'graphql';
import { projectPath } from '../../ops/runtime/package-root.js';
import { SUBGRAPH_NAMES } from '../../ops/runtime/subgraph-names.js';
import { shippedContract } from '../../ops/runtime/contracts.js';
import { buildSchemaOf } from '../../subgraphs/kernel/run-subgraph.js';

const supergraph = Supergraph.build(readFileSync(projectPath('schema', 'supergraph.graphql'), 'utf8'), { supportedFeatures: null });
const api: GraphQLSchema = supergraph.apiSchema().toGraphQLJSSchema();
const types = Object.values(api.getTypeMap()).filter((type) => !type.name.startsWith('__'));
/** Bounded by the number of people, principles or the page they stand in, not by time. */
const BOUNDED_BY_NATURE = new Set(['Team.members', 'OnCallRotation.participants', 'ComplianceCheck.violations', 'CabMeeting.changes', 'ChangeCalendar.changes']);
const BUILT_IN = new Set(['String', 'Int', 'Float', 'Boolean', 'ID']);

/** Fields of a subgraph's own document, with the directives composition turns into link machinery. */
function fieldsOf(name: (typeof SUBGRAPH_NAMES)[number], typeName: string): FieldDefinitionNode[] {
  return parse(shippedContract(name)).definitions.flatMap((node) => ((node.kind === 'ObjectTypeDefinition' || node.kind === 'ObjectTypeExtension') && node.name.value === typeName ? [...(node.fields ?? [])] : []));
}

const has = (directives: readonly ConstDirectiveNode[] | undefined, name: string): boolean => directives?.some((directive) => directive.name.value === name) ?? false;

describe('the API schema', () => {
  test('describes every type, field, argument and enum value', () => {
    const missing: string[] = [];
    for (const type of types) {
      if (BUILT_IN.has(type.name)) continue;
      if (!type.description && !['Query', 'Mutation', 'Subscription'].includes(type.name) && !isUnionType(type)) missing.push(type.name);
      if (isEnumType(type)) for (const value of type.getValues()) if (!value.description) missing.push(`${type.name}.${value.name}`);
      if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) if (!field.description) missing.push(`${type.name}.${field.name}`);
      if (!isObjectType(type) && !isInterfaceType(type)) continue;
      for (const field of Object.values(type.getFields())) {
        if (!field.description) missing.push(`${type.name}.${field.name}`);
        for (const argument of field.args) if (!argument.description) missing.push(`${type.name}.${field.name}(${argument.name})`);
      }
    }
    expect(missing).toEqual([]);
  });

  test('every mutation takes an idempotency key and answers a union with problems', () => {
    const wrong = Object.values(api.getMutationType()?.getFields() ?? {}).filter((field) => {
      const result = getNamedType(field.type);
      return !field.args.some((argument) => argument.name === 'idempotencyKey') || !isUnionType(result) || result.getTypes().length < 2;
    });
    expect(wrong.map((field) => field.name)).toEqual([]);
  });

  test('every subscription takes a cursor and carries one', () => {
    for (const field of Object.values(api.getSubscriptionType()?.getFields() ?? {})) {
      const message = getNamedType(field.type);
      expect({ name: field.name, after: field.args.some((argument) => argument.name === 'after'), fields: isObjectType(message) ? ['cursor', 'kind'].every((name) => name in message.getFields()) : false })
        .toEqual({ name: field.name, after: true, fields: true });
    }
  });

  test('lists that grow with use are bounded by `first`', () => {
    const unbounded = types.filter(isObjectType).flatMap((type) => Object.values(type.getFields())
      .filter((field) => isListType(getNullableType(field.type)) && isObjectType(getNamedType(field.type)) && ['Alert', 'Incident', 'AuditEntry', 'ChangeRequest', 'Deployment', 'Violation', 'ProofObligation', 'Principal', 'Session', 'Decision'].includes(getNamedType(field.type).name))
      .filter((field) => field.name !== 'nodes' && !field.args.some((argument) => argument.name === 'first'))
      .map((field) => `${type.name}.${field.name}`));
    expect(unbounded.filter((name) => !BOUNDED_BY_NATURE.has(name))).toEqual([]);
  });
});

describe.each(SUBGRAPH_NAMES)('%s', (name) => {
  test('every mutation says its constitutional level and every root field who may ask', () => {
    for (const field of fieldsOf(name, 'Mutation')) expect({ field: field.name.value, level: has(field.directives, 'constitutional') }).toEqual({ field: field.name.value, level: true });
    const open = ['Query', 'Subscription', 'Mutation'].flatMap((type) => fieldsOf(name, type)).filter((field) => !['authenticated', 'requiresScopes', 'policy'].some((directive) => has(field.directives, directive))).map((field) => field.name.value);
    // The few doors that must stand open to be let in at all, or to check the constitution from outside.
    expect(open.filter((field) => !['login', 'refreshSession', 'constitution', 'constitutionalValidation', 'principle'].includes(field))).toEqual([]);
  });

  test('says of what may be cached how changes are told, and never of lists of objects, mutations or who may do what', () => {
    const document = parse(shippedContract(name));
    const objects = new Set(document.definitions.flatMap((node) => (node.kind === 'ObjectTypeDefinition' ? [node.name.value] : [])));
    const wrong = document.definitions.flatMap((node) => (node.kind !== 'ObjectTypeDefinition' ? [] : (node.fields ?? []).filter((field) => {
      const hint = field.directives?.find((directive) => directive.name.value === 'cacheControl');
      if (hint === undefined) return false;
      const given = Object.fromEntries((hint.arguments ?? []).map(({ name: argument, value }) => [argument.value, valueFromASTUntyped(value)]));
      const streams = given['changedBy'];
      const plain = typeof given['maxAge'] === 'number' && given['maxAge'] > 0 && given['maxAge'] <= 3_600 && ['PUBLIC', 'PRIVATE'].includes(String(given['scope'] ?? 'PUBLIC')) && Array.isArray(streams) && streams.length > 0;
      const rooted = node.name.value !== 'Query' || field.arguments?.some((argument) => argument.name.value === given['key']) === true;
      const list = field.type.kind === 'ListType' || (field.type.kind === 'NonNullType' && field.type.type.kind === 'ListType');
      return !plain || !rooted || (list && objects.has(namedType(field.type))) || ['Mutation', 'Subscription'].includes(node.name.value) || name === 'auth';
    }).map((field) => `${node.name.value}.${field.name.value}`)));
    expect(wrong).toEqual([]);
  });

  test('builds as a subgraph', () => {
    expect(() => buildSchemaOf(name, {})).not.toThrow();
  });
});

describe('fault domains', () => {
  const OWNER: Readonly<Record<string, string>> = { Service: 'policy-governance', Incident: 'policy-governance', Principal: 'auth', ChangeRequest: 'governance-synthesis', Deployment: 'evolutionary-computation' };

  test('what one subgraph adds to another\'s entity, and what refers to one, is nullable: a dead subgraph takes only its own fields with it', () => {
    const wrong = SUBGRAPH_NAMES.flatMap((name) => parse(shippedContract(name)).definitions.flatMap((node) => (node.kind !== 'ObjectTypeDefinition' ? [] : (node.fields ?? [])
      .filter((field) => {
        if (field.type.kind !== 'NonNullType' || field.name.value === 'id') return false;
        const added = OWNER[node.name.value] !== undefined && OWNER[node.name.value] !== name;
        const target = OWNER[namedType(field.type)];
        return added || (target !== undefined && target !== name);
      })
      .map((field) => `${name}: ${node.name.value}.${field.name.value}`))));
    expect(wrong).toEqual([]);
  });
});

function namedType(type: TypeNode): string {
  return type.kind === 'NamedType' ? type.name.value : namedType(type.type);
}

describe('shipped operations', () => {
  const folder = projectPath('schema', 'operations');
  test.each(readdirSync(folder))('%s is valid', (file) => {
    expect(validate(api, parse(readFileSync(`${folder}/${file}`, 'utf8'))).map((error) => error.message)).toEqual([]);
  });
});
