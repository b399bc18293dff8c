/** The solver process, the translation it is fed with, and what is decided from its answers. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createLogger } from '../../../ops/runtime/logger.js';
import { isPass, PROOF_STATUSES, PROOF_TRANSITIONS, type DecidedStatus, type ProofStatus } from '../../../subgraphs/formal-verification/domain.js';
import type { Solver, SolverAnswer } from '../../../subgraphs/formal-verification/ports.js';
import { Z3Solver } from '../../../subgraphs/formal-verification/ports-z3.js';
import { prove } from '../../../subgraphs/formal-verification/prove.js';
import { REQUIREMENT_PROOFS } from '../../../subgraphs/formal-verification/requirement-proofs.js';
import { checkScript } from '../../../subgraphs/formal-verification/smt-script.js';
import { acceptSubmission } from '../../../subgraphs/formal-verification/submission.js';
import { SmtTranslation } from '../../../subgraphs/formal-verification/translate.js';
import { declare, readValue, type RuleValue } from '../../../subgraphs/kernel/rules/declarations.js';
import { holds } from '../../../subgraphs/kernel/rules/evaluate.js';
import { printRule } from '../../../subgraphs/kernel/rules/print.js';
import { RULE_ATTRIBUTES, ruleInput, ruleTree } from '../../kit/rule-arbitraries.js';
import { until } from '../../kit/until.js';

/** Sums of three cubes: Z3 searches far longer than any test. */
const HARD = '(declare-const x Int)(declare-const y Int)(declare-const z Int)(assert (= (+ (* x x x) (* y y y) (* z z z)) 42))(check-sat)';
const DECLARATIONS = declare(RULE_ATTRIBUTES);
const logger = createLogger('test', 'silent');

let solver: Z3Solver;
beforeAll(() => { solver = new Z3Solver({ memoryMb: 1_024, idleMs: 60_000, logger }); });
afterAll(async () => { await solver.stop(); });

const script = (text: string, ...constants: string[]) => solver.check({ script: text, constants }, 10_000);
const gone = (pid: number | undefined): boolean => {
  try {
    process.kill(pid ?? 0, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
};

describe('the solver process', () => {
  test('answers, gives values, and reports what it does not take instead of going on without it', async () => {
    expect(solver.pid).toBeUndefined();
    expect(await script('(declare-const a Int)(assert (and (> a 5) (< a 5)))(check-sat)')).toEqual({ outcome: 'unsat' });
    expect(solver.version).toMatch(/^Z3 \d/);
    expect(await script('(declare-const a Int)(assert (= (* 2 a) 14))(check-sat)', 'a')).toMatchObject({ outcome: 'sat', values: expect.stringContaining('7') });
    expect(await script('(assert false)(assert (missing))(check-sat)')).toMatchObject({ outcome: 'refused', message: expect.stringMatching(/line 1 column/) });
    expect(await script('(declare-const x Real)(declare-const y Real)(assert (= (^ x y) 3.0))(assert (= (^ y x) 5.0))(check-sat)')).toMatchObject({ outcome: 'unknown' });
  });

  test('solves the text it was given, however long and however often', async () => {
    const long = [...Array.from({ length: 120 }, (_, index) => `(declare-const |v${index}| Int)(assert (> |v${index}| ${index}))`), '(check-sat)'].join('\n');
    for (let round = 0; round < 60; round += 1) expect(await script(long)).toEqual({ outcome: 'sat', values: null });
  });

  test('nothing of one problem reaches the next', async () => {
    await script('(declare-const leak Int)(assert (= leak 1))(check-sat)');
    expect(await script('(assert (= leak 1))(check-sat)')).toMatchObject({ outcome: 'refused' });
  });

  test('is killed when the time is over, and a new one takes the next problem', async () => {
    await script('(check-sat)');
    const { pid } = solver;
    const started = performance.now();
    expect(await solver.check({ script: HARD, constants: [] }, 300)).toEqual({ outcome: 'timeout' });
    expect(performance.now() - started).toBeLessThan(1_500);
    expect(gone(pid)).toBe(true);
    expect(await script('(check-sat)')).toEqual({ outcome: 'sat', values: null });
    expect(solver.pid).not.toBe(pid);
  });

  test('a process that dies in the middle is an error of that problem only', async () => {
    await script('(check-sat)');
    const answer = solver.check({ script: HARD, constants: [] }, 20_000);
    const next = script('(assert false)(check-sat)');
    process.kill(solver.pid ?? 0, 'SIGKILL');
    expect(await answer).toEqual({ outcome: 'crashed', detail: 'The solver process ended with SIGKILL.' });
    expect(await next).toEqual({ outcome: 'unsat' });
  });

  test('ends itself above its memory limit', async () => {
    const small = new Z3Solver({ memoryMb: 64, idleMs: 60_000, logger });
    expect(await small.check({ script: HARD, constants: [] }, 20_000)).toEqual({ outcome: 'memory' });
    await small.stop();
  });

  test('goes when it is idle, and a stop gives work back', async () => {
    const brief = new Z3Solver({ memoryMb: 1_024, idleMs: 50, logger });
    await brief.check({ script: '(check-sat)', constants: [] }, 5_000);
    const { pid } = brief;
    await until(async () => (gone(pid) ? true : undefined));
    const answer = brief.check({ script: HARD, constants: [] }, 60_000);
    await until(async () => (brief.pid === undefined ? undefined : true));
    await brief.stop();
    expect(await answer).toEqual({ outcome: 'stopped' });
  });
});

describe('the translation', () => {
  test('means what the evaluator means', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(ruleTree, ruleInput), { minLength: 40, maxLength: 40 }), async (cases) => {
      const disagreements: string[] = [];
      const parts = cases.map(([tree, input], index) => {
        const translation = new SmtTranslation(DECLARATIONS, `c${index}.`);
        const values = new Map([...DECLARATIONS.values()].map((declaration): [string, RuleValue] => {
          const value = readValue(declaration, input[declaration.name]);
          if (typeof value === 'string') throw new Error(value);
          return [declaration.name, value];
        }));
        disagreements.push(`(not (= ${translation.term(tree).text} ${holds(tree, values)}))`);
        return [translation.declare(), ...[...values].map(([name, value]) => translation.assertValue(name, value))].join('\n');
      });
      // Satisfiable exactly when some case disagrees.
      expect(await script([...parts, `(assert (or ${disagreements.join(' ')}))`, '(check-sat)'].join('\n'))).toEqual({ outcome: 'unsat' });
      expect(await script([...parts, '(check-sat)'].join('\n'))).toEqual({ outcome: 'sat', values: null });
    }), { numRuns: 5 });
  }, 60_000);

  test('every refutation of random rules is replayed in agreement', async () => {
    await fc.assert(fc.asyncProperty(fc.array(ruleTree, { maxLength: 2 }), ruleTree, async (rules, obligation) => {
      const texts = [...rules, obligation].map(printRule);
      fc.pre(texts.every((text) => text.length < 400 && !text.includes(' * ')));
      const proof = await prove({ kind: 'RULE_SET', attributes: RULE_ATTRIBUTES, rules: texts.slice(0, -1), obligation: texts[texts.length - 1] ?? '' }, solver, 10_000);
      expect(proof?.reasonCode).not.toBe('REPLAY_DISAGREES');
      if (proof?.status === 'REFUTED') expect(proof.counterexample?.replay?.obligation.holds).toBe(false);
    }), { numRuns: 25 });
  }, 60_000);
});

