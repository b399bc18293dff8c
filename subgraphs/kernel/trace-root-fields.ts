/** Gives the resolver of each root field a span of its own; applied only while traces are on. */
import { defaultFieldResolver, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';
import { within } from '../../ops/runtime/tracing.js';
import type { SubgraphContext } from './context.js';

/** Wraps the fields of Query, `_entities` among them, and of Mutation. Call it last, so that guards run inside the span. */
export function traceRootFields(schema: GraphQLSchema): void {
  for (const type of [schema.getQueryType(), schema.getMutationType()]) {
    for (const field of Object.values(type?.getFields() ?? {})) field.resolve = traced(`resolve ${type?.name}.${field.name}`, field.resolve ?? defaultFieldResolver);
  }
}

function traced(name: string, resolve: GraphQLFieldResolver<unknown, SubgraphContext>): GraphQLFieldResolver<unknown, SubgraphContext> {
  return (source, args, context, info) => {
    if (context.span === undefined) return resolve(source, args, context, info);
    const span = context.span.child(name);
    return within(span, async () => resolve(source, args, context.under(span), info));
  };
}
