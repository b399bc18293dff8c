/** The governance-synthesis subgraph: change requests, their approvals, the advisory board, maintenance windows and the schema registry. */
import { jsonReply } from '../../ops/runtime/http-server.js';
import { defineSubgraph } from '../kernel/define-subgraph.js';
import { readChangeConfig } from './config.js';
import { GRANT_KEY, loadSigningKey } from './signing-key.js';
import { buildSchemaRegistry } from './registry.js';
import { createResolvers } from './resolvers.js';
import { BoardService } from './service-board.js';
import { ChangeClock } from './service-clock.js';
import { ChangeReading } from './service-reading.js';
import { seedChangeManagement } from './service-seed.js';
import { ChangeService } from './service.js';
import { BoardStore } from './store-board.js';
import { PolicyStore } from './store-policy.js';
import { ChangeStore } from './store.js';

export const governanceSynthesis = defineSubgraph({
  name: 'governance-synthesis',
  build: async (deps) => {
    const { database, dataDirectory, environment } = deps;
    const parts = { deps, changes: new ChangeStore(database), policy: new PolicyStore(database) };
    const boardStore = new BoardStore(database);
    const board = new BoardService(parts, boardStore);
    return {
      config: readChangeConfig(environment), parts, board,
      changes: new ChangeService(parts),
      reading: new ChangeReading(parts, boardStore, await loadSigningKey(dataDirectory, GRANT_KEY)),
      clock: new ChangeClock(parts, board),
      registry: await buildSchemaRegistry(deps, parts.changes),
    };
  },
  resolvers: createResolvers,
  routes: ({ reading }) => ({ 'GET /.well-known/grant-keys.json': () => jsonReply(200, { keys: [reading.keys.publicJwk] }) }),
  hopRoutes: ({ registry }) => registry.hopRoutes,
  start: ({ clock, config, registry }) => {
    const running = [clock.start(config.sweepMs), registry.start()];
    return { stop: async () => { await Promise.all(running.map((part) => part.stop())); } };
  },
  seed: async ({ parts, board, registry }) => {
    await seedChangeManagement(parts, board);
    await registry.install();
  },
});