describe('proving', () => {
  const attributes = [{ name: 'amount', type: 'DECIMAL', min: 0 }, { name: 'tier', type: 'STRING', values: ['gold', 'basic'] }, { name: 'approved', type: 'BOOL' }] as const;
  const entails = (rules: string[], obligation: string) => prove({ kind: 'RULE_SET', attributes, rules, obligation }, solver, 5_000);

  test.each(Object.entries(REQUIREMENT_PROOFS))('%s holds', async (_id, submission) => {
    const { problem } = acceptSubmission(submission);
    expect(await prove(problem, solver, 5_000)).toEqual({ status: 'PROVED', reasonCode: null, reason: null, counterexample: null });
  });

  test('a gap in the rules is shown with values', async () => {
    const proof = await entails(['approved implies amount <= 1000 or tier = "gold"'], 'approved implies amount <= 1000');
    expect(proof).toMatchObject({ status: 'REFUTED', counterexample: { replay: { rules: [{ holds: true }], obligation: { holds: false } } } });
    expect(proof?.counterexample?.values).toEqual(expect.arrayContaining([{ name: 'tier', type: 'STRING', value: '"gold"' }, { name: 'approved', type: 'BOOL', value: 'true' }]));
  });

  test('bounds of the declarations take part', async () => {
    expect(await entails([], 'amount >= 0')).toMatchObject({ status: 'PROVED' });
    expect(await entails([], 'tier in ["gold", "basic"]')).toMatchObject({ status: 'PROVED' });
    expect(await entails([], 'amount * 3 != 1')).toMatchObject({ status: 'REFUTED', counterexample: { values: expect.arrayContaining([{ name: 'amount', type: 'DECIMAL', value: '1/3' }]) } });
  });

  test('contradictory rules prove nothing, and an irrational counterexample is no refutation', async () => {
    expect(await entails(['amount < 0'], 'approved')).toMatchObject({ status: 'ERROR', reasonCode: 'RULES_CONTRADICTORY' });
    expect(await entails(['amount * amount = 2'], 'approved')).toMatchObject({ status: 'UNKNOWN', reasonCode: 'IRRATIONAL_COUNTEREXAMPLE' });
  });

  test('a solver that lies is found out, and nothing but unsat proves', async () => {
    const lying = (answer: SolverAnswer): Solver => ({ version: 'liar', check: async () => answer, stop: async () => undefined });
    const problem = { kind: 'RULE_SET', attributes, rules: ['amount < 10'], obligation: 'approved' } as const;
    expect(await prove(problem, lying({ outcome: 'sat', values: '((amount 20.0) (tier 0) (approved false))' }), 100)).toMatchObject({ status: 'ERROR', reasonCode: 'REPLAY_DISAGREES' });
    expect(await prove(problem, lying({ outcome: 'sat', values: '((amount (- 1.0)) (tier 0) (approved false))' }), 100)).toMatchObject({ status: 'ERROR', reasonCode: 'REPLAY_DISAGREES' });
    expect(await prove(problem, lying({ outcome: 'sat', values: null }), 100)).toMatchObject({ status: 'ERROR', reasonCode: 'REPLAY_DISAGREES' });
    for (const answer of [{ outcome: 'timeout' }, { outcome: 'memory' }, { outcome: 'unknown', reason: 'incomplete' }, { outcome: 'refused', message: 'no' }, { outcome: 'crashed', detail: 'gone' }] as const) {
      for (const each of [problem, { kind: 'SMT_LIB', script: '(check-sat)' } as const]) {
        const proof = await prove(each, lying(answer), 100);
        expect(isPass(proof?.status ?? 'PENDING')).toBe(false);
        expect(proof?.reasonCode).not.toBeNull();
      }
    }
    expect(await prove(problem, lying({ outcome: 'stopped' }), 100)).toBeNull();
  });

  test('a script is proved by unsat and refuted with the constants in scope at its end', async () => {
    expect(await prove({ kind: 'SMT_LIB', script: '; negated claim\n(declare-const p Bool)(assert (and p (not p)))(check-sat)' }, solver, 5_000)).toMatchObject({ status: 'PROVED' });
    const proof = await prove({ kind: 'SMT_LIB', script: '(declare-fun |a b| () Int)(push 1)(declare-const gone Int)(pop 1)(declare-const v (_ BitVec 8))(assert (= |a b| 3))(assert (= v #x2a))(check-sat)' }, solver, 5_000);
    expect(proof).toEqual({ status: 'REFUTED', reasonCode: null, reason: null, counterexample: { values: [{ name: '|a b|', type: 'Int', value: '3' }, { name: 'v', type: '(_ BitVec 8)', value: '#x2a' }], replay: null } });
  });
});

