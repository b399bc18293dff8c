// lawful
import type { SubgraphContext } from '../kernel/context.js';
import type { Resolvers } from './__generated__/resolvers.js';
import { decide } from './service.js';
export const resolvers = (context: SubgraphContext): Resolvers => decide(context);
