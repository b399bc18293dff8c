/** Instances: addresses that may be probed, and the states an instance goes through; pure. */
import type { ProbeOutcome } from './domain-probe.js';

export const INSTANCE_STATES = ['REGISTERED', 'HEALTHY', 'UNHEALTHY', 'RETIRED'] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];
export type InstanceMove = 'pass' | 'fail' | 'relocate' | 'retire';
export type InstanceEventKind = 'InstanceFoundHealthy' | 'InstanceFoundUnhealthy' | 'BaselineRelocated' | 'InstanceRetired';

export interface InstanceTransition {
  readonly by: InstanceMove;
  readonly from: InstanceState;
  readonly to: InstanceState;
  readonly event: InstanceEventKind;
}

/** Every change of state; what is not here does not happen. */
export const INSTANCE_TRANSITIONS: readonly InstanceTransition[] = [
  { by: 'pass', from: 'REGISTERED', to: 'HEALTHY', event: 'InstanceFoundHealthy' },
  { by: 'pass', from: 'UNHEALTHY', to: 'HEALTHY', event: 'InstanceFoundHealthy' },
  { by: 'fail', from: 'REGISTERED', to: 'UNHEALTHY', event: 'InstanceFoundUnhealthy' },
  { by: 'fail', from: 'HEALTHY', to: 'UNHEALTHY', event: 'InstanceFoundUnhealthy' },
  { by: 'relocate', from: 'REGISTERED', to: 'REGISTERED', event: 'BaselineRelocated' },
  { by: 'relocate', from: 'HEALTHY', to: 'REGISTERED', event: 'BaselineRelocated' },
  { by: 'relocate', from: 'UNHEALTHY', to: 'REGISTERED', event: 'BaselineRelocated' },
  { by: 'retire', from: 'REGISTERED', to: 'RETIRED', event: 'InstanceRetired' },
  { by: 'retire', from: 'HEALTHY', to: 'RETIRED', event: 'InstanceRetired' },
  { by: 'retire', from: 'UNHEALTHY', to: 'RETIRED', event: 'InstanceRetired' },
];

/** Probes in a row that must fail before an instance counts as unhealthy. */
export const FAILURES_UNTIL_UNHEALTHY = 3;

/** An alias and not an interface: events carry it as JSON. */
export type Instance = {
  readonly id: string;
  readonly serviceId: string;
  /** Origin: scheme, host and port. */
  readonly url: string;
  readonly version: string;
  readonly state: InstanceState;
  readonly baseline: boolean;
  readonly revision: number;
  readonly registeredById: string;
  /** ISO 8601. */
  readonly registeredAt: string;
  readonly retiredAt: string | null;
  readonly constitutionalHash: string;
};

export type ProbeRecord = {
  /** ISO 8601. */
  readonly probedAt: string;
  readonly latencyMs: number;
  readonly outcome: ProbeOutcome;
  readonly consecutiveFailures: number;
};

export type ProbedInstance = Instance & { readonly probe: ProbeRecord | null };

/** The transition a move makes from a state; null when it makes none. */
export function instanceTransition(from: InstanceState, by: InstanceMove): InstanceTransition | null {
  return INSTANCE_TRANSITIONS.find((transition) => transition.from === from && transition.by === by) ?? null;
}

/** The instance after a move. @throws RangeError when the state does not allow it. */
export function moveInstance<I extends Instance>(instance: I, by: InstanceMove, at: string): I {
  const transition = instanceTransition(instance.state, by);
  if (transition === null) throw new RangeError(`Instance ${instance.id} cannot ${by} while it is ${instance.state}.`);
  return { ...instance, state: transition.to, revision: instance.revision + 1, retiredAt: transition.to === 'RETIRED' ? at : null };
}

/** The record a probe leaves, and the move it causes. */
export function takeProbe(state: InstanceState, before: ProbeRecord | null, outcome: ProbeOutcome, latencyMs: number, at: string): { record: ProbeRecord; move: 'pass' | 'fail' | null } {
  const consecutiveFailures = outcome === 'HEALTHY' ? 0 : (before?.consecutiveFailures ?? 0) + 1;
  const wanted = outcome === 'HEALTHY' ? 'pass' : consecutiveFailures >= FAILURES_UNTIL_UNHEALTHY ? 'fail' : null;
  const move = wanted === null || instanceTransition(state, wanted) === null ? null : wanted;
  return { record: { probedAt: at, latencyMs, outcome, consecutiveFailures }, move };
}

export type UrlVerdict = { readonly url: string } | { readonly problem: string };

const URL_LENGTH = 255;

/**
 * Decides whether an address may be probed: http or https, a host of the allow-list, nothing but scheme, host and port, and
 * written in the one form the URL standard gives it, so that no other spelling of a host slips through.
 * @param allowedHosts lower-case host names and addresses; IPv6 without brackets.
 */
export function checkInstanceUrl(text: string, allowedHosts: readonly string[]): UrlVerdict {
  const form = 'An instance is addressed by scheme, host and port alone, for example http://127.0.0.1:8105';
  if (text.length > URL_LENGTH || !/^[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return { problem: `${form}.` };
  const { protocol, origin, hostname, username, password } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return { problem: 'An instance is reached by http or https.' };
  if (username !== '' || password !== '' || text.includes('@')) return { problem: 'Credentials do not belong into an address.' };
  if (text !== origin && text !== `${origin}/`) return { problem: `${form}, and written as a browser would.` };
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  if (!allowedHosts.includes(host)) return { problem: `The host ${host} is not on the installation's allow-list.` };
  return { url: origin };
}