describe('refused before any solver runs', () => {
  const refusal = (text: string): string => {
    try {
      checkScript(text);
      return 'accepted';
    } catch (error) {
      return (error as Error).message;
    }
  };

  test.each([
    ['(include "/etc/passwd")(check-sat)', 'line 1, column 2: the command include is not allowed'],
    ['(set-option :regular-output-channel "/tmp/x")\n(check-sat)', 'line 1, column 2: the command set-option is not allowed'],
    ['(echo "x")(check-sat)', 'line 1, column 2: the command echo is not allowed'],
    ['(check-sat)\n(exit)', 'line 1, column 1: check-sat comes once, as the last command'],
    ['(check-sat)(check-sat)', 'line 1, column 1: check-sat comes once, as the last command'],
    ['(assert true)', 'line 1, column 14: the last command has to be (check-sat)'],
    ['(assert (and true\n(check-sat)', 'line 1, column 9: this parenthesis is never closed'],
    ['(assert true))(check-sat)', 'line 1, column 14: this parenthesis closes nothing'],
    ['(assert (= "a b)(check-sat)', 'line 1, column 12: a quote that never ends'],
    ['check-sat', 'line 1, column 1: expected a command in parentheses'],
    ['((assert) true)(check-sat)', 'line 1, column 1: expected a command in parentheses'],
    ['(assert true)\u0000(check-sat)', 'line 1, column 14: a character that is no text'],
    ['(pop 1)(check-sat)', 'line 1, column 1: pop without push'],
    ['(push 1000000)(check-sat)', 'line 1, column 1: push takes 0 to 100 levels'],
    ['('.repeat(300), 'line 1, column 201: nested more than 200 deep'],
    [`(assert true)${' '.repeat(65_536)}(check-sat)`, 'line 1, column 1: a script has at most 65536 bytes'],
  ])('%.60s', (text, message) => { expect(refusal(text)).toBe(message); });

  test('a comment or a quoted symbol hides nothing and breaks nothing', () => {
    expect(refusal('; (exit)\n(declare-const |x (exit) y| Bool)(assert |x (exit) y|)(check-sat)')).toBe('accepted');
    expect(refusal('(check-sat) ; done')).toBe('accepted');
  });
});

describe('the state machine of obligations', () => {
  test('decides once, and only PROVED passes', () => {
    fc.assert(fc.property(fc.constantFrom<ProofStatus>(...PROOF_STATUSES), fc.constantFrom<DecidedStatus>('PROVED', 'REFUTED', 'UNKNOWN', 'ERROR'), (from, to) => {
      expect(PROOF_TRANSITIONS.some((transition) => transition.from === from && transition.to === to)).toBe(from === 'PENDING');
      expect(isPass(to)).toBe(to === 'PROVED');
    }));
  });
});
