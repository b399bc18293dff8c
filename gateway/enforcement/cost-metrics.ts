/** Measures what operations cost: the estimate beside the real cost of every so manieth request, and what was refused. */
import { Counter, Histogram, type Registry } from 'prom-client';
import { AcgsError, type ErrorCode } from '../../ops/runtime/errors.js';
import type { Execute, GatewayAnswer, GatewayRequest, Prepare, PreparedOperation } from '../execution/contracts.js';
import { actualCost, type ActualCost } from './actual-cost.js';
import { costReader, type CostReader } from './cost.js';
import { analyseDocument } from './document-analysis.js';

/** Requests for each one that is measured: reading a response again takes about as long as writing it did. */
const DEFAULT_SAMPLE_EVERY = 128;
const COST_BUCKETS = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];
/** Codes of operations that are refused for what they would cost. */
const REFUSALS: readonly ErrorCode[] = ['QUERY_TOO_COSTLY', 'QUERY_TOO_DEEP', 'QUERY_TOO_LARGE', 'QUERY_TOO_MANY_ALIASES'];

export interface CostMetrics {
  /** Counts what `prepare` refuses for its cost or size. */
  countingRefusals(prepare: Prepare): Prepare;
  /** Counts an error that refuses an operation for its cost or size elsewhere than in `prepare`; others are none of its business. */
  readonly noteRefusal: (error: unknown) => void;
  /** Measures one in so many of the requests that `execute` answers. */
  measuring(execute: Execute): Execute;
}

interface Meter {
  readonly estimate: CostReader;
  readonly actual: ActualCost;
}

/**
 * Registers `acgs_operation_cost_estimated`, `acgs_operation_cost_actual` (both over the same requests) and
 * `acgs_operations_refused_total`.
 * @param sampleEvery requests for each measured one; default 128.
 */
export function createCostMetrics(registry: Registry, sampleEvery = DEFAULT_SAMPLE_EVERY): CostMetrics {
  const registers = [registry];
  const estimated = new Histogram({ name: 'acgs_operation_cost_estimated', help: 'Cost estimated before execution, of the requests that were measured.', buckets: COST_BUCKETS, registers });
  const actual = new Histogram({ name: 'acgs_operation_cost_actual', help: 'Cost counted from the response, of the requests that were measured.', buckets: COST_BUCKETS, registers });
  const refused = new Counter({ name: 'acgs_operations_refused_total', help: 'Operations refused before execution for their cost or size, by code.', labelNames: ['code'], registers });
  for (const code of REFUSALS) refused.inc({ code }, 0);
  const meters = new WeakMap<PreparedOperation, Meter>();
  let requests = 0;

  const noteRefusal = (error: unknown): void => { if (error instanceof AcgsError && REFUSALS.includes(error.code)) refused.inc({ code: error.code }); };
  const measure = (request: GatewayRequest, prepared: PreparedOperation, variables: Readonly<Record<string, unknown>>, { text }: GatewayAnswer): void => {
    let meter = meters.get(prepared);
    if (meter === undefined) meters.set(prepared, meter = meterOf(request, prepared));
    const { data } = JSON.parse(text) as { data?: unknown };
    estimated.observe('static' in meter.estimate ? meter.estimate.static : meter.estimate.of(variables));
    actual.observe(meter.actual.of(data, variables));
  };

  return {
    noteRefusal,
    countingRefusals: (prepare) => (request, source) => {
      try {
        const prepared = prepare(request, source);
        if (!(prepared instanceof Promise)) return prepared;
        return prepared.catch((error: unknown) => { noteRefusal(error); throw error; });
      } catch (error) {
        noteRefusal(error);
        throw error;
      }
    },
    measuring: (execute) => async (request, prepared, variables) => {
      const answer = await execute(request, prepared, variables);
      requests += 1;
      if (requests % sampleEvery === 0) measure(request, prepared, variables, answer);
      return answer;
    },
  };
}

function meterOf({ snapshot: { apiSchema, directives } }: GatewayRequest, { document, operation }: PreparedOperation): Meter {
  const analysis = analyseDocument(apiSchema, directives, document, operation);
  return { estimate: costReader(apiSchema, directives, analysis), actual: actualCost(apiSchema, directives, analysis) };
}
