/**
 * A schema check in a thread of its own, for whoever may not import the gateway or must be able to stop it.
 *
 * Start it by path (dist/gateway/supergraph/checks/check-worker.js) with the request as `workerData`: it posts one message,
 * a `SchemaCheckAnswer`, and ends. With null it takes each message as a request and answers it, until it is ended. The parent bounds its memory by `resourceLimits` (a thread that needs more
 * ends with ERR_WORKER_OUT_OF_MEMORY) and its time by `terminate()`.
 */
import '../../telemetry-config.js';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import type { SchemaCheckAnswer } from '../../../ops/runtime/schema-check.js';
import { checkSchema } from './check-schema.js';

const subgraphs = z.array(z.object({ name: z.string().min(1), url: z.string(), sdl: z.string() }));
const usage = z.object({
  from: z.string().nullable(), to: z.string().nullable(), dropped: z.number().nonnegative(),
  operations: z.array(z.object({ hash: z.string(), name: z.string().nullable(), text: z.string(), coordinates: z.array(z.string()), clients: z.array(z.object({ client: z.string(), count: z.number() })) })),
});
const requestForm = z.object({
  base: subgraphs, proposed: subgraphs, accepted: z.array(z.string()), approved: z.array(z.string()), now: z.string(), usage: usage.nullable(),
  operations: z.array(z.object({ name: z.string(), text: z.string(), client: z.string() })),
  staleAfterMs: z.number().nonnegative().optional(), minimumCount: z.number().nonnegative().optional(),
});

/** Checks what a parent sent; whatever goes wrong is an answer. */
export function answerTo(data: unknown): SchemaCheckAnswer {
  const request = requestForm.safeParse(data);
  if (!request.success) return { error: { message: `The request of a schema check is malformed: ${z.prettifyError(request.error)}` } };
  try {
    return { report: checkSchema(request.data) };
  } catch (error) {
    return { error: { message: error instanceof Error ? error.message : String(error) } };
  }
}

if (workerData === null) parentPort?.on('message', (data: unknown) => { parentPort?.postMessage(answerTo(data)); });
else parentPort?.postMessage(answerTo(workerData));
