/** Runs one schema check in a worker thread: the request comes as `workerData`, the answer is one message. */
import { parentPort, workerData } from 'node:worker_threads';
import type { SchemaCheckRequest } from '../../../ops/runtime/schema-check.js';
import { checkSchema } from './check-schema.js';

try {
  parentPort?.postMessage({ report: checkSchema(workerData as SchemaCheckRequest) });
} catch (error) {
  parentPort?.postMessage({ error: { message: error instanceof Error ? error.message : String(error) } });
}
