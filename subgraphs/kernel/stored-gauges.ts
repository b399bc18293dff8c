/** Gauges over stored rows: read when somebody looks, and not again for a while. */
import { Gauge, type Registry } from 'prom-client';
import type { Logger } from '../../ops/runtime/logger.js';

/** One series: the labels' values in the order of the gauge's names, and its value. */
export type StoredValue<L extends string> = { readonly labels: Readonly<Record<L, string>>; readonly value: number };

export interface StoredGauge<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly L[];
  /** Every series there is now; those that are left out disappear. At most 100 are kept. */
  readonly read: () => Promise<readonly StoredValue<L>[]>;
  /** How long a reading is good for, milliseconds; default 1,000. */
  readonly goodForMs?: number;
}

export interface StoredGaugeDeps {
  readonly registry: Registry;
  readonly logger: Logger;
}

/** Several scrapers ask the database once. */
const GOOD_FOR_MS = 1_000;
const MAX_SERIES = 100;

/** Registers a gauge. While its rows cannot be read it has no series: no value is better than an old one. */
export function storedGauge<L extends string>({ registry, logger }: StoredGaugeDeps, { name, help, labelNames, read, goodForMs = GOOD_FOR_MS }: StoredGauge<L>): void {
  let readAt = -Infinity;
  void new Gauge<string>({
    name, help, labelNames: [...labelNames], registers: [registry],
    async collect() {
      if (performance.now() - readAt < goodForMs) return;
      readAt = performance.now();
      try {
        const values = await read();
        this.reset();
        for (const { labels, value } of values.slice(0, MAX_SERIES)) this.set({ ...labels }, value);
      } catch (error) {
        this.reset();
        logger.warn({ err: error, metric: name }, 'A metric over stored rows could not be read');
      }
    },
  });
}
