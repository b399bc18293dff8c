/** Writes the representations of entities, as JSON, from the data gathered so far. */
import type { FetchDataRewrite, QueryPlanSelectionNode } from '@apollo/query-planner';
import type { GraphQLSchema } from 'graphql';
import { isDataObject, ownValue, type DataObject } from './response-data.js';
import { applyRewrites, isOfType } from './rewrites.js';

/** Represents objects to a subgraph. */
export interface Representer {
  /** Writes the representation of an object; undefined when it is of no type the fetch is for, or lacks a required field. */
  write(object: DataObject): string | undefined;
  /** Names of the fields that tell objects of a type apart when all of them are leaves; undefined when only the text tells. */
  leavesOf(typeName: unknown): readonly string[] | undefined;
}

/** A required field for objects of one type. */
interface RequiredField {
  readonly name: string;
  /** `"name":` */
  readonly key: string;
  readonly below: RequiredSelection | undefined;
}

/**
 * Compiles what a fetch requires.
 * @param schema the supergraph: type conditions may name types clients cannot see.
 */
export function compileRepresentation(schema: GraphQLSchema, requires: readonly QueryPlanSelectionNode[], rewrites: readonly FetchDataRewrite[]): Representer {
  const selection = new RequiredSelection(schema, requires);
  return {
    write(object) {
      const typeName = object['__typename'];
      // Without its type name a representation is of no use: no condition matched the object's type.
      if (typeof typeName !== 'string' || !selection.hasTypename(typeName)) return undefined;
      const text = selection.write(object);
      if (text === undefined || rewrites.length === 0) return text;
      const representation: unknown = JSON.parse(text);
      applyRewrites(schema, rewrites, representation);
      return JSON.stringify(representation);
    },
    leavesOf: (typeName) => selection.leavesOf(typeName),
  };
}

/**
 * The distinct representations of one `_entities` field, in order of first appearance. Objects whose required fields are
 * leaves are told apart by the values themselves, which is several times faster than by the text.
 */
export class Representations {
  readonly texts: string[] = [];
  private readonly byText = new Map<string, number>();
  private readonly byValues = new Map<unknown, Branch>();

  constructor(private readonly representer: Representer) {}

  /** Index of an object's representation; -1 when it has none. */
  indexOf(object: DataObject): number {
    const typeName = object['__typename'];
    const leaves = this.representer.leavesOf(typeName);
    if (leaves === undefined) return this.indexOfText(object);
    let branch = branchOf(this.byValues, typeName);
    for (const name of leaves) {
      const value = ownValue(object, name);
      if (typeof value === 'object' && value !== null) return this.indexOfText(object);
      branch = branchOf(branch.next, value);
    }
    return (branch.index ??= this.indexOfText(object));
  }

  /** The representations as a JSON list. */
  list(): string {
    return `[${this.texts.join(',')}]`;
  }

  private indexOfText(object: DataObject): number {
    const text = this.representer.write(object);
    if (text === undefined) return -1;
    let index = this.byText.get(text);
    if (index === undefined) {
      index = this.texts.push(text) - 1;
      this.byText.set(text, index);
    }
    return index;
  }
}

interface Branch {
  readonly next: Map<unknown, Branch>;
  index: number | undefined;
}

function branchOf(branches: Map<unknown, Branch>, key: unknown): Branch {
  let branch = branches.get(key);
  if (branch === undefined) branches.set(key, branch = { next: new Map(), index: undefined });
  return branch;
}

/** Fields that stand or fall together: those of one fragment, or those outside of any. */
interface RequiredPart {
  readonly names: readonly string[];
  readonly selections: readonly QueryPlanSelectionNode[];
}

/**
 * A selection of required fields. Where the fields of a fragment are not all there, the fragment gives nothing and the others
 * still do: the planner puts several keys of one type next to each other, each of which may have come under a condition.
 */
class RequiredSelection {
  private readonly byType = new Map<unknown, readonly RequiredField[]>();
  private readonly partsByType = new Map<unknown, readonly RequiredPart[]>();
  private readonly byParts = new Map<string, readonly RequiredField[]>();
  private readonly leaves = new Map<unknown, readonly string[] | undefined>();

