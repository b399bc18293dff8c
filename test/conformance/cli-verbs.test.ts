/** The command line's table against the graph: a verb for every mutation, documents that exist, parameters and columns that mean something. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { Supergraph } from '@apollo/federation-internals';
import { describe, expect, test } from '@jest/globals';
import { getNamedType, getNullableType, isEnumType, isInputObjectType, isListType, isNonNullType, isObjectType, isUnionType, isInterfaceType, parse, typeFromAST, validate, type DocumentNode, type GraphQLInputType, type GraphQLOutputType, type GraphQLSchema, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';
import { ACTS } from '../../ops/cli/acts/table.js';
import { findVerb } from '../../ops/cli/command-line.js';
import { reference } from '../../ops/cli/help.js';
import { GLOBAL_FLAGS } from '../../ops/cli/global-flags.js';
import type { Column, Parameter, Verb } from '../../ops/cli/verb.js';
import { GROUPS, MUTATIONS_WITHOUT_VERB, VERBS } from '../../ops/cli/verbs/table.js';
import { projectPath } from '../../ops/runtime/package-root.js';

const api: GraphQLSchema = Supergraph.build(readFileSync(projectPath('schema', 'supergraph.graphql'), 'utf8'), { supportedFeatures: null }).apiSchema().toGraphQLJSSchema();
const files = readdirSync(projectPath('schema', 'operations')).sort();
const texts = new Map(files.map((file) => [file.replace(/\.graphql$/, ''), readFileSync(projectPath('schema', 'operations', file), 'utf8')]));
const documents = new Map([...texts].map(([name, text]) => [name, parse(text)]));

const line = ({ words }: Verb): string => words.join(' ');
const sentBy = ({ request, stream, operations = [] }: Verb): string[] => [...new Set([...(request === undefined ? [] : [request.operation]), ...(stream === undefined ? [] : [stream.operation]), ...operations])];
const operationOf = (document: DocumentNode | undefined): OperationDefinitionNode => {
  const [operation] = (document?.definitions ?? []).flatMap((node) => (node.kind === 'OperationDefinition' ? [node] : []));
  if (operation === undefined) throw new Error('The document has no operation.');
  return operation;
};
const rootFields = (name: string): string[] => operationOf(documents.get(name)).selectionSet.selections.flatMap((node) => (node.kind === 'Field' ? [node.name.value] : []));
const kindOf = (name: string): string => operationOf(documents.get(name)).operation;

describe('shipped documents', () => {
  test.each(files)('%s holds one operation of its name, says what it is for, and is valid', (file) => {
    const name = file.replace(/\.graphql$/, '');
    const document = documents.get(name)!;
    expect(document.definitions).toHaveLength(1);
    expect(operationOf(document).name?.value).toBe(name.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(''));
    expect(texts.get(name)).toMatch(/^# \S.*\.\n(query|mutation|subscription) /);
    expect(validate(api, document).map((error) => error.message)).toEqual([]);
  });

  test('each is sent by a verb or by a tool that is no verb', () => {
    const sent = new Set([...VERBS.flatMap(sentBy), 'refresh-session']);
    const otherTools = new Map(['ops/demo', 'test'].map((folder) => [folder, sources(folder)]));
    const unused = files.map((file) => file.replace(/\.graphql$/, '')).filter((name) => !sent.has(name) && ![...otherTools.values()].some((source) => source.includes(`'${name}'`)));
    expect(unused).toEqual([]);
  });
});

function sources(folder: string): string {
  return (readdirSync(projectPath(folder), { recursive: true }) as string[]).filter((file) => file.endsWith('.ts') && !file.includes('cli')).map((file) => readFileSync(projectPath(folder, file), 'utf8')).join('\n');
}

describe('mutations', () => {
  const mutations = Object.keys(api.getMutationType()!.getFields()).sort();
  const verbsOf = new Map(mutations.map((field) => [field, VERBS.filter((verb) => sentBy(verb).some((name) => kindOf(name) === 'mutation' && rootFields(name).includes(field))).map(line)]));

  test('each has a verb or a written reason why not', () => {
    expect(mutations.filter((field) => verbsOf.get(field)?.length === 0 && MUTATIONS_WITHOUT_VERB[field] === undefined)).toEqual([]);
  });

  test('a reason is written for mutations that exist and have no verb only', () => {
    for (const [field, reason] of Object.entries(MUTATIONS_WITHOUT_VERB)) {
      expect({ field, exists: mutations.includes(field), verbs: verbsOf.get(field), reason: reason.length > 20 }).toEqual({ field, exists: true, verbs: [], reason: true });
    }
  });

  test('verbs that send one take an idempotency key, and no others do; destructive ones change something', () => {
    for (const verb of VERBS) {
      const changes = sentBy(verb).some((name) => kindOf(name) === 'mutation');
      if (line(verb) !== 'login') expect({ verb: line(verb), changes: verb.changes === true }).toEqual({ verb: line(verb), changes });
      if (verb.destructive !== undefined) expect({ verb: line(verb), changes: verb.changes }).toEqual({ verb: line(verb), changes: true });
      for (const name of sentBy(verb).filter((sent) => kindOf(sent) === 'mutation')) {
        expect({ name, key: operationOf(documents.get(name)).variableDefinitions?.some(({ variable }) => variable.name.value === 'idempotencyKey') }).toEqual({ name, key: true });
      }
    }
  });
});

describe.each(VERBS.map((verb) => [line(verb), verb] as const))('acgs %s', (_, verb) => {
  const parameters = [...(verb.positionals ?? []), ...(verb.flags ?? [])];

  test('is found by its words, and its names are unique', () => {
    expect(findVerb(verb.words)).toBe(verb);
    const names = [...parameters, ...GLOBAL_FLAGS].map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(verb.request !== undefined || verb.act !== undefined).toBe(true);
    if (verb.act !== undefined) expect(ACTS).toHaveProperty(verb.act);
    for (const [placeholder] of verb.destructive?.matchAll(/\{([\w-]+)\}/g) ?? []) expect([...names.map((name) => `{${name}}`)]).toContain(placeholder);
  });

  test('sends documents that exist', () => { for (const name of sentBy(verb)) expect(files).toContain(`${name}.graphql`); });

  test('its parameters are what the document takes', () => {
    const names = verb.request !== undefined ? [verb.request.operation] : sentBy(verb);
    const variables = new Map(names.flatMap((name) => (operationOf(documents.get(name)).variableDefinitions ?? []).map((definition) => [definition.variable.name.value, typeFromAST(api, definition.type as never) as unknown as GraphQLInputType] as const)));
    for (const parameter of parameters) if (parameter.variable !== undefined) expectType(parameter, typeAt(variables, parameter.variable));
    if (verb.request === undefined) return;
    // Whatever the graph requires is required here, or given a default by the graph.
    const required = [...variables].flatMap(([name, type]) => requiredPaths(name, type));
    for (const path of required) {
      const giver = parameters.find(({ variable }) => variable !== undefined && (variable === path || path.startsWith(`${variable}.`)));
      expect({ path, given: giver?.required }).toEqual({ path, given: true });
    }
  });

  test('its columns are in the answer', () => {
    if (verb.request !== undefined) {
      const { operation, rows, columns, nameAt = 'id', once, verdict, view } = verb.request;
      const found = selectionAt(operation, rows);
      expectColumns(operation, found, columns);
      if (view !== 'detail' || nameAt !== 'id') expect(selectionIn(found, nameAt)).toBeDefined();
      if (once !== undefined) selectionAt(operation, once.path);
      if (verdict !== undefined) expectVerdict(selectionAt(operation, verdict.path).type, [...verdict.fine, ...(verdict.approval ?? [])]);
    }
    if (verb.stream !== undefined) {
      const { operation, field, member, columns, variables } = verb.stream;
      expectColumns(operation, selectionAt(operation, `${field}.${member}`), columns);
      const known = (operationOf(documents.get(operation)).variableDefinitions ?? []).map(({ variable }) => variable.name.value);
      for (const [variable, parameter] of Object.entries({ ...variables, after: 'after' })) {
        expect(known).toContain(variable);
        expect(parameters.map(({ name }) => name)).toContain(parameter);
      }
    }
  });
});

function typeAt(variables: ReadonlyMap<string, GraphQLInputType>, path: string): GraphQLInputType {
  const [first = '', ...steps] = path.split('.');
  let type = variables.get(first);
  for (const step of steps) {
    const object = type === undefined ? undefined : getNullableType(type);
    type = isInputObjectType(object) ? object.getFields()[step]?.type : undefined;
  }
  if (type === undefined) throw new Error(`No document takes ${path}.`);
  return type;
}

/** Parameters of a kind fit types of these names; JSON fits everything that is an object. */
const FITS: Readonly<Record<NonNullable<Parameter['type']>, readonly string[]>> = {
  text: ['String', 'ID', 'Cursor'], content: ['String'], secret: ['String'], integer: ['Int'], number: ['Float'], flag: ['Boolean'], past: ['DateTime'], future: ['DateTime'], duration: ['Int'], json: ['JSON', 'RuleSetInput'], pair: ['CabVoteInput'],
};

