/** Finds what changed in the schema clients see: types, fields, arguments, input fields, values, members, interfaces and directives. */
import { getNamedType, isEnumType, isInputObjectType, isInterfaceType, isListType, isNonNullType, isObjectType, isScalarType, isSpecifiedDirective, isSpecifiedScalarType, isUnionType, type GraphQLArgument, type GraphQLEnumType, type GraphQLField, type GraphQLInterfaceType, type GraphQLNamedType, type GraphQLObjectType, type GraphQLOutputType, type GraphQLSchema, type GraphQLUnionType } from 'graphql';
import { breaking, dangerous, noticeable, safe, type ShapeDraft } from './shape-draft.js';
import { argumentChanges, inputObjectChanges } from './shape-inputs.js';

const EXPECT_MORE = 'Tell the clients: they should have a branch for what they do not know.';

/** Compares two client schemas; the result does not depend on the order of their definitions. */
export function shapeChanges(before: GraphQLSchema, after: GraphQLSchema): ShapeDraft[] {
  const drafts: ShapeDraft[] = [];
  const { outputs, inputs } = directions(before);
  for (const [name, type] of typesOf(before)) {
    const now = after.getType(name);
    if (now === undefined) {
      drafts.push(breaking({ code: 'TYPE_REMOVED', coordinate: name, message: `The ${kindOf(type)} ${name} was removed.`, before: kindOf(type), after: null }, [name]));
    } else if (kindOf(now) !== kindOf(type)) {
      drafts.push(breaking({ code: 'TYPE_KIND_CHANGED', coordinate: name, message: `${name} was ${kindOf(type)} and is now ${kindOf(now)}.`, before: kindOf(type), after: kindOf(now) }, [name]));
    } else {
      drafts.push(...typeChanges(type, now, { isOutput: outputs.has(name), isInput: inputs.has(name) }));
    }
  }
  for (const [name, type] of typesOf(after)) {
    if (before.getType(name) === undefined) drafts.push(safe({ code: 'TYPE_ADDED', coordinate: name, message: `The ${kindOf(type)} ${name} was added.`, before: null, after: kindOf(type) }));
  }
  return [...drafts, ...directiveChanges(before, after)];
}

function typeChanges(before: GraphQLNamedType, after: GraphQLNamedType, use: TypeUse): ShapeDraft[] {
  if ((isObjectType(before) && isObjectType(after)) || (isInterfaceType(before) && isInterfaceType(after))) return [...fieldChanges(before, after), ...interfaceChanges(before, after)];
  if (isInputObjectType(before) && isInputObjectType(after)) return inputObjectChanges(before, after);
  if (isEnumType(before) && isEnumType(after)) return valueChanges(before, after, use);
  if (isUnionType(before) && isUnionType(after)) return memberChanges(before, after);
  if (isScalarType(before) && isScalarType(after) && (before.specifiedByURL ?? null) !== (after.specifiedByURL ?? null)) {
    return [dangerous({ code: 'SCALAR_SPECIFICATION_CHANGED', coordinate: before.name, message: `${before.name} is now specified by ${after.specifiedByURL ?? 'nothing'}.`, before: before.specifiedByURL ?? null, after: after.specifiedByURL ?? null }, 'Make sure that clients read the values as before.')];
  }
  return [];
}

type FieldsType = GraphQLObjectType | GraphQLInterfaceType;

function fieldChanges(before: FieldsType, after: FieldsType): ShapeDraft[] {
  const [old, now] = [before.getFields(), after.getFields()];
  const drafts: ShapeDraft[] = [];
  for (const field of Object.values(old)) {
    const coordinate = `${before.name}.${field.name}`;
    const next = now[field.name];
    if (next === undefined) drafts.push(breaking({ code: 'FIELD_REMOVED', coordinate, message: `${coordinate} was removed.`, before: String(field.type), after: null }, [coordinate]));
    else drafts.push(...outputChanges(coordinate, field, next), ...argumentChanges(coordinate, field, next), ...deprecation(coordinate, field.deprecationReason, next.deprecationReason));
  }
  for (const field of Object.values(now)) {
    if (old[field.name] === undefined) drafts.push(safe({ code: 'FIELD_ADDED', coordinate: `${after.name}.${field.name}`, message: `${after.name}.${field.name}: ${String(field.type)} was added.`, before: null, after: String(field.type) }));
  }
  return drafts;
}

