/** The conventions of the house as rules over one element of a subgraph's schema; none of them breaks a client. */
import { Kind, type ConstDirectiveNode, type EnumValueDefinitionNode, type FieldDefinitionNode, type InputValueDefinitionNode, type TypeDefinitionNode, type TypeExtensionNode, type TypeNode } from 'graphql';
import type { FindingCode } from '../../../ops/runtime/schema-finding-codes.js';

/** What a rule may know of the rest of the document. */
export interface LintContext {
  /** Names of types that clients select from: object types, interfaces and unions of the document. */
  readonly composites: ReadonlySet<string>;
  readonly unions: ReadonlySet<string>;
  /** Types with a `@key`. */
  readonly entities: ReadonlySet<string>;
  /** Every named type the document defines. */
  readonly defined: ReadonlySet<string>;
  /** Names of the directives in this document. */
  readonly listSize: string;
}

export interface LintProblem {
  readonly code: FindingCode;
  readonly message: string;
  readonly remedy: string;
}

const PASCAL = /^[A-Z][A-Za-z0-9]*$/;
const CAMEL = /^[a-z][A-Za-z0-9]*$/;
const SCREAMING = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;
const ROOTS: ReadonlySet<string> = new Set(['Query', 'Mutation', 'Subscription']);
/** Verbs that are put last by those who put the noun first. */
const LATE_VERBS: ReadonlySet<string> = new Set(['Create', 'Update', 'Delete', 'Remove', 'Add', 'Set', 'Approve', 'Reject', 'Start', 'Stop', 'Cancel', 'Close', 'Open', 'Submit', 'Publish', 'Assign', 'Grant', 'Revoke', 'Acknowledge', 'Rollback']);
/** Verbs that need no noun. */
const WHOLE_VERBS: ReadonlySet<string> = new Set(['login', 'logout', 'decide']);

/** Rules over a type. Unions explain themselves by their members, and a root type by its fields. */
export function lintType(node: TypeDefinitionNode | TypeExtensionNode): LintProblem[] {
  const name = node.name.value;
  const problems = named(name, PASCAL, 'PascalCase');
  const isDescribed = !('description' in node) || node.description !== undefined || node.kind === Kind.UNION_TYPE_DEFINITION || ROOTS.has(name);
  if (!isDescribed) problems.push(undescribed(name));
  return problems;
}

/** Rules over a field that clients select. */
export function lintField(typeName: string, field: FieldDefinitionNode, context: LintContext): LintProblem[] {
  const name = `${typeName}.${field.name.value}`;
  const problems = [...named(field.name.value, CAMEL, 'camelCase', name), ...deprecated(name, field.directives), ...lists(name, typeName, field, context)];
  if (field.description === undefined) problems.push(undescribed(name));
  if (typeName === 'Mutation') problems.push(...mutation(field, context));
  if (typeName === 'Subscription' && !takes(field, 'after')) problems.push({ code: 'SUBSCRIPTION_CURSOR_MISSING', message: `${name} takes no cursor, so that a client which lost its connection cannot resume.`, remedy: 'Add the argument `after: Cursor`.' });
  return problems;
}

/** Rules over an argument or an input field. @param coordinate of it. */
export function lintInput(coordinate: string, node: InputValueDefinitionNode): LintProblem[] {
  const problems = [...named(node.name.value, CAMEL, 'camelCase', coordinate), ...deprecated(coordinate, node.directives)];
  if (node.description === undefined) problems.push(undescribed(coordinate));
  return problems;
}

/** Rules over a value of an enum. */
export function lintValue(typeName: string, node: EnumValueDefinitionNode): LintProblem[] {
  const name = `${typeName}.${node.name.value}`;
  const problems = [...named(node.name.value, SCREAMING, 'SCREAMING_SNAKE_CASE', name), ...deprecated(name, node.directives)];
  if (node.description === undefined) problems.push(undescribed(name));
  return problems;
}

