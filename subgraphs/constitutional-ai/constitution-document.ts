/** The document a constitution is: its form, its checks, and the one way to read it from JSON. */
import { z } from 'zod';
import { canonicalJson } from '../../ops/runtime/canonical-json.js';
import { compileRule } from '../kernel/rules/compile-rule.js';
import { ATTRIBUTE_TYPES, declare, DeclarationError } from '../kernel/rules/declarations.js';
import { RuleError } from '../kernel/rules/syntax.js';
import { ACTION_KINDS, COMPLIANCE_LEVELS, PRINCIPLE_CATEGORIES, PRINCIPLE_KINDS } from './domain.js';

const attribute = z.strictObject({
  name: z.string(),
  type: z.enum(ATTRIBUTE_TYPES),
  description: z.string().min(1).max(500),
  min: z.number().exactOptional(),
  max: z.number().exactOptional(),
  values: z.array(z.string()).exactOptional(),
});

const principle = z.strictObject({
  id: z.string().regex(/^CP-\d{2,4}$/, 'is CP- and two to four digits'),
  title: z.string().min(1).max(200),
  category: z.enum(PRINCIPLE_CATEGORIES),
  kind: z.enum(PRINCIPLE_KINDS),
  /** Share in the score; above 0, at most 1. */
  weight: z.number().positive().max(1),
  text: z.string().min(1).max(4_000),
  appliesTo: z.array(z.enum(ACTION_KINDS)).min(1),
  attributes: z.array(attribute).min(1),
  rule: z.string(),
});

const threshold = z.number().min(0).max(1);

const constitution = z.strictObject({
  title: z.string().min(1).max(200),
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'is MAJOR.MINOR.PATCH'),
  preamble: z.string().min(1).max(10_000),
  /** Lowest score of each level. */
  thresholds: z.record(z.enum(COMPLIANCE_LEVELS), threshold),
  /** Level each kind of action has to reach. */
  levels: z.record(z.enum(ACTION_KINDS), z.enum(COMPLIANCE_LEVELS)),
  principles: z.array(principle).min(1).max(100),
});

export type ConstitutionDocument = Readonly<z.infer<typeof constitution>>;
export type PrincipleDocument = ConstitutionDocument['principles'][number];
export type AttributeDocument = PrincipleDocument['attributes'][number];

/** A document that is no constitution, or one that could not be evaluated. */
export class ConstitutionError extends Error {
  override readonly name = 'ConstitutionError';
}

/**
 * Reads a constitution: form, declarations, every rule, unique principle ids, one meaning for each attribute name,
 * rising thresholds, and at least one principle for every kind of action, so that nothing passes unexamined.
 * @throws ConstitutionError naming the principle and the place in its rule.
 */
export function parseConstitution(value: unknown): ConstitutionDocument {
  const parsed = constitution.safeParse(value);
  if (!parsed.success) throw new ConstitutionError(`The constitution is malformed: ${z.prettifyError(parsed.error)}`);
  const document = parsed.data;
  const { MINIMUM, POLICY_APPROVAL, PRODUCTION } = document.thresholds;
  if (MINIMUM > POLICY_APPROVAL || POLICY_APPROVAL > PRODUCTION) throw new ConstitutionError('The thresholds do not rise from MINIMUM over POLICY_APPROVAL to PRODUCTION.');
  const ids = new Set<string>();
  const meanings = new Map<string, string>();
  for (const entry of document.principles) {
    if (ids.has(entry.id)) throw new ConstitutionError(`The principle ${entry.id} appears twice.`);
    ids.add(entry.id);
    checkPrinciple(entry, meanings);
  }
  for (const kind of ACTION_KINDS) {
    if (!document.principles.some(({ appliesTo }) => appliesTo.includes(kind))) throw new ConstitutionError(`No principle applies to ${kind}.`);
  }
  return document;
}

function checkPrinciple({ id, attributes, rule }: PrincipleDocument, meanings: Map<string, string>): void {
  try {
    compileRule(rule, declare(attributes));
  } catch (error) {
    if (error instanceof RuleError || error instanceof DeclarationError) throw new ConstitutionError(`Principle ${id}: ${error.message}`, { cause: error });
    throw error;
  }
  for (const declaration of attributes) {
    const meaning = canonicalJson(declaration);
    if ((meanings.get(declaration.name) ?? meaning) !== meaning) throw new ConstitutionError(`Principle ${id} declares ${declaration.name} otherwise than an earlier principle.`);
    meanings.set(declaration.name, meaning);
  }
}
