/** Contender: Hive Gateway with the Rust planner. */
import { unifiedGraphHandler } from '@graphql-hive/router-runtime';
import { serveHive } from './hive-server.mjs';

serveHive({ unifiedGraphHandler });