function mutation(field: FieldDefinitionNode, { defined, unions }: LintContext): LintProblem[] {
  const [name, result] = [field.name.value, namedType(field.type)];
  const words = name.replaceAll(/([A-Z])/g, ' $1').split(' ');
  const problems: LintProblem[] = [];
  if ((words.length === 1 && !WHOLE_VERBS.has(name)) || LATE_VERBS.has(words.at(-1) ?? '')) problems.push({ code: 'MUTATION_NAME', message: `Mutation.${name} is not named verbNoun.`, remedy: 'Say what is done first and to what it is done after it: createChange.' });
  if (!takes(field, 'idempotencyKey')) problems.push({ code: 'IDEMPOTENCY_KEY_MISSING', message: `Mutation.${name} takes no idempotencyKey, so that a retry may do the work twice.`, remedy: 'Add the argument `idempotencyKey: String`.' });
  if (defined.has(result) && !unions.has(result)) problems.push({ code: 'MUTATION_RESULT', message: `Mutation.${name} answers ${result}, which has no place for an expected refusal.`, remedy: 'Answer a union of the payload and the problems.' });
  return problems;
}

/** Lists of what grows with use are asked for by `first`, and the gateway is told what that costs. */
function lists(coordinate: string, typeName: string, field: FieldDefinitionNode, { composites, entities, listSize }: LintContext): LintProblem[] {
  const size = field.directives?.find(({ name }) => name.value === listSize);
  if (takes(field, 'first')) {
    if (size?.arguments?.some(({ name }) => name.value === 'slicingArguments') === true) return [];
    return [{ code: 'LIST_SIZE_MISSING', message: `${coordinate} takes \`first\`, and its cost does not depend on it.`, remedy: `Add @${listSize}(slicingArguments: ["first"]).` }];
  }
  const result = namedType(field.type);
  const grows = ROOTS.has(typeName) ? composites.has(result) : entities.has(result);
  if (!isList(field.type) || !grows || size !== undefined || field.name.value === 'nodes' || field.name.value === 'edges') return [];
  return [{ code: 'LIST_UNBOUNDED', message: `${coordinate} is a list of ${result} without a bound.`, remedy: `Add the argument \`first\` with @${listSize}(slicingArguments: ["first"]), or @${listSize}(assumedSize:) where the list cannot grow.` }];
}

function deprecated(coordinate: string, directives: readonly ConstDirectiveNode[] | undefined): LintProblem[] {
  const found = directives?.find(({ name }) => name.value === 'deprecated');
  const reason = found?.arguments?.find(({ name }) => name.value === 'reason')?.value;
  if (found === undefined || (reason?.kind === Kind.STRING && reason.value.trim() !== '')) return [];
  return [{ code: 'DEPRECATION_REASON_MISSING', message: `${coordinate} is deprecated without a reason.`, remedy: 'Say what to use instead: @deprecated(reason: "Use …").' }];
}

/** Names with two underscores belong to a linked specification, names that begin with one to the machinery. */
function named(name: string, form: RegExp, called: string, coordinate = name): LintProblem[] {
  if (name.includes('__') || name.startsWith('_') || form.test(name)) return [];
  return [{ code: 'NAME_FORM', message: `${coordinate} is not written in ${called}.`, remedy: `Write it in ${called}.` }];
}

function undescribed(coordinate: string): LintProblem {
  return { code: 'DESCRIPTION_MISSING', message: `${coordinate} has no description.`, remedy: 'Describe it: descriptions are the documentation of the API.' };
}

function takes(field: FieldDefinitionNode, argument: string): boolean {
  return field.arguments?.some(({ name }) => name.value === argument) === true;
}

function isList(type: TypeNode): boolean {
  return type.kind === Kind.LIST_TYPE || (type.kind === Kind.NON_NULL_TYPE && isList(type.type));
}

export function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type);
}