  constructor(private readonly schema: GraphQLSchema, private readonly selections: readonly QueryPlanSelectionNode[]) {}

  hasTypename(typeName: string): boolean {
    return this.fieldsFor(typeName).some(({ name }) => name === '__typename');
  }

  leavesOf(typeName: unknown): readonly string[] | undefined {
    let leaves = this.leaves.get(typeName);
    if (leaves === undefined && !this.leaves.has(typeName)) {
      const fields = this.fieldsFor(typeName);
      leaves = fields.every(({ below }) => below === undefined) ? fields.map(({ name }) => name).filter((name) => name !== '__typename') : undefined;
      this.leaves.set(typeName, leaves);
    }
    return leaves;
  }

  /** Undefined when the object lacks a field. */
  write(object: DataObject): string | undefined {
    const fields = this.fieldsOf(object);
    if (fields === undefined) return undefined;
    let text = '';
    for (const { name, key, below } of fields) {
      const value = ownValue(object, name);
      if (value === undefined) return undefined;
      text += `${text === '' ? '{' : ','}${key}${below === undefined ? leafText(value) : valueText(value, below)}`;
    }
    return text === '' ? '{}' : `${text}}`;
  }

  /** What can be written of an object: everything for its type, or the parts that are complete where there are several. */
  private fieldsOf(object: DataObject): readonly RequiredField[] | undefined {
    const typeName = object['__typename'];
    const parts = this.partsFor(typeName);
    if (parts.length < 2) return this.fieldsFor(typeName);
    const complete = parts.filter(({ names }) => names.every((name) => ownValue(object, name) !== undefined));
    if (complete.length === parts.length) return this.fieldsFor(typeName);
    if (complete.length === 0) return undefined;
    const key = JSON.stringify([typeName, complete.map((part) => parts.indexOf(part))]);
    let fields = this.byParts.get(key);
    if (fields === undefined) this.byParts.set(key, fields = this.collect(complete));
    return fields;
  }

  private fieldsFor(typeName: unknown): readonly RequiredField[] {
    let fields = this.byType.get(typeName);
    if (fields === undefined) this.byType.set(typeName, fields = this.collect(this.partsFor(typeName)));
    return fields;
  }

  private partsFor(typeName: unknown): readonly RequiredPart[] {
    let parts = this.partsByType.get(typeName);
    if (parts === undefined) this.partsByType.set(typeName, parts = this.readParts(typeName, this.selections));
    return parts;
  }

  private readParts(typeName: unknown, selections: readonly QueryPlanSelectionNode[]): RequiredPart[] {
    const own = selections.filter((selection) => selection.kind === 'Field');
    const inner = selections.flatMap((selection) => (selection.kind === 'InlineFragment' && (selection.typeCondition === undefined || isOfType(this.schema, typeName, selection.typeCondition))
      ? this.readParts(typeName, selection.selections) : []));
    return own.length === 0 ? inner : [{ names: own.map(responseNameOf), selections: own }, ...inner];
  }

  private collect(parts: readonly RequiredPart[]): RequiredField[] {
    const found = new Map<string, QueryPlanSelectionNode[]>();
    const leaves = new Set<string>();
    for (const selection of parts.flatMap(({ selections }) => selections)) {
      if (selection.kind !== 'Field') continue;
      const name = responseNameOf(selection);
      if (selection.selections === undefined) leaves.add(name);
      found.set(name, [...(found.get(name) ?? []), ...(selection.selections ?? [])]);
    }
    return [...found].map(([name, below]) => ({ name, key: `${JSON.stringify(name)}:`, below: leaves.has(name) && below.length === 0 ? undefined : new RequiredSelection(this.schema, below) }));
  }
}

function responseNameOf(selection: QueryPlanSelectionNode): string {
  return selection.kind === 'Field' ? (selection.alias ?? selection.name) : '';
}

function leafText(value: unknown): string {
  return JSON.stringify(value);
}

/** An object below the first level that lacks a field stands as null: the field that needs it then comes out null. */
function valueText(value: unknown, below: RequiredSelection): string {
  if (Array.isArray(value)) return `[${value.map((element) => valueText(element, below)).join(',')}]`;
  return isDataObject(value) ? (below.write(value) ?? 'null') : leafText(value);
}
