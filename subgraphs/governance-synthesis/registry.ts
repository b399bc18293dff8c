/** Puts the schema registry together: stores, services, the checker, and the routes gateways use. */
import { z } from 'zod';
import { AcgsError } from '../../ops/runtime/errors.js';
import { jsonReply, readJson } from '../../ops/runtime/http-server.js';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import { SCHEMA_FEED_PATH, SCHEMA_USAGE_PATH, type SchemaUsageAnswer } from '../../ops/runtime/schema-activation.js';
import type { HopRoute, SubgraphDeps } from '../kernel/define-subgraph.js';
import { readRegistryConfig } from './config.js';
import { WorkerSchemaChecker } from './ports-schema-checker.js';
import { SchemaReading } from './service-schema-reading.js';
import { SchemaUsageService } from './service-schema-usage.js';
import { SchemaRegistry } from './service-schema.js';
import { loadSigningKey, SCHEMA_KEY } from './signing-key.js';
import { SchemaCheckStore } from './store-schema-checks.js';
import { SchemaUsageStore } from './store-schema-usage.js';
import { SchemaStore } from './store-schema.js';
import type { ChangeStore } from './store.js';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const usageReport = z.object({
  reporter: z.string().min(1).max(64), report: z.number().int().min(1), dropped: z.number().int().min(0), final: z.boolean(),
  operations: z.array(z.object({ hash: digest, name: z.string().max(200).nullable(), text: z.string().max(100_000), coordinates: z.array(z.string().max(400)).max(20_000) })).max(2_000),
  counts: z.array(z.object({ hash: digest, client: z.string().min(1).max(100), count: z.number().int().min(1) })).max(20_000),
});

export interface SchemaRegistryParts {
  readonly registry: SchemaRegistry;
  readonly schemas: SchemaReading;
  readonly usage: SchemaUsageService;
  readonly hopRoutes: Readonly<Record<string, HopRoute>>;
  /** Brings the contracts of this release into force where that is nobody's decision. */
  install(): Promise<void>;
  start(): Stoppable;
}

/** @param ids hands out the numbers of checks. */
export async function buildSchemaRegistry(deps: SubgraphDeps, ids: Pick<ChangeStore, 'nextId'>): Promise<SchemaRegistryParts> {
  const config = readRegistryConfig(deps.environment);
  const parts = { deps, schemas: new SchemaStore(deps.database), checks: new SchemaCheckStore(deps.database) };
  const usage = new SchemaUsageService(deps, new SchemaUsageStore(deps.database), config);
  const checker = new WorkerSchemaChecker({ memoryMb: config.checkMemoryMb, timeoutMs: config.checkTimeoutMs });
  const registry = new SchemaRegistry({ ...parts, ids, usage, checker, key: await loadSigningKey(deps.dataDirectory, SCHEMA_KEY) });
  const schemas = new SchemaReading(parts);
  return {
    registry, schemas, usage,
    hopRoutes: {
      [`GET ${SCHEMA_FEED_PATH}`]: ({ query }) => schemas.feed(query),
      [`POST ${SCHEMA_USAGE_PATH}`]: async (request) => {
        const report = usageReport.safeParse(readJson(request));
        if (!report.success) throw new AcgsError('BAD_REQUEST', `The body is not a report of usage: ${report.error.issues[0]?.path.join('.') ?? ''} ${report.error.issues[0]?.message ?? ''}`);
        return jsonReply(200, await usage.take(report.data) satisfies SchemaUsageAnswer);
      },
    },
    install: () => registry.installRelease(config.install),
    start() {
      const forgetting = usage.start();
      const deaf = schemas.listen();
      return {
        async stop() {
          deaf();
          await forgetting.stop();
          await checker.stop();
        },
      };
    },
  };
}
