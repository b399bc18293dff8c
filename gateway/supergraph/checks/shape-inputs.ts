/** Finds changes of what clients send: arguments and input fields, their types, defaults and whether they must be given. */
import { astFromValue, getNamedType, isListType, isNonNullType, isRequiredArgument, isRequiredInputField, print, type GraphQLArgument, type GraphQLInputField, type GraphQLInputObjectType, type GraphQLInputType } from 'graphql';
import { breaking, dangerous, safe, type ShapeDraft } from './shape-draft.js';

const OPTIONAL = 'Make it optional, or give it a default.';

/** Compares the arguments of a field or a directive. @param coordinate of the field or directive. */
export function argumentChanges(coordinate: string, before: { readonly args: readonly GraphQLArgument[] }, after: { readonly args: readonly GraphQLArgument[] }): ShapeDraft[] {
  const drafts: ShapeDraft[] = [];
  for (const argument of before.args) {
    const own = `${coordinate}(${argument.name}:)`;
    const now = after.args.find(({ name }) => name === argument.name);
    if (now === undefined) {
      drafts.push(breaking({ code: 'ARGUMENT_REMOVED', coordinate: own, message: `The argument ${own} was removed.`, before: String(argument.type), after: null }, [own]));
      continue;
    }
    // Validation sees whether the argument is given, and whether what is given may be null.
    if (isRequiredArgument(now) && !isRequiredArgument(argument)) drafts.push(breaking({ code: 'ARGUMENT_MADE_REQUIRED', coordinate: own, message: `${own} must now be given: it was ${text(argument)} and is ${text(now)}.`, before: text(argument), after: text(now) }, [coordinate], { onlyInvalid: true, remedy: OPTIONAL }));
    else drafts.push(...typeChange('ARGUMENT', own, argument, now));
    drafts.push(...defaultChange('ARGUMENT', own, argument, now));
  }
  for (const argument of after.args) {
    if (before.args.some(({ name }) => name === argument.name)) continue;
    const change = { coordinate: `${coordinate}(${argument.name}:)`, before: null, after: text(argument) };
    drafts.push(isRequiredArgument(argument)
      ? breaking({ ...change, code: 'REQUIRED_ARGUMENT_ADDED', message: `${coordinate} now demands the argument ${argument.name}: ${String(argument.type)}.` }, [coordinate], { remedy: OPTIONAL })
      : safe({ ...change, code: 'ARGUMENT_ADDED', message: `${coordinate} takes the optional argument ${argument.name}.` }));
  }
  return drafts;
}

/** Compares the fields of an input object. */
export function inputObjectChanges(before: GraphQLInputObjectType, after: GraphQLInputObjectType): ShapeDraft[] {
  const drafts: ShapeDraft[] = [];
  const [old, fields] = [before.getFields(), after.getFields()];
  for (const field of Object.values(old)) {
    const coordinate = `${before.name}.${field.name}`;
    const now = fields[field.name];
    if (now === undefined) {
      drafts.push(breaking({ code: 'INPUT_FIELD_REMOVED', coordinate, message: `The input field ${coordinate} was removed.`, before: String(field.type), after: null }, [coordinate]));
      continue;
    }
    // Values travel in variables, where validation does not see them: whoever gives the object may leave the field out.
    if (isRequiredInputField(now) && !isRequiredInputField(field)) drafts.push(breaking({ code: 'INPUT_FIELD_MADE_REQUIRED', coordinate, message: `${coordinate} must now be given: it was ${text(field)} and is ${text(now)}.`, before: text(field), after: text(now) }, [`in:${before.name}`], { remedy: OPTIONAL }));
    else drafts.push(...typeChange('INPUT_FIELD', coordinate, field, now));
    drafts.push(...defaultChange('INPUT_FIELD', coordinate, field, now));
  }
  for (const field of Object.values(fields)) {
    if (old[field.name] !== undefined) continue;
    const change = { coordinate: `${after.name}.${field.name}`, before: null, after: text(field) };
    drafts.push(isRequiredInputField(field)
      ? breaking({ ...change, code: 'REQUIRED_INPUT_FIELD_ADDED', message: `${after.name} now demands the field ${field.name}: ${String(field.type)}.` }, [`in:${before.name}`], { remedy: OPTIONAL })
      : safe({ ...change, code: 'INPUT_FIELD_ADDED', message: `${after.name} takes the optional field ${field.name}.` }));
  }
  if (before.isOneOf !== after.isOneOf) {
    const change = { coordinate: before.name, before: before.isOneOf, after: after.isOneOf };
    drafts.push(after.isOneOf
      ? breaking({ ...change, code: 'INPUT_MADE_ONE_OF', message: `${before.name} now takes exactly one of its fields.` }, [`in:${before.name}`])
      : safe({ ...change, code: 'INPUT_NO_LONGER_ONE_OF', message: `${before.name} no longer insists on exactly one of its fields.` }));
  }
  return drafts;
}

type Place = 'ARGUMENT' | 'INPUT_FIELD';
type Input = GraphQLArgument | GraphQLInputField;

function typeChange(place: Place, coordinate: string, before: Input, after: Input): ShapeDraft[] {
  if (String(before.type) === String(after.type)) return [];
  const change = { coordinate, before: String(before.type), after: String(after.type) };
  return isSafeInput(before.type, after.type)
    ? [safe({ ...change, code: `${place}_TYPE_WIDENED`, message: `${coordinate} was ${String(before.type)} and now takes ${String(after.type)}.` })]
    : [breaking({ ...change, code: `${place}_TYPE_CHANGED`, message: `${coordinate} was ${String(before.type)} and now takes ${String(after.type)}.` }, [coordinate])];
}

/** True when every value of the old type is taken by the new one. */
function isSafeInput(before: GraphQLInputType, after: GraphQLInputType): boolean {
  if (isNonNullType(after)) return isNonNullType(before) && isSafeInput(before.ofType, after.ofType);
  if (isNonNullType(before)) return isSafeInput(before.ofType, after);
  if (isListType(before)) return isListType(after) && isSafeInput(before.ofType, after.ofType);
  return !isListType(after) && getNamedType(before).name === getNamedType(after).name;
}

function defaultChange(place: Place, coordinate: string, before: Input, after: Input): ShapeDraft[] {
  const [old, now] = [defaultOf(before), defaultOf(after)];
  if (old === now) return [];
  return [dangerous({ code: `${place}_DEFAULT_CHANGED`, coordinate, message: `The default of ${coordinate} was ${old ?? 'none'} and is ${now ?? 'none'}: clients that leave it out get something else.`, before: old, after: now }, 'Make sure that clients which leave it out are served as they expect.')];
}

function defaultOf({ defaultValue, type }: Input): string | null {
  const value = defaultValue === undefined ? undefined : astFromValue(defaultValue, type);
  return value == null ? null : print(value);
}

function text(input: Input): string {
  const value = defaultOf(input);
  return `${String(input.type)}${value === null ? '' : ` = ${value}`}`;
}
