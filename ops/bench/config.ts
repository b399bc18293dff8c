/** What the benchmarks read from the environment and the command line. */
import { parseArgs } from 'node:util';

/** Environment the control plane under test inherits. */
export function benchEnvironment(): Record<string, string | undefined> {
  return { ...process.env, ACGS_LOG_LEVEL: 'warn' };
}

/** Benchmarks that run only when they are named: they take long, or install the peers they compare with. */
export const NAMED_BENCHES = ['gateway', 'gateway-soak'] as const;

/** The command line of `npm run bench`. */
export interface BenchArguments {
  /** Names of the benchmarks to run; all but the NAMED_BENCHES when empty. */
  readonly names: readonly string[];
  readonly gateway: GatewayBenchArguments;
}

/** Options of the gateway benchmarks. */
export interface GatewayBenchArguments {
  /** Contenders by name; all when empty. */
  readonly only: readonly string[];
  /** Which graph and operation: the public benchmark's, our dashboard's, or both. */
  readonly graph: 'benchmark' | 'dashboard' | 'both';
  /** Interleaved rounds; default 3, with --quick 1. */
  readonly rounds: number;
  /** Measured time of a round, seconds; default 10, with --quick 3. */
  readonly seconds: number;
  /** Warm-up before the first round, seconds; default 8, with --quick 3. */
  readonly warmupSeconds: number;
  /** Leave out the open loop at half load. */
  readonly quick: boolean;
  /** Instead of measuring, profile our gateway under load and print where the time goes. */
  readonly profile: boolean;
  /** File the raw results go to, as JSON; standard output when absent. */
  readonly out: string | undefined;
  /** Requests of the soak; default 1,000,000. */
  readonly requests: number;
  /** Supergraph swaps during the soak; default 100. */
  readonly swaps: number;
}

/**
 * Reads the command line.
 * @throws TypeError or RangeError naming the option that is not known or malformed.
 */
export function benchArguments(args: readonly string[] = process.argv.slice(2)): BenchArguments {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: {
      only: { type: 'string', default: '' }, graph: { type: 'string', default: 'benchmark' }, rounds: { type: 'string' }, seconds: { type: 'string' }, warmup: { type: 'string' },
      quick: { type: 'boolean', default: false }, profile: { type: 'boolean', default: false }, out: { type: 'string' }, requests: { type: 'string' }, swaps: { type: 'string' },
    },
  });
  const { quick, graph } = values;
  if (graph !== 'benchmark' && graph !== 'dashboard' && graph !== 'both') throw new RangeError('--graph is benchmark, dashboard or both.');
  return {
    names: positionals,
    gateway: {
      only: values.only.split(',').filter((name) => name !== ''), graph, quick, profile: values.profile, out: values.out,
      rounds: positive('rounds', values.rounds, quick ? 1 : 3), seconds: positive('seconds', values.seconds, quick ? 3 : 10), warmupSeconds: positive('warmup', values.warmup, quick ? 3 : 8),
      requests: positive('requests', values.requests, 1_000_000), swaps: positive('swaps', values.swaps, 100),
    },
  };
}

function positive(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new RangeError(`--${name} is a number above 0, not "${text}".`);
  return value;
}
