/** Turns what a client submits into a problem, or refuses it with the place of the mistake; pure. */
import { digestOf } from '../../ops/runtime/canonical-json.js';
import { isSubgraphName, SUBGRAPH_NAMES } from '../../ops/runtime/subgraph-names.js';
import { invalidInput } from '../kernel/refusals.js';
import { compileRule } from '../kernel/rules/compile-rule.js';
import { declare, DeclarationError, type Declarations } from '../kernel/rules/declarations.js';
import { RuleError } from '../kernel/rules/syntax.js';
import { PROOF_LIMITS, type Problem, type ProofAttribute, type ProofKind } from './domain.js';
import { ScriptError } from './s-expression.js';
import { checkScript } from './smt-script.js';

type Optional<T> = T | null | undefined;

export interface RuleSetSubmission {
  readonly attributes: readonly { readonly name: string; readonly type: ProofAttribute['type']; readonly min?: Optional<number>; readonly max?: Optional<number>; readonly values?: Optional<readonly string[]> }[];
  readonly rules: readonly string[];
  readonly obligation: string;
}

export interface Submission {
  readonly kind: ProofKind;
  readonly title: string;
  readonly serviceId?: Optional<string>;
  readonly changeRequestId?: Optional<string>;
  readonly ruleSet?: Optional<RuleSetSubmission>;
  readonly smtLib?: Optional<string>;
  readonly timeoutMs?: Optional<number>;
}

export interface AcceptedSubmission {
  readonly title: string;
  readonly serviceId: string | null;
  readonly changeRequestId: string | null;
  readonly timeoutMs: number;
  readonly problem: Problem;
  /** Hexadecimal SHA-256 of the canonical problem. */
  readonly problemDigest: string;
}

const IDENTIFIER = /^[\x21-\x7e]{1,64}$/;

/** @throws Refusal InvalidInput naming the argument and, inside rules and scripts, line and column. */
export function acceptSubmission(submission: Submission): AcceptedSubmission {
  const { title, serviceId, changeRequestId, timeoutMs } = submission;
  if (title.trim() === '' || title.length > PROOF_LIMITS.title || /\p{Cc}|\p{Cs}/u.test(title)) throw invalidInput(`A title has 1 to ${PROOF_LIMITS.title} printable characters.`, 'input.title');
  if (serviceId !== null && serviceId !== undefined && serviceId !== 'gateway' && !isSubgraphName(serviceId)) throw invalidInput(`There is no service ${JSON.stringify(serviceId)}; one of gateway, ${SUBGRAPH_NAMES.join(', ')}.`, 'input.serviceId');
  if (changeRequestId !== null && changeRequestId !== undefined && !IDENTIFIER.test(changeRequestId)) throw invalidInput('A change request identifier has 1 to 64 printable characters without spaces.', 'input.changeRequestId');
  const limit = timeoutMs ?? PROOF_LIMITS.defaultTimeoutMs;
  if (limit < PROOF_LIMITS.minTimeoutMs || limit > PROOF_LIMITS.maxTimeoutMs) throw invalidInput(`A time limit is ${PROOF_LIMITS.minTimeoutMs} to ${PROOF_LIMITS.maxTimeoutMs} milliseconds.`, 'input.timeoutMs');
  const problem = acceptProblem(submission);
  return { title, serviceId: serviceId ?? null, changeRequestId: changeRequestId ?? null, timeoutMs: limit, problem, problemDigest: digestOf(problem).toString('hex') };
}

function acceptProblem({ kind, ruleSet, smtLib }: Submission): Problem {
  if (kind === 'RULE_SET') {
    if (ruleSet === null || ruleSet === undefined) throw invalidInput('RULE_SET needs a rule set.', 'input.ruleSet');
    if (smtLib !== null && smtLib !== undefined) throw invalidInput('RULE_SET takes no script.', 'input.smtLib');
    return acceptRules(ruleSet);
  }
  if (smtLib === null || smtLib === undefined) throw invalidInput('SMT_LIB needs a script.', 'input.smtLib');
  if (ruleSet !== null && ruleSet !== undefined) throw invalidInput('SMT_LIB takes no rule set.', 'input.ruleSet');
  placed('input.smtLib', () => checkScript(smtLib));
  return { kind, script: smtLib };
}

function acceptRules({ attributes: submitted, rules, obligation }: RuleSetSubmission): Problem {
  if (rules.length > PROOF_LIMITS.rules) throw invalidInput(`A rule set has at most ${PROOF_LIMITS.rules} rules.`, 'input.ruleSet.rules');
  const attributes = submitted.map(({ name, type, min, max, values }): ProofAttribute => ({
    name, type, ...(min === null || min === undefined ? {} : { min }), ...(max === null || max === undefined ? {} : { max }), ...(values === null || values === undefined ? {} : { values: [...values] }),
  }));
  const declarations = placed('input.ruleSet.attributes', () => declare(attributes));
  for (const [index, rule] of rules.entries()) compile(`input.ruleSet.rules[${index}]`, rule, declarations);
  compile('input.ruleSet.obligation', obligation, declarations);
  return { kind: 'RULE_SET', attributes, rules: [...rules], obligation };
}

function compile(field: string, rule: string, declarations: Declarations): void {
  placed(field, () => compileRule(rule, declarations));
}

function placed<T>(field: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DeclarationError) throw invalidInput(error.message, error.index === null ? field : `${field}[${error.index}]`);
    if (error instanceof RuleError || error instanceof ScriptError) throw invalidInput(`${field}: ${error.message}`, field);
    throw error;
  }
}
