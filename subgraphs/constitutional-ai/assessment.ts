/** Judges an action against a constitution: findings, score and verdict; pure and deterministic. */
import { compileRule } from '../kernel/rules/compile-rule.js';
import { declare, readValue, type Declarations } from '../kernel/rules/declarations.js';
import { evaluateRule } from '../kernel/rules/evaluate.js';
import { add, compare, divide, floorTo, rational, rationalOf, type Rational } from '../kernel/rules/rational.js';
import type { ConstitutionDocument, PrincipleDocument } from './constitution-document.js';
import type { ActionKind, ComplianceLevel, Finding, Verdict } from './domain.js';

export interface Assessment {
  readonly level: ComplianceLevel;
  readonly threshold: number;
  /** Share of the applicable weight that is satisfied, 0 to 1, cut to four places. */
  readonly score: number;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  /** The attributes the applicable principles mention, as they were sent. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

const SCORE_PLACES = 4;

/**
 * Judges an action.
 * A violated prohibition decides alone, whatever the score. Where a prohibition or an obligation cannot be evaluated
 * nothing is decided. Otherwise the score, in which only satisfied weight counts, has to reach the level's threshold.
 * @param input the action's attributes; those no principle declares are ignored.
 */
export function assess(document: ConstitutionDocument, actionKind: ActionKind, input: Readonly<Record<string, unknown>>): Assessment {
  const applicable = document.principles.filter(({ appliesTo }) => appliesTo.includes(actionKind));
  const findings = applicable.map((principle) => findingOf(principle, input));
  const level = document.levels[actionKind];
  const threshold = document.thresholds[level];
  const score = scoreOf(findings);
  return {
    level, threshold, findings,
    score: floorTo(score, SCORE_PLACES),
    verdict: verdictOf(findings, compare(score, rationalOf(threshold)) >= 0),
    attributes: attributesOf(applicable, input),
  };
}

function findingOf(principle: PrincipleDocument, input: Readonly<Record<string, unknown>>): Finding {
  const declarations = declare(principle.attributes);
  const evaluation = evaluateRule(compileRule(principle.rule, declarations), declarations, input);
  return {
    code: principle.id, title: principle.title, kind: principle.kind, weight: principle.weight,
    outcome: evaluation.outcome, explanation: evaluation.explanation,
    failedExpression: evaluation.outcome === 'VIOLATED' ? evaluation.failed : null,
  };
}

function scoreOf(findings: readonly Finding[]): Rational {
  const sum = (parts: readonly Finding[]): Rational => parts.reduce((total, { weight }) => add(total, rationalOf(weight)), rational(0n));
  return divide(sum(findings.filter(({ outcome }) => outcome === 'SATISFIED')), sum(findings));
}

function verdictOf(findings: readonly Finding[], reachesThreshold: boolean): Verdict {
  if (findings.some(({ kind, outcome }) => kind === 'PROHIBITION' && outcome === 'VIOLATED')) return 'PROHIBITED';
  if (findings.some(({ kind, outcome }) => kind !== 'GUIDELINE' && outcome === 'INDETERMINATE')) return 'INDETERMINATE';
  return reachesThreshold ? 'COMPLIANT' : 'NON_COMPLIANT';
}

/** Valid values of declared attributes only: whatever else was sent by mistake is not kept. */
function attributesOf(principles: readonly PrincipleDocument[], input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const declarations = declarationsOf(principles);
  const valid = [...declarations.values()].filter((declaration) => Object.hasOwn(input, declaration.name) && typeof readValue(declaration, input[declaration.name]) !== 'string');
  return Object.fromEntries(valid.map(({ name }) => [name, input[name]]));
}

/** One declaration for each name; a constitution gives a name the same meaning everywhere. */
function declarationsOf(principles: readonly PrincipleDocument[]): Declarations {
  return new Map(principles.flatMap(({ attributes }) => attributes.map((declaration) => [declaration.name, declaration] as const)));
}
