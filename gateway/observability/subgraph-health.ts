/** Watches the health of the subgraphs, for the status the gateway shows; a sick subgraph never makes the gateway unready. */
import { setTimeout as delay } from 'node:timers/promises';
import type { SubgraphInstance } from '../execution/contracts.js';
import type { ProbeResult } from '../execution/upstream/targets.js';

export interface SubgraphStatus {
  readonly status: 'ready' | 'unready' | 'quarantined' | 'unknown';
  readonly constitutionalHash: string | null;
  readonly url: string | null;
  readonly lastProbe: string | null;
}

export interface HealthDeps {
  readonly services: () => readonly string[];
  /** Throws when every instance of the service is quarantined. */
  readonly instance: (service: string) => SubgraphInstance;
  readonly probe: (instance: SubgraphInstance) => Promise<ProbeResult>;
  /** Milliseconds between rounds; default 5,000. */
  readonly intervalMs?: number;
}

const INTERVAL_MS = 5_000;

export class SubgraphHealth {
  private readonly statuses = new Map<string, SubgraphStatus>();
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly deps: HealthDeps) {}

  start(): void {
    this.running = this.watch();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Status by subgraph as of the last probe. */
  report(): Readonly<Record<string, SubgraphStatus>> {
    return Object.fromEntries(this.deps.services().map((service) => [service, this.statuses.get(service) ?? { status: 'unknown', constitutionalHash: null, url: null, lastProbe: null }]));
  }

  /** Probes every subgraph once. */
  async probeAll(): Promise<void> {
    await Promise.all(this.deps.services().map(async (service) => {
      const instance = this.instanceOrUndefined(service);
      const lastProbe = new Date().toISOString();
      if (instance === undefined) {
        this.statuses.set(service, { status: 'quarantined', constitutionalHash: null, url: null, lastProbe });
        return;
      }
      const { ready, constitutionalHash } = await this.deps.probe(instance);
      this.statuses.set(service, { status: ready ? 'ready' : 'unready', constitutionalHash, url: instance.url, lastProbe });
    }));
  }

  private instanceOrUndefined(service: string): SubgraphInstance | undefined {
    try {
      return this.deps.instance(service);
    } catch (error) {
      // The table refuses to name an instance only when all of them are quarantined.
      if (error instanceof Error && error.name === 'AcgsError') return undefined;
      throw error;
    }
  }

  private async watch(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.probeAll();
      await delay(this.deps.intervalMs ?? INTERVAL_MS, undefined, { signal, ref: false }).catch((error: unknown) => { if (!signal.aborted) throw error; });
    }
  }
}
