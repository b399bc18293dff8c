/** Reads applied directives of a supergraph: their arguments, and the weights and list sizes of the cost specification v0.1. */
import { baseType, isInputObjectType, isInterfaceType, isObjectType, isUnionType, type Directive, type FieldDefinition, type InterfaceType, type NamedType, type ObjectType, type Schema, type Type } from '@apollo/federation-internals';
import type { FieldRule, ListSize } from './directive-data.js';
import { directiveNameIn } from './link-names.js';

/** Whatever directives can be applied to. */
export interface AnyElement {
  appliedDirectivesOf(name: string): readonly Directive[];
}
/** A type with output fields. */
export type FieldsType = ObjectType | InterfaceType;
export type AnyField = FieldDefinition<ObjectType> | FieldDefinition<InterfaceType>;

/** Applications of a directive; none when the supergraph has no name for it. */
export function appliedTo(element: AnyElement, name: string | undefined): readonly Directive[] {
  return name === undefined ? [] : element.appliedDirectivesOf(name);
}

/** Arguments of an application, defaults filled in. */
export function valuesOf(applied: Directive): Readonly<Record<string, unknown>> {
  return applied.arguments(true);
}

/** A text argument of an application; null when it is absent or no text. */
export function textArgument(applied: Directive, name: string): string | null {
  const value = valuesOf(applied)[name];
  return typeof value === 'string' ? value : null;
}

/** The type of that name when it has fields. */
export function fieldsType(schema: Schema, name: string): FieldsType | undefined {
  const type = schema.type(name);
  return type !== undefined && (isObjectType(type) || isInterfaceType(type)) ? type : undefined;
}

/** The named type of a field or an argument. */
export function namedTypeOf({ coordinate, type }: { readonly coordinate: string; readonly type?: Type | undefined }): NamedType {
  if (type === undefined) throw new Error(`${coordinate} has no type.`);
  return baseType(type);
}

/** Every object type a value of the type can have: itself, the implementations, or the members. */
export function possibleTypes(type: NamedType | undefined): readonly ObjectType[] {
  if (type === undefined) return [];
  if (isObjectType(type)) return [type];
  return isInterfaceType(type) ? type.possibleRuntimeTypes() : isUnionType(type) ? type.types() : [];
}

/** Reads `@cost` and `@listSize`; where several could apply, the dearest counts. */
export class CostReader {
  private readonly cost: string | undefined;
  private readonly listSize: string | undefined;

  constructor(private readonly schema: Schema) {
    this.cost = directiveNameIn(schema, 'cost');
    this.listSize = directiveNameIn(schema, 'listSize');
  }

  /** A field selected on an interface may be any implementation's, and one selected on an object is also its interfaces'. */
  field(typeName: string, fieldName: string): Pick<FieldRule, 'weight' | 'listSize' | 'argumentWeights'> {
    let weight: number | null = null;
    let listSize: ListSize | null = null;
    const argumentWeights = new Map<string, number>();
    for (const source of this.related(typeName)) {
      const field = source.field(fieldName);
      if (field === undefined) continue;
      weight = greater(weight, this.weightOf(field));
      listSize = larger(listSize, this.listSizeOf(field));
      for (const argument of field.arguments()) {
        const own = greater(this.weightOf(argument), this.weightOf(namedTypeOf(argument)));
        if (own !== null) argumentWeights.set(argument.name, Math.max(own, argumentWeights.get(argument.name) ?? own));
      }
    }
    return { weight, listSize, argumentWeights: argumentWeights.size === 0 ? null : argumentWeights };
  }

  /** Weight of a value of the type. */
  type(name: string): number | null {
    const type = this.schema.type(name);
    if (type === undefined) return null;
    return possibleTypes(type).reduce((weight, { name: possible }) => greater(weight, possible === name ? null : this.type(possible)), this.weightOf(type));
  }

  /** Weights of the fields of an input object; empty for any other type. */
  inputs(name: string): Map<string, number> {
    const type = this.schema.type(name);
    const weights = new Map<string, number>();
    if (type === undefined || !isInputObjectType(type)) return weights;
    for (const field of type.fields()) {
      const weight = this.weightOf(field) ?? this.weightOf(namedTypeOf(field));
      if (weight !== null) weights.set(field.name, weight);
    }
    return weights;
  }

  private related(typeName: string): readonly FieldsType[] {
    const type = fieldsType(this.schema, typeName);
    if (type === undefined) return [];
    return isInterfaceType(type) ? [type, ...type.allImplementations(), ...type.interfaces()] : [type, ...type.interfaces()];
  }

  private weightOf(element: AnyElement): number | null {
    const [applied] = appliedTo(element, this.cost);
    const weight = applied === undefined ? undefined : valuesOf(applied)['weight'];
    return typeof weight === 'number' ? weight : null;
  }

  private listSizeOf(field: AnyField): ListSize | null {
    const [applied] = appliedTo(field, this.listSize);
    if (applied === undefined) return null;
    const { assumedSize, slicingArguments, sizedFields, requireOneSlicingArgument } = valuesOf(applied);
    return {
      assumedSize: typeof assumedSize === 'number' ? assumedSize : null,
      slicingArguments: names(slicingArguments),
      sizedFields: names(sizedFields),
      requireOneSlicingArgument: requireOneSlicingArgument !== false && names(slicingArguments).length > 0,
    };
  }
}

function names(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((name): name is string => typeof name === 'string') : [];
}

function greater(left: number | null, right: number | null): number | null {
  return left === null || right === null ? left ?? right : Math.max(left, right);
}

function larger(left: ListSize | null, right: ListSize | null): ListSize | null {
  if (left === null || right === null) return left ?? right;
  return (right.assumedSize ?? 0) > (left.assumedSize ?? 0) ? right : left;
}
