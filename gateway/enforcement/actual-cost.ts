/** Counts what an operation cost from its response, by the weights the estimate uses and the lists there really were. */
import { isCompositeType, getNamedType, Kind, type FieldNode, type GraphQLCompositeType, type GraphQLSchema, type SelectionSetNode } from 'graphql';
import type { DirectiveIndex } from '../supergraph/directive-index.js';
import { ArgumentReader } from './argument-values.js';
import { evaluate, FREE, sum, type Cost, type Variables } from './cost-amounts.js';
import { fieldCost } from './cost.js';
import type { DocumentAnalysis } from './document-analysis.js';
import { compositeType, fieldOf, resultType } from './schema-lookup.js';

/** One field of a response: every selection that stands for it, whatever type it is on. */
interface CountedField {
  call: number;
  element: number;
  argumentsCost: Cost;
  isLeaf: boolean;
  readonly below: Selected[];
  fields: ReadonlyMap<string, CountedField> | undefined;
}

interface Selected {
  readonly set: SelectionSetNode;
  readonly parent: GraphQLCompositeType | undefined;
  readonly mutates: boolean;
}

/** Counts responses of one operation. */
export interface ActualCost {
  /** @param data of a response, in the shape clients get it; null counts nothing. */
  of(data: unknown, variables: Variables): number;
}

/**
 * Makes the count of one operation. A field that selections on several types give is counted with the greatest of their
 * weights, so that no type names are needed; a null counts its call and no object.
 */
export function actualCost(schema: GraphQLSchema, directives: DirectiveIndex, analysis: DocumentAnalysis): ActualCost {
  const counter = new Counter(schema, directives, analysis);
  const { operation } = analysis;
  const root: Selected = { set: operation.selectionSet, parent: schema.getRootType(operation.operation) ?? undefined, mutates: operation.operation === 'mutation' };
  let fields: ReadonlyMap<string, CountedField> | undefined;
  return { of: (data, variables) => counter.count(data, fields ??= counter.collect([root]), variables) };
}

class Counter {
  private readonly argumentReader: ArgumentReader;

  constructor(private readonly schema: GraphQLSchema, private readonly directives: DirectiveIndex, private readonly analysis: DocumentAnalysis) {
    this.argumentReader = new ArgumentReader(analysis.operation, directives);
  }

  /** Fields of one place of the response, by response name. */
  collect(selected: readonly Selected[]): ReadonlyMap<string, CountedField> {
    const fields = new Map<string, CountedField>();
    const read = new Set<string>();
    const readSet = ({ set, parent, mutates }: Selected): void => {
      for (const selection of set.selections) {
        if (selection.kind === Kind.FIELD) {
          this.addField(fields, selection, parent, mutates);
          continue;
        }
        if (selection.kind === Kind.FRAGMENT_SPREAD) {
          if (read.has(selection.name.value)) continue;
          read.add(selection.name.value);
        }
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : this.analysis.fragments.get(selection.name.value);
        if (fragment !== undefined) readSet({ set: fragment.selectionSet, parent: fragment.typeCondition === undefined ? parent : compositeType(this.schema, fragment.typeCondition.name.value), mutates });
      }
    };
    for (const one of selected) readSet(one);
    return fields;
  }

  count(value: unknown, fields: ReadonlyMap<string, CountedField>, variables: Variables): number {
    if (typeof value !== 'object' || value === null) return 0;
    let total = 0;
    for (const [name, field] of fields) {
      if (!Object.hasOwn(value, name)) continue;
      total += evaluate(field.argumentsCost, variables) + this.countValue((value as Readonly<Record<string, unknown>>)[name], field, variables);
    }
    return total;
  }

  private countValue(value: unknown, field: CountedField, variables: Variables): number {
    if (Array.isArray(value)) return field.call + value.reduce((total: number, element) => total + this.countElement(element, field, variables), 0);
    if (field.isLeaf) return field.call;
    return value === null || value === undefined ? 0 : field.call + this.below(value, field, variables);
  }

  private countElement(element: unknown, field: CountedField, variables: Variables): number {
    if (Array.isArray(element)) return element.reduce((total: number, inner) => total + this.countElement(inner, field, variables), 0);
    if (element === null) return 0;
    return field.element + (field.isLeaf ? 0 : this.below(element, field, variables));
  }

  private below(value: unknown, field: CountedField, variables: Variables): number {
    field.fields ??= this.collect(field.below);
    return this.count(value, field.fields, variables);
  }

  private addField(fields: Map<string, CountedField>, node: FieldNode, parent: GraphQLCompositeType | undefined, mutates: boolean): void {
    const name = node.name.value;
    const definition = name.startsWith('__') ? undefined : fieldOf(parent, name);
    if (definition === undefined || parent === undefined) return;
    const rule = this.directives.field(parent.name, name);
    const { call, element } = fieldCost(this.directives, rule, definition, mutates);
    const argumentsCost = this.argumentReader.weightOf(node, definition.args, rule.argumentWeights);
    const responseName = node.alias?.value ?? name;
    let field = fields.get(responseName);
    if (field === undefined) fields.set(responseName, field = { call, element, argumentsCost, isLeaf: !isCompositeType(getNamedType(definition.type)), below: [], fields: undefined });
    field.call = Math.max(field.call, call);
    field.element = Math.max(field.element, element);
    if (field.argumentsCost === FREE) field.argumentsCost = sum([argumentsCost]);
    if (node.selectionSet !== undefined) field.below.push({ set: node.selectionSet, parent: resultType(this.schema, parent, name), mutates: false });
  }
}