function outputChanges(coordinate: string, { type: before }: GraphQLField<unknown, unknown>, { type: after }: GraphQLField<unknown, unknown>): ShapeDraft[] {
  if (String(before) === String(after)) return [];
  const change = { coordinate, before: String(before), after: String(after) };
  if (isSafeOutput(before, after)) return [safe({ ...change, code: 'FIELD_TYPE_NARROWED', message: `${coordinate} was ${String(before)} and is now ${String(after)}, which every client can read.` })];
  if (isSafeOutput(before, after, true)) {
    return [breaking({ ...change, code: 'FIELD_MADE_NULLABLE', message: `${coordinate} was ${String(before)} and is now ${String(after)}: clients that never met null there will.` }, [coordinate], { remedy: 'Keep it non-null, or add a nullable field beside it.' })];
  }
  return [breaking({ ...change, code: 'FIELD_TYPE_CHANGED', message: `${coordinate} was ${String(before)} and is now ${String(after)}.` }, [coordinate])];
}

/** True when whoever reads the old type can read the new one; with `nullable`, nulls aside. */
function isSafeOutput(before: GraphQLOutputType, after: GraphQLOutputType, nullable = false): boolean {
  if (isNonNullType(before)) return isNonNullType(after) ? isSafeOutput(before.ofType, after.ofType, nullable) : nullable && isSafeOutput(before.ofType, after, nullable);
  if (isNonNullType(after)) return isSafeOutput(before, after.ofType, nullable);
  if (isListType(before)) return isListType(after) && isSafeOutput(before.ofType, after.ofType, nullable);
  return !isListType(after) && getNamedType(before).name === getNamedType(after).name;
}

function interfaceChanges(before: FieldsType, after: FieldsType): ShapeDraft[] {
  const names = (type: FieldsType): string[] => type.getInterfaces().map(({ name }) => name).sort();
  const [old, now] = [names(before), names(after)];
  const gone = old.filter((name) => !now.includes(name));
  const come = now.filter((name) => !old.includes(name));
  return [
    ...gone.map((name) => breaking({ code: 'INTERFACE_REMOVED', coordinate: before.name, message: `${before.name} no longer implements ${name}: fragments from one to the other are refused, and fields of type ${name} no longer give it.`, before: name, after: null }, [before.name, name], { onlyInvalid: true })),
    ...come.map((name) => dangerous({ code: 'INTERFACE_ADDED', coordinate: before.name, message: `${before.name} now implements ${name}: fields of type ${name} may give it.`, before: null, after: name }, EXPECT_MORE)),
  ];
}

function memberChanges(before: GraphQLUnionType, after: GraphQLUnionType): ShapeDraft[] {
  const names = (type: GraphQLUnionType): string[] => type.getTypes().map(({ name }) => name).sort();
  const [old, now] = [names(before), names(after)];
  const gone = old.filter((name) => !now.includes(name));
  const come = now.filter((name) => !old.includes(name));
  return [
    ...gone.map((name) => breaking({ code: 'UNION_MEMBER_REMOVED', coordinate: before.name, message: `${name} is no longer a member of ${before.name}: fragments on it are refused.`, before: name, after: null }, [before.name], { onlyInvalid: true })),
    ...come.map((name) => dangerous({ code: 'UNION_MEMBER_ADDED', coordinate: before.name, message: `${name} is now a member of ${before.name}: clients may meet it.`, before: null, after: name }, EXPECT_MORE)),
  ];
}

