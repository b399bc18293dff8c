/** Holds a subgraph to its marks: the resolver of a field that is the same for everyone is not told who asks. */
import { isObjectType, valueFromASTUntyped, type ConstDirectiveNode, type GraphQLFieldResolver, type GraphQLObjectType, type GraphQLSchema } from 'graphql';
import type { SubgraphContext } from './context.js';

type Resolve = GraphQLFieldResolver<unknown, SubgraphContext>;
type ResolveReference = (reference: unknown, context: SubgraphContext, info: unknown) => unknown;

/**
 * Gives every resolver whose answer the gateway may share (`@impersonal`, public `@cacheControl`) a context that throws when
 * the principal is read, also the resolvers of references and of streams. Fields without a resolver of their own are left
 * as they are: they read a property. Call it before `guardFields`, whose guards must know the principal.
 */
export function hidePrincipalFromMarked(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    // A mark on an interface speaks for the types that implement it.
    const whole = [type, ...type.getInterfaces()];
    const allMarked = whole.some(({ astNode, extensionASTNodes }) => [astNode, ...extensionASTNodes].some((node) => isMarked(node?.directives)));
    const marked = Object.values(type.getFields()).filter(({ name }) => allMarked || whole.some((one) => isMarked(one.getFields()[name]?.astNode?.directives)));
    for (const field of marked) {
      if (field.resolve !== undefined) field.resolve = impersonally(field.resolve);
      if (field.subscribe !== undefined) field.subscribe = impersonally(field.subscribe);
    }
    if (marked.length > 0) hideFromReferences(type);
  }
}

function impersonally(resolve: Resolve): Resolve {
  return (source, args, context, info) => resolve(source, args, context.impersonal, info);
}

/** A mark on a field covers the resolving of references to its entity. */
function hideFromReferences(type: GraphQLObjectType): void {
  const apollo = type.extensions['apollo'] as { readonly subgraph?: { readonly resolveReference?: ResolveReference } } | undefined;
  const resolve = apollo?.subgraph?.resolveReference;
  if (resolve === undefined) return;
  const resolveReference: ResolveReference = (reference, context, info) => resolve(reference, context.impersonal, info);
  type.extensions = { ...type.extensions, apollo: { ...apollo, subgraph: { ...apollo?.subgraph, resolveReference } } };
}

function isMarked(directives: readonly ConstDirectiveNode[] | undefined): boolean {
  return (directives ?? []).some(({ name, arguments: given }) => {
    if (name.value === 'impersonal') return true;
    const scope = given?.find((argument) => argument.name.value === 'scope')?.value;
    return name.value === 'cacheControl' && (scope === undefined || valueFromASTUntyped(scope) === 'PUBLIC');
  });
}
