/** Decides a problem with the solver: entailment of rules, or a script; every counterexample of rules is replayed. */
import { compileRule } from '../kernel/rules/compile-rule.js';
import { declare, formatValue, type Declarations, type RuleValue } from '../kernel/rules/declarations.js';
import { holds } from '../kernel/rules/evaluate.js';
import type { RuleNode } from '../kernel/rules/syntax.js';
import type { Counterexample, Problem, ProofDecision, ProofReason } from './domain.js';
import { readModelValue, readPairs } from './model.js';
import type { Solver, SolverAnswer } from './ports.js';
import { printSExpression } from './s-expression.js';
import { checkScript } from './smt-script.js';
import { SmtTranslation } from './translate.js';

/** Shortest time the check of the rules' consistency gets, milliseconds. */
const MIN_REST_MS = 100;
const MAX_VALUE_TEXT = 256;

/** The outcome of a proof; `null` when the solver was stopped under it and it has to be taken up again. */
export type Proof = Omit<ProofDecision, 'solver'> | null;

/** @param timeoutMs longest time of the whole proof, milliseconds. */
export function prove(problem: Problem, solver: Solver, timeoutMs: number): Promise<Proof> {
  return problem.kind === 'RULE_SET' ? proveRules(problem, solver, timeoutMs) : proveScript(problem.script, solver, timeoutMs);
}

async function proveRules(problem: Extract<Problem, { kind: 'RULE_SET' }>, solver: Solver, timeoutMs: number): Promise<Proof> {
  const declarations = declare(problem.attributes);
  const rules = problem.rules.map((rule) => compileRule(rule, declarations));
  const obligation = compileRule(problem.obligation, declarations);
  const translation = new SmtTranslation(declarations);
  const assumptions = [translation.declare(), ...rules.map((rule) => translation.assert(rule))];
  const started = performance.now();
  const answer = await solver.check({
    script: [...assumptions, translation.assert({ kind: 'not', operand: obligation, at: 0 }), '(check-sat)'].join('\n'),
    constants: [...declarations.keys()].map((name) => translation.symbolOf(name)),
  }, timeoutMs);
  if (answer.outcome === 'sat') return refuted(problem, declarations, rules, obligation, translation, answer.values);
  if (answer.outcome !== 'unsat') return undecided(answer);
  const rest = Math.max(MIN_REST_MS, Math.round(timeoutMs - (performance.now() - started)));
  const consistency = await solver.check({ script: [...assumptions, '(check-sat)'].join('\n'), constants: [] }, rest);
  if (consistency.outcome === 'sat') return { status: 'PROVED', reasonCode: null, reason: null, counterexample: null };
  if (consistency.outcome === 'unsat') return failure('ERROR', 'RULES_CONTRADICTORY', 'No values satisfy all the rules, so that everything follows from them; that proves nothing.');
  return undecided(consistency);
}

function refuted(problem: Extract<Problem, { kind: 'RULE_SET' }>, declarations: Declarations, rules: readonly RuleNode[], obligation: RuleNode, translation: SmtTranslation, text: string | null): Proof {
  const list = [...declarations.values()];
  const pairs = list.length === 0 ? [] : readPairs(text ?? '');
  if (pairs === null || pairs.length !== list.length) return failure('ERROR', 'REPLAY_DISAGREES', 'The solver refuted the obligation and gave no values that can be read.');
  const values = new Map<string, RuleValue>();
  for (const [index, declaration] of list.entries()) {
    const read = readModelValue(declaration, pairs[index] ?? { kind: 'atom', text: '', at: 0 }, translation);
    if ('irrational' in read) return failure('UNKNOWN', 'IRRATIONAL_COUNTEREXAMPLE', `The solver refuted the obligation with an irrational ${declaration.name}, which cannot be replayed.`);
    if ('problem' in read) return failure('ERROR', 'REPLAY_DISAGREES', `The solver gave a value outside the declaration: ${read.problem}.`);
    values.set(declaration.name, read.value);
  }
  const replay = {
    rules: problem.rules.map((expression, index) => ({ expression, holds: holds(rules[index] as RuleNode, values) })),
    obligation: { expression: problem.obligation, holds: holds(obligation, values) },
  };
  if (replay.obligation.holds || replay.rules.some((rule) => !rule.holds)) {
    return failure('ERROR', 'REPLAY_DISAGREES', `The evaluator does not agree with the solver where ${list.map(({ name }) => `${name} is ${describe(values.get(name))}`).join(', ')}.`);
  }
  const shown = list.map(({ name, type }) => ({ name, type, value: describe(values.get(name)) }));
  return { status: 'REFUTED', reasonCode: null, reason: null, counterexample: { values: shown, replay } };
}

async function proveScript(script: string, solver: Solver, timeoutMs: number): Promise<Proof> {
  const constants = checkScript(script);
  const answer = await solver.check({ script, constants: constants.map(({ symbol }) => symbol) }, timeoutMs);
  if (answer.outcome === 'unsat') return { status: 'PROVED', reasonCode: null, reason: null, counterexample: null };
  if (answer.outcome !== 'sat') return undecided(answer);
  const pairs = constants.length === 0 ? [] : readPairs(answer.values ?? '');
  const counterexample: Counterexample = {
    values: (pairs ?? []).map((pair, index) => ({ name: constants[index]?.symbol ?? '', type: constants[index]?.sort ?? '', value: printSExpression(pair).slice(0, MAX_VALUE_TEXT) })),
    replay: null,
  };
  return { status: 'REFUTED', reasonCode: null, reason: null, counterexample };
}

function undecided(answer: Exclude<SolverAnswer, { outcome: 'sat' | 'unsat' }>): Proof {
  switch (answer.outcome) {
    case 'stopped': return null;
    case 'timeout': return failure('UNKNOWN', 'TIMEOUT', 'The solver found no answer in time and was ended.');
    case 'memory': return failure('UNKNOWN', 'MEMORY_LIMIT', 'The solver needed more memory than it may have.');
    case 'unknown': return failure('UNKNOWN', 'INCOMPLETE', `The solver cannot tell: ${answer.reason}.`);
    case 'refused': return failure('ERROR', 'SCRIPT_REFUSED', answer.message);
    default: return failure('ERROR', 'SOLVER_CRASHED', answer.detail);
  }
}

function failure(status: 'UNKNOWN' | 'ERROR', reasonCode: ProofReason, reason: string): Proof {
  return { status, reasonCode, reason: reason.slice(0, 1_000), counterexample: null };
}

function describe(value: RuleValue | undefined): string {
  return value === undefined ? 'missing' : formatValue(value);
}