function valueChanges(before: GraphQLEnumType, after: GraphQLEnumType, use: TypeUse): ShapeDraft[] {
  const drafts: ShapeDraft[] = [];
  for (const { name, deprecationReason } of before.getValues()) {
    const coordinate = `${before.name}.${name}`;
    const now = after.getValue(name);
    if (now == null) {
      // Whoever only reads the enum never meets the value again; whoever sends it is refused.
      const change = { code: 'ENUM_VALUE_REMOVED' as const, coordinate, message: `${coordinate} was removed.`, before: name, after: null };
      const readBy = [`out:${before.name}`];
      drafts.push(use.isInput ? breaking(change, [coordinate], { readBy }) : noticeable(change, readBy, 'Make sure that no client waits for the value.'));
    } else drafts.push(...deprecation(coordinate, deprecationReason, now.deprecationReason));
  }
  for (const { name } of after.getValues()) {
    if (before.getValue(name) != null) continue;
    const change = { code: 'ENUM_VALUE_ADDED' as const, coordinate: `${before.name}.${name}`, message: `${before.name}.${name} was added.`, before: null, after: name };
    drafts.push(use.isOutput ? dangerous(change, EXPECT_MORE) : safe(change));
  }
  return drafts;
}

function deprecation(coordinate: string, before: string | null | undefined, after: string | null | undefined): ShapeDraft[] {
  if ((before ?? null) === (after ?? null)) return [];
  const change = { coordinate, before: before ?? null, after: after ?? null };
  return after == null
    ? [safe({ ...change, code: 'DEPRECATION_REMOVED', message: `${coordinate} is no longer deprecated.` })]
    : [safe({ ...change, code: 'DEPRECATED', message: `${coordinate} is deprecated: ${after}` })];
}

function directiveChanges(before: GraphQLSchema, after: GraphQLSchema): ShapeDraft[] {
  const drafts: ShapeDraft[] = [];
  for (const directive of before.getDirectives()) {
    if (isSpecifiedDirective(directive)) continue;
    const coordinate = `@${directive.name}`;
    const now = after.getDirective(directive.name);
    if (now == null) {
      drafts.push(breaking({ code: 'DIRECTIVE_REMOVED', coordinate, message: `The directive ${coordinate} was removed.`, before: directive.name, after: null }, [coordinate]));
      continue;
    }
    const lost = directive.locations.filter((location) => !now.locations.includes(location)).sort();
    if (lost.length > 0) drafts.push(breaking({ code: 'DIRECTIVE_LOCATION_REMOVED', coordinate, message: `${coordinate} may no longer stand on ${lost.join(', ')}.`, before: lost, after: null }, [coordinate], { onlyInvalid: true }));
    if (directive.isRepeatable && !now.isRepeatable) drafts.push(breaking({ code: 'DIRECTIVE_NOT_REPEATABLE', coordinate, message: `${coordinate} may no longer be repeated.`, before: true, after: false }, [coordinate], { onlyInvalid: true }));
    drafts.push(...argumentChanges(coordinate, directive, now));
  }
  for (const { name } of after.getDirectives()) {
    if (before.getDirective(name) == null) drafts.push(safe({ code: 'DIRECTIVE_ADDED', coordinate: `@${name}`, message: `The directive @${name} was added.`, before: null, after: name }));
  }
  return drafts;
}

/** Whether clients read values of a type, and whether they send them. */
interface TypeUse {
  readonly isOutput: boolean;
  readonly isInput: boolean;
}

/** Named types that fields give, and those that arguments and input fields take. */
function directions(schema: GraphQLSchema): { readonly outputs: ReadonlySet<string>; readonly inputs: ReadonlySet<string> } {
  const [outputs, inputs] = [new Set<string>(), new Set<string>()];
  const takes = ({ args }: { readonly args: readonly GraphQLArgument[] }): void => args.forEach(({ type }) => inputs.add(getNamedType(type).name));
  for (const [, type] of typesOf(schema)) {
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) inputs.add(getNamedType(field.type).name);
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      outputs.add(getNamedType(field.type).name);
      takes(field);
    }
  }
  schema.getDirectives().forEach(takes);
  return { outputs, inputs };
}

function typesOf(schema: GraphQLSchema): [string, GraphQLNamedType][] {
  return Object.entries(schema.getTypeMap()).filter(([name, type]) => !name.startsWith('__') && !(isScalarType(type) && isSpecifiedScalarType(type)));
}

function kindOf(type: GraphQLNamedType): string {
  if (isObjectType(type)) return 'object type';
  if (isInterfaceType(type)) return 'interface';
  if (isUnionType(type)) return 'union';
  if (isEnumType(type)) return 'enum';
  return isInputObjectType(type) ? 'input object' : 'scalar';
}
