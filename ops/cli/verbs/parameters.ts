/** Parameters that many verbs have. */
import type { Parameter } from '../verb.js';

export const SERVICES = ['auth', 'constitutional-ai', 'integrity', 'formal-verification', 'governance-synthesis', 'policy-governance', 'evolutionary-computation', 'gateway'] as const;
export const SEVERITIES = ['P0', 'P1', 'P2', 'P3'] as const;
export const LEVELS = ['INFO', 'WARNING', 'CRITICAL', 'EMERGENCY'] as const;

/** The page of a list. */
export const PAGE: readonly Parameter[] = [
  { name: 'limit', variable: 'first', type: 'integer', summary: 'How many, 1 to 100; default 20.' },
  { name: 'after', variable: 'after', summary: 'Go on after this cursor.' },
];

export const LIMIT: Parameter = { name: 'limit', variable: 'first', type: 'integer', summary: 'How many, 1 to 100; default 20.' };

export const EXPECTED_VERSION: Parameter = { name: 'expected-version', variable: 'expectedVersion', type: 'integer', summary: 'Version you saw; another one is a conflict.' };

/** A required word that names something. */
export function named(name: string, summary: string, variable: string): Parameter {
  return { name, summary, variable, required: true };
}

/** An option that narrows a list to a service. */
export function ofService(variable = 'serviceId'): Parameter {
  return { name: 'service', variable, summary: 'Only of this service.' };
}

/** A required text. */
export function text(name: string, summary: string, variable: string): Parameter {
  return { name, summary: `${summary} @FILE reads a file, - standard input.`, variable, type: 'content', required: true };
}

/** A text that may be left out. */
export function optionalText(name: string, summary: string, variable: string): Parameter {
  return { ...text(name, summary, variable), required: false };
}
