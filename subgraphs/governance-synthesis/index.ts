/** The governance-synthesis subgraph: change requests, their approvals, the advisory board and maintenance windows. */
import { jsonReply } from '../../ops/runtime/http-server.js';
import { defineSubgraph } from '../kernel/define-subgraph.js';
import { readChangeConfig } from './config.js';
import { loadGrantKeys } from './grant-keys.js';
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
      reading: new ChangeReading(parts, boardStore, await loadGrantKeys(dataDirectory)),
      clock: new ChangeClock(parts, board),
    };
  },
  resolvers: createResolvers,
  routes: ({ reading }) => ({ 'GET /.well-known/grant-keys.json': () => jsonReply(200, { keys: [reading.keys.publicJwk] }) }),
  start: ({ clock, config }) => clock.start(config.sweepMs),
  seed: ({ parts, board }) => seedChangeManagement(parts, board),
});
