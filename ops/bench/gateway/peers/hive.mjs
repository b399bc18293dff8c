/** Contender: Hive Gateway with its JavaScript planner. */
import { serveHive } from './hive-server.mjs';

serveHive({});
