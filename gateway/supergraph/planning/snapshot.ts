/** Makes a snapshot from what the planning worker says of a supergraph, in steps that let the event loop breathe. */
import { setImmediate as breathe } from 'node:timers/promises';
import type { QueryPlan } from '@apollo/query-planner';
import { buildASTSchema, parse, print, type GraphQLSchema } from 'graphql';
import type { PlanningUrgency, SupergraphSnapshot } from '../../execution/contracts.js';
import { indexFromData } from '../directive-data.js';
import type { SupergraphDescription } from './messages.js';

/** Plans GraphQL text for one supergraph. */
export type PlanText = (document: string, operationName: string | undefined, urgency: PlanningUrgency) => Promise<QueryPlan>;

/**
 * Makes a snapshot. No step holds the event loop for longer than parsing or building one schema takes.
 * @param id SHA-256 of `sdl`, hexadecimal.
 */
export async function makeSnapshot(id: string, sdl: string, { apiSdl, supergraphSdl, directives, services }: SupergraphDescription, plan: PlanText): Promise<SupergraphSnapshot> {
  const apiSchema = await schemaOf(apiSdl);
  const supergraphSchema = await schemaOf(supergraphSdl);
  return {
    id, sdl, services, apiSchema, supergraphSchema,
    directives: indexFromData(directives),
    plan: (document, operationName, urgency = 'request') => plan(print(document), operationName, urgency),
  };
}

/** The worker printed it from a schema it had validated, so it is not validated again. */
async function schemaOf(sdl: string): Promise<GraphQLSchema> {
  await breathe();
  const document = parse(sdl, { noLocation: true });
  await breathe();
  return buildASTSchema(document, { assumeValid: true, assumeValidSDL: true });
}
