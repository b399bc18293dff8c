/** Key figures of incident handling, from sums over a period; pure. */
import type { SloComparator } from './domain-services.js';

export type KpiName = 'MEAN_TIME_TO_DETECT' | 'MEAN_TIME_TO_RESOLVE' | 'ACKNOWLEDGED_IN_TIME' | 'RESOLVED_IN_TIME' | 'RECURRENCE';

export interface KpiValue {
  readonly name: KpiName;
  /** Null when nothing counts. */
  readonly value: number | null;
  readonly unit: string;
  readonly target: number;
  readonly comparator: SloComparator;
  readonly met: boolean | null;
  readonly samples: number;
}

export interface IncidentSums {
  readonly declared: number;
  readonly detectMinutes: number | null;
  readonly resolved: number;
  readonly resolveMinutes: number | null;
  readonly resolvedInTime: number;
  readonly acknowledgeDue: number;
  readonly acknowledgedInTime: number;
  readonly grouped: number;
  readonly recurring: number;
}

interface KpiDefinition {
  readonly name: KpiName;
  readonly unit: 'minutes' | 'percent';
  readonly target: number;
  readonly comparator: SloComparator;
  readonly samples: (sums: IncidentSums) => number;
  readonly value: (sums: IncidentSums) => number | null;
}

const KPIS: readonly KpiDefinition[] = [
  { name: 'MEAN_TIME_TO_DETECT', unit: 'minutes', target: 5, comparator: 'AT_MOST', samples: (sums) => sums.declared, value: (sums) => sums.detectMinutes },
  { name: 'MEAN_TIME_TO_RESOLVE', unit: 'minutes', target: 15, comparator: 'AT_MOST', samples: (sums) => sums.resolved, value: (sums) => sums.resolveMinutes },
  { name: 'ACKNOWLEDGED_IN_TIME', unit: 'percent', target: 100, comparator: 'AT_LEAST', samples: (sums) => sums.acknowledgeDue, value: (sums) => share(sums.acknowledgedInTime, sums.acknowledgeDue) },
  { name: 'RESOLVED_IN_TIME', unit: 'percent', target: 100, comparator: 'AT_LEAST', samples: (sums) => sums.resolved, value: (sums) => share(sums.resolvedInTime, sums.resolved) },
  { name: 'RECURRENCE', unit: 'percent', target: 5, comparator: 'AT_MOST', samples: (sums) => sums.grouped, value: (sums) => share(sums.recurring, sums.grouped) },
];

export function kpisOf(sums: IncidentSums): KpiValue[] {
  return KPIS.map(({ name, unit, target, comparator, samples, value }) => {
    const measured = value(sums);
    const met = measured === null ? null : comparator === 'AT_MOST' ? measured <= target : measured >= target;
    return { name, value: measured, unit, target, comparator, met, samples: samples(sums) };
  });
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : (100 * part) / whole;
}
