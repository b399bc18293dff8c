/** The outside world of this subgraph: the health endpoints of instances. */
import { Agent, errors, request } from 'undici';
import type { Logger } from '../../ops/runtime/logger.js';
import { createConnector } from '../../ops/runtime/tls-client.js';
import { readTlsFiles, type TlsFiles } from '../../ops/runtime/tls-files.js';
import { judge, type Expectation, type Judgement, type ProbeResult } from './domain-probe.js';

export interface Prober {
  /**
   * Asks an instance whether it is ready. Never rejects: what goes wrong is the outcome.
   * @param url origin of the instance.
   * @param timeoutMs longest time for the whole answer.
   */
  probe(url: string, expected: Expectation, timeoutMs: number): Promise<ProbeResult>;
}

const MAX_ANSWER_BYTES = 64 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

/** Probes over HTTP: one connection a probe, no redirects, no proxy, a bounded answer. */
export class HttpProber implements Prober {
  private readonly agent: Agent;

  /** @param tls authorities of instances over TLS, read again for each probe; the system's without them. */
  constructor(private readonly logger: Logger, tls?: TlsFiles) {
    this.agent = new Agent({ pipelining: 0, ...(tls === undefined ? {} : { connect: createConnector({ tls: () => readTlsFiles(tls), timeoutMs: CONNECT_TIMEOUT_MS }) }) });
  }

  async probe(url: string, expected: Expectation, timeoutMs: number): Promise<ProbeResult> {
    const started = performance.now();
    const judgement = await this.ask(url, expected, timeoutMs);
    return { ...judgement, latencyMs: Math.round((performance.now() - started) * 1_000) / 1_000 };
  }

  private async ask(url: string, expected: Expectation, timeoutMs: number): Promise<Judgement> {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const { statusCode, body } = await request(new URL('/health/ready', url), { method: 'GET', headers: { accept: 'application/json' }, dispatcher: this.agent, signal, reset: true });
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) return { outcome: 'MALFORMED', reportedHash: null };
        chunks.push(chunk);
      }
      return judge(statusCode, Buffer.concat(chunks).toString('utf8'), expected);
    } catch (error) {
      this.logger.debug({ err: error, url }, 'A probe failed');
      const late = signal.aborted || error instanceof errors.ConnectTimeoutError || error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
      return { outcome: late ? 'TIMED_OUT' : 'UNREACHABLE', reportedHash: null };
    }
  }
}
