/** What alerts and incidents are read against: services, alert rules and escalation policies, which only the seed writes. */
import type { AlertRule } from './domain-alerts.js';
import type { EscalationPolicy } from './domain-escalation.js';
import type { Severity } from './domain-incidents.js';
import { ServiceNames, type Service } from './domain-services.js';

export interface Reference {
  readonly services: readonly Service[];
  readonly names: ServiceNames;
  readonly rules: ReadonlyMap<string, AlertRule>;
  readonly escalation: ReadonlyMap<string, EscalationPolicy>;
}

export interface ReferenceSources {
  readonly services: () => Promise<Service[]>;
  readonly rules: () => Promise<AlertRule[]>;
  readonly escalation: () => Promise<EscalationPolicy[]>;
}

/** Reads the reference data once it is there and keeps it. */
export class ReferenceData {
  private known: Reference | undefined;

  constructor(private readonly sources: ReferenceSources) {}

  async get(): Promise<Reference> {
    if (this.known !== undefined) return this.known;
    const [services, rules, escalation] = await Promise.all([this.sources.services(), this.sources.rules(), this.sources.escalation()]);
    const reference: Reference = {
      services, names: new ServiceNames(services),
      rules: new Map(rules.map((rule) => [rule.name, rule])), escalation: new Map(escalation.map((policy) => [policy.severity, policy])),
    };
    // Before the seed has run there is nothing to keep.
    if (services.length > 0 && escalation.length > 0) this.known = reference;
    return reference;
  }

  /** Reads anew at the next use. */
  forget(): void {
    this.known = undefined;
  }
}

/** @throws Error when the seed has not run. */
export function escalationOf(reference: Reference, severity: Severity): EscalationPolicy {
  const policy = reference.escalation.get(severity);
  if (policy === undefined) throw new Error(`There is no escalation policy for ${severity}; the seed has not run.`);
  return policy;
}
