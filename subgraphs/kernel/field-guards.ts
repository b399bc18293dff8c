/** Second line of defence: a subgraph checks its own @authenticated, @requiresScopes, @policy and @constitutional before a resolver runs. */
import { defaultFieldResolver, isObjectType, valueFromASTUntyped, type ConstDirectiveNode, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { SubgraphContext } from './context.js';

type Guard = (context: SubgraphContext) => void;

/** Wraps every guarded field of the schema; the gateway refuses first, this holds when someone gets past it. */
export function guardFields(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    const typeGuards = guardsOf([type.astNode, ...type.extensionASTNodes].flatMap((node) => node?.directives ?? []));
    for (const field of Object.values(type.getFields())) {
      const guards = [...typeGuards, ...guardsOf(field.astNode?.directives ?? [])];
      if (guards.length === 0) continue;
      field.resolve = guarded(field.resolve ?? defaultFieldResolver, guards);
      if (field.subscribe !== undefined) field.subscribe = guarded(field.subscribe, guards);
    }
  }
}

function guarded(resolve: GraphQLFieldResolver<unknown, SubgraphContext>, guards: readonly Guard[]): GraphQLFieldResolver<unknown, SubgraphContext> {
  return (source, args, context, info) => {
    for (const guard of guards) guard(context);
    return resolve(source, args, context, info);
  };
}

function guardsOf(directives: readonly ConstDirectiveNode[]): Guard[] {
  return directives.flatMap((directive): Guard[] => {
    switch (directive.name.value) {
      case 'authenticated':
        return [(context) => { context.requirePrincipal(); }];
      case 'requiresScopes':
        return [anyOf(lists(directive, 'scopes'), (context) => context.requirePrincipal().scopes, 'scopes')];
      case 'policy':
        return [anyOf(lists(directive, 'policies'), (context) => context.requirePrincipal().policies, 'policies')];
      case 'constitutional':
        return argument(directive, 'level') === 'CRITICAL' ? [requireHash] : [];
      default:
        return [];
    }
  });
}

function requireHash(context: SubgraphContext): void {
  if (!context.hop.hashPresented) throw new AcgsError('CONSTITUTIONAL_HASH_REQUIRED');
}

function anyOf(alternatives: readonly (readonly string[])[], held: (context: SubgraphContext) => readonly string[], what: string): Guard {
  return (context) => {
    const has = held(context);
    if (!alternatives.some((all) => all.every((name) => has.includes(name)))) {
      throw new AcgsError('FORBIDDEN', `This needs the ${what} ${alternatives.map((all) => all.join(' and ')).join(', or ')}.`);
    }
  };
}

function lists(directive: ConstDirectiveNode, name: string): string[][] {
  return argument(directive, name) as string[][];
}

function argument(directive: ConstDirectiveNode, name: string): unknown {
  const node = directive.arguments?.find((candidate) => candidate.name.value === name);
  return node === undefined ? undefined : valueFromASTUntyped(node.value);
}
