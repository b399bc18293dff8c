/** The one table of every verb. A new capability adds its group here. */
import type { Verb, VerbGroup } from '../verb.js';
import { ALERTS } from './alerts.js';
import { CAB, CHANGES, DECISIONS } from './changes.js';
import { DELIVERY, DEPLOYMENTS, INSTANCES, MODELS } from './deployments.js';
import { AUDIT, COMPLIANCE, POLICY, SERVICE, VERIFY } from './governance.js';
import { INCIDENTS } from './incidents.js';
import { ON_CALL, TEAMS } from './on-call.js';
import { KEYS, PEOPLE, ROLES, SESSIONS } from './people.js';
import { SCHEMA } from './schema.js';
import { GENERAL } from './session.js';

/** In the order of help and reference; the first has no noun. */
export const GROUPS: readonly VerbGroup[] = [
  { ...GENERAL, verbs: [...GENERAL.verbs, ...DECISIONS, ...DELIVERY] },
  ALERTS, INCIDENTS, ON_CALL, TEAMS, CHANGES, CAB, DEPLOYMENTS, INSTANCES, MODELS, SERVICE, AUDIT, COMPLIANCE, POLICY, VERIFY, SCHEMA, PEOPLE, ROLES, KEYS, SESSIONS,
];

export const VERBS: readonly Verb[] = GROUPS.flatMap(({ verbs }) => verbs);

/** Mutations of the graph that no verb sends, each with the reason. */
export const MUTATIONS_WITHOUT_VERB: Readonly<Record<string, string>> = {
  refreshSession: 'Every verb refreshes the session by itself before its token ends; a person has no use for it.',
};

/** The group of a noun or of one of its aliases. */
export function nounOf(word: string): VerbGroup | undefined {
  return word === '' ? undefined : GROUPS.find(({ noun, aliases = [] }) => noun === word || aliases.includes(word));
}
