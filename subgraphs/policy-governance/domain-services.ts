/** Services, what each tier promises, and how an alert's label finds its service; pure. */

/** A service as the graph refers to it. */
export type ServiceReference = { readonly id: string };

export type Tier = 1 | 2 | 3;

export type Service = {
  readonly id: string;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly tier: number;
  readonly port: number;
  readonly targets: ServiceTargets;
};

export type ServiceTargets = {
  readonly availability: number;
  readonly errorBudgetMinutes: number;
  readonly rtoMinutes: number;
  readonly rpoMinutes: number;
  readonly componentLatencyP99Ms: number;
  readonly endToEndLatencyP99Ms: number;
};

export type SloIndicator = 'AVAILABILITY' | 'COMPONENT_LATENCY_P99' | 'END_TO_END_LATENCY_P99' | 'THROUGHPUT' | 'CACHE_HIT_RATE' | 'ERROR_RATE' | 'HASH_VALIDATION';
export type SloComparator = 'AT_LEAST' | 'AT_MOST';

export type ServiceObjective = {
  readonly id: string;
  readonly serviceId: string;
  readonly indicator: SloIndicator;
  readonly comparator: SloComparator;
  readonly objective: number;
  readonly unit: string;
  readonly windowDays: number;
};

const MINUTES_A_MONTH = 30 * 24 * 60;

/** Availability in percent, recovery objectives in minutes. */
const TIERS: Readonly<Record<Tier, { availability: number; rtoMinutes: number; rpoMinutes: number }>> = {
  1: { availability: 99.95, rtoMinutes: 15, rpoMinutes: 0 },
  2: { availability: 99.9, rtoMinutes: 60, rpoMinutes: 5 },
  3: { availability: 99.5, rtoMinutes: 240, rpoMinutes: 15 },
};

/** Downtime a month of 30 days that an availability leaves, in minutes. */
export function errorBudgetMinutes(availability: number): number {
  return Math.round(MINUTES_A_MONTH * (100 - availability)) / 100;
}

/** What a tier promises; latency is promised of every tier alike. */
export function targetsOf(tier: Tier): ServiceTargets {
  const { availability, rtoMinutes, rpoMinutes } = TIERS[tier];
  return { availability, errorBudgetMinutes: errorBudgetMinutes(availability), rtoMinutes, rpoMinutes, componentLatencyP99Ms: 5, endToEndLatencyP99Ms: 100 };
}

/** Finds services by id, name or alias, whatever the case, with or without the usual prefix and suffix. */
export class ServiceNames {
  private readonly ids = new Map<string, string>();

  constructor(services: readonly Pick<Service, 'id' | 'name' | 'aliases'>[]) {
    for (const { id, name, aliases } of services) for (const known of [id, name, ...aliases]) this.ids.set(normalised(known), id);
  }

  /** @returns the service's id, or null when the text names none that is known. */
  find(text: string | undefined): string | null {
    return text === undefined ? null : this.ids.get(normalised(text)) ?? null;
  }
}

function normalised(text: string): string {
  return text.trim().toLowerCase().replaceAll(/[\s_]+/g, '-').replace(/^acgs-/, '').replace(/-service$/, '');
}
