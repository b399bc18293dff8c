/** Checks the variables of an operation: at once where plain scalars and enum values fit, by graphql-js where anything else comes. */
import { getVariableValues, isEnumType, isNonNullType, isScalarType, specifiedScalarTypes, typeFromAST, type GraphQLInputType, type GraphQLSchema, type OperationDefinitionNode, type VariableDefinitionNode } from 'graphql';
import { AcgsError } from '../../../ops/runtime/errors.js';
import type { Variables } from './cost-memory.js';

/** @throws AcgsError BAD_USER_INPUT naming what is wrong with which variable. */
export type VariableCheck = (variables: Variables) => void;

/** True for values that certainly fit; false says nothing. */
type Fits = (value: unknown) => boolean;

const MAX_ERRORS = 10;
const MAX_INT = 2 ** 31;

/** Values of the specified scalars as JSON carries them (GraphQL specification, section 3.5); other values are left to graphql-js. */
const SCALARS: Readonly<Record<string, Fits>> = {
  ID: (value) => typeof value === 'string',
  String: (value) => typeof value === 'string',
  Boolean: (value) => typeof value === 'boolean',
  Int: (value) => Number.isInteger(value) && (value as number) < MAX_INT && (value as number) >= -MAX_INT,
  Float: (value) => Number.isFinite(value),
};

/**
 * Makes the check of one operation; undefined when it declares no variables.
 * @param suggest false keeps names of the schema that are like those a variable uses out of the messages; default true.
 */
export function createVariableCheck(schema: GraphQLSchema, operation: OperationDefinitionNode, suggest = true): VariableCheck | undefined {
  const definitions = operation.variableDefinitions ?? [];
  if (definitions.length === 0) return undefined;
  const plain = definitions.map((definition) => plainCheckOf(schema, definition));
  return (variables) => {
    if (plain.every(({ name, mayLack, fits }) => (Object.hasOwn(variables, name) ? fits(variables[name]) : mayLack))) return;
    const { errors } = getVariableValues(schema, definitions, variables, { maxErrors: MAX_ERRORS, hideSuggestions: !suggest });
    if (errors === undefined) return;
    throw new AcgsError('BAD_USER_INPUT', errors[0]?.message, { problems: errors.map((error) => error.message) });
  };
}

function plainCheckOf(schema: GraphQLSchema, { variable, type: typeNode, defaultValue }: VariableDefinitionNode): { readonly name: string; readonly mayLack: boolean; readonly fits: Fits } {
  const name = variable.name.value;
  const type = typeFromAST(schema, typeNode) as GraphQLInputType | undefined;
  if (type === undefined) return { name, mayLack: false, fits: () => false };
  if (isNonNullType(type)) return { name, mayLack: defaultValue !== undefined, fits: fitsType(type.ofType) };
  const fits = fitsType(type);
  return { name, mayLack: true, fits: (value) => value === null || fits(value) };
}

function fitsType(type: GraphQLInputType): Fits {
  if (isEnumType(type)) {
    const values = new Set(type.getValues().map(({ name }) => name));
    return (value) => typeof value === 'string' && values.has(value);
  }
  const known = isScalarType(type) && specifiedScalarTypes.some(({ name }) => name === type.name) ? SCALARS[type.name] : undefined;
  return known ?? (() => false);
}