function expectType(parameter: Parameter, type: GraphQLInputType): void {
  const { name, type: kind = 'text', values, repeated = false } = parameter;
  expect({ name, list: isListType(getNullableType(type)) }).toEqual({ name, list: repeated });
  const named = getNamedType(type);
  if (isEnumType(named)) expect({ name, values: [...(values ?? [])].sort() }).toEqual({ name, values: named.getValues().map((value) => value.name).sort() });
  else expect({ name, fits: FITS[kind].includes(named.name) ? named.name : FITS[kind] }).toEqual({ name, fits: named.name });
}

function requiredPaths(path: string, type: GraphQLInputType): string[] {
  if (!isNonNullType(type)) return [];
  const object = getNullableType(type);
  if (!isInputObjectType(object)) return [path];
  return Object.values(object.getFields()).flatMap((field) => (field.defaultValue === undefined ? requiredPaths(`${path}.${field.name}`, field.type) : []));
}

interface Place { readonly type: GraphQLOutputType; readonly selections: readonly { readonly type: GraphQLOutputType; readonly set: SelectionSetNode }[] }

function selectionAt(name: string, path: string): Place {
  const operation = operationOf(documents.get(name));
  const root = operation.operation === 'query' ? api.getQueryType() : operation.operation === 'mutation' ? api.getMutationType() : api.getSubscriptionType();
  const place = selectionIn({ type: root!, selections: [{ type: root!, set: operation.selectionSet }] }, path);
  if (place === undefined) throw new Error(`${name} does not select ${path}.`);
  return place;
}

