/** The services of a new installation, their objectives, and who is asked when nobody answers. */
import { SUBGRAPHS, type SubgraphName } from '../../ops/runtime/subgraph-names.js';
import type { EscalationPolicy } from './domain-escalation.js';
import { targetsOf, type Service, type ServiceObjective, type SloComparator, type SloIndicator } from './domain-services.js';

const GATEWAY_PORT = 4000;
const WINDOW_DAYS = 30;

const NAMES: Readonly<Record<SubgraphName | 'gateway', { name: string; aliases: readonly string[] }>> = {
  'gateway': { name: 'Gateway', aliases: ['API Gateway', 'Router'] },
  'auth': { name: 'Auth', aliases: ['Authentication'] },
  'constitutional-ai': { name: 'Constitutional AI', aliases: ['AC', 'Constitutional Compliance'] },
  'integrity': { name: 'Integrity', aliases: ['PGP Assurance'] },
  'formal-verification': { name: 'Formal Verification', aliases: ['FV', 'Feature Validation'] },
  'governance-synthesis': { name: 'Governance Synthesis', aliases: ['GS', 'Governance'] },
  'policy-governance': { name: 'Policy Governance', aliases: ['PGC', 'Policy Generation'] },
  'evolutionary-computation': { name: 'Evolutionary Computation', aliases: ['EC', 'Evolution Control', 'Evolution Oversight', 'Executive Council'] },
};

/** The gateway stands before everything, so it is as critical as the most critical service behind it. */
export const SERVICES: readonly Service[] = [
  { id: 'gateway', ...NAMES.gateway, tier: 1, port: GATEWAY_PORT, targets: targetsOf(1) },
  ...SUBGRAPHS.map(({ name, port, tier }): Service => ({ id: name, ...NAMES[name], tier, port, targets: targetsOf(tier) })),
];

interface Objective {
  readonly indicator: SloIndicator;
  readonly comparator: SloComparator;
  readonly objective: number;
  readonly unit: string;
}

const EVERYWHERE: readonly Objective[] = [
  { indicator: 'COMPONENT_LATENCY_P99', comparator: 'AT_MOST', objective: 5, unit: 'ms' },
  { indicator: 'ERROR_RATE', comparator: 'AT_MOST', objective: 1, unit: 'percent' },
  { indicator: 'HASH_VALIDATION', comparator: 'AT_LEAST', objective: 100, unit: 'percent' },
];

const AT_THE_GATEWAY: readonly Objective[] = [
  { indicator: 'END_TO_END_LATENCY_P99', comparator: 'AT_MOST', objective: 100, unit: 'ms' },
  { indicator: 'THROUGHPUT', comparator: 'AT_LEAST', objective: 100, unit: 'requests/s' },
  { indicator: 'CACHE_HIT_RATE', comparator: 'AT_LEAST', objective: 85, unit: 'percent' },
];

export const OBJECTIVES: readonly ServiceObjective[] = SERVICES.flatMap(({ id, targets }) => [
  { indicator: 'AVAILABILITY', comparator: 'AT_LEAST', objective: targets.availability, unit: 'percent' } satisfies Objective,
  ...EVERYWHERE, ...(id === 'gateway' ? AT_THE_GATEWAY : []),
].map((objective): ServiceObjective => ({ ...objective, id: `${id}:${objective.indicator.toLowerCase().replaceAll('_', '-')}`, serviceId: id, windowDays: WINDOW_DAYS })));

const ACK_MINUTES = 5;
const ASSESS_MINUTES = 10;

/** Response is the upper end of each severity's range, but never later than the resolution is due. */
export const ESCALATION_POLICIES: readonly EscalationPolicy[] = [
  { severity: 'P0', ackMinutes: ACK_MINUTES, assessMinutes: ASSESS_MINUTES, responseMinutes: 15, resolutionMinutes: 15, steps: chain(['on-call', 0], ['engineering-manager', 15], ['vp-engineering', 30], ['cto', 60]) },
  { severity: 'P1', ackMinutes: ACK_MINUTES, assessMinutes: ASSESS_MINUTES, responseMinutes: 30, resolutionMinutes: 60, steps: chain(['on-call', 0], ['team-lead', 15], ['engineering-manager', 30], ['vp-engineering', 60]) },
  { severity: 'P2', ackMinutes: ACK_MINUTES, assessMinutes: ASSESS_MINUTES, responseMinutes: 240, resolutionMinutes: 240, steps: chain(['on-call', 0], ['team-lead', 15], ['engineering-manager', 60]) },
  { severity: 'P3', ackMinutes: ACK_MINUTES, assessMinutes: ASSESS_MINUTES, responseMinutes: 1_440, resolutionMinutes: 1_440, steps: chain(['assigned-engineer', 0], ['team-lead', 15]) },
];

function chain(...steps: ReadonlyArray<readonly [role: string, afterMinutes: number]>): EscalationPolicy['steps'] {
  return steps.map(([role, afterMinutes], index) => ({ level: index + 1, afterMinutes, role }));
}