function selectionIn(place: Place, path: string): Place | undefined {
  let current: Place | undefined = place;
  for (const step of path.split('.')) {
    const found: Place[] = (current?.selections ?? []).flatMap(({ type, set }) => fieldsOf(type, set, step));
    current = found[0];
  }
  return current;
}

function fieldsOf(parent: GraphQLOutputType, set: SelectionSetNode, key: string): Place[] {
  return set.selections.flatMap((node): Place[] => {
    if (node.kind === 'InlineFragment') return fieldsOf(node.typeCondition === undefined ? parent : api.getType(node.typeCondition.name.value) as GraphQLOutputType, node.selectionSet, key);
    const owner = getNamedType(parent);
    if (node.kind !== 'Field' || (node.alias ?? node.name).value !== key || (!isObjectType(owner) && !isInterfaceType(owner))) return [];
    const type = owner.getFields()[node.name.value]!.type;
    return [{ type, selections: node.selectionSet === undefined || isUnionType(owner) ? [] : [{ type, set: node.selectionSet }] }];
  });
}

function expectColumns(operation: string, place: Place, columns: readonly Column[]): void {
  for (const { path } of columns) expect({ operation, path, selected: selectionIn(place, path) !== undefined }).toEqual({ operation, path, selected: true });
}

function expectVerdict(type: GraphQLOutputType, values: readonly (string | boolean)[]): void {
  const named = getNamedType(type);
  const known = isEnumType(named) ? named.getValues().map(({ name }) => name) : [true, false];
  expect(values.filter((value) => !known.includes(value as never))).toEqual([]);
}

const MARK = '<!-- reference -->\n';

describe('what is written about the verbs', () => {
  test('docs/cli.md holds the reference made from the table', () => {
    const file = projectPath('docs', 'cli.md');
    const [manners = ''] = readFileSync(file, 'utf8').split(MARK);
    if (process.env['ACGS_WRITE_DOCS'] === '1') writeFileSync(file, `${manners}${MARK}${reference()}`);
    expect(readFileSync(file, 'utf8')).toBe(`${manners}${MARK}${reference()}`);
  });

  test('nouns and aliases are unique', () => {
    const words = GROUPS.flatMap(({ noun, aliases = [], verbs }) => (noun === '' ? verbs.map(({ words: [first = ''] }) => first) : [noun, ...aliases]));
    expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([]);
  });
});

describe('scripts of the sources', () => {
  const folder = projectPath('ops', 'scripts');
  const scripts = readdirSync(folder).filter((file) => file.endsWith('.sh')).sort();

  test.each(scripts)('%s is executable, POSIX, and calls a verb that exists', (script) => {
    const text = readFileSync(`${folder}/${script}`, 'utf8');
    expect(statSync(`${folder}/${script}`).mode & 0o111).toBe(0o111);
    expect(text).toMatch(/^#!\/bin\/sh\n# \S.*\.\n/);
    const calls = text.split('\n').filter((row) => !row.startsWith('#')).flatMap((row) => [...row.matchAll(/(?:^|[\s;])acgs ([a-z][\w-]*(?: [a-z][\w-]*)?)/g)].map(([, words = '']) => words.split(' ')));
    const delegates = [...text.matchAll(/exec "\$\(dirname "\$0"\)\/([\w.]+)"/g)].map(([, name = '']) => name);
    expect(calls.length + delegates.length).toBeGreaterThan(0);
    for (const words of calls) expect({ script, words, verb: findVerb(words) !== undefined }).toEqual({ script, words, verb: true });
    for (const name of delegates) expect(scripts).toContain(name);
  });

  const shellcheck = spawnSync('shellcheck', ['--version']).status === 0 ? test : test.skip;
  shellcheck('shellcheck finds nothing', () => {
    const { stdout, status } = spawnSync('shellcheck', ['--shell=sh', ...scripts], { cwd: folder, encoding: 'utf8' });
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  });
});
