/** The genesis constitution and how actions are judged by it, without a database. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../../../ops/runtime/canonical-json.js';
import { constitutionDigest } from '../../../ops/runtime/constitution-manifest.js';
import { assess } from '../../../subgraphs/constitutional-ai/assessment.js';
import { ConstitutionError, parseConstitution, type ConstitutionDocument } from '../../../subgraphs/constitutional-ai/constitution-document.js';
import { ACTION_KINDS, VIOLATION_TRANSITIONS, violationTransition, type ViolationStatus } from '../../../subgraphs/constitutional-ai/domain.js';
import { genesisConstitution } from '../../../subgraphs/constitutional-ai/genesis.js';
import { declare, type AttributeDeclaration } from '../../../subgraphs/kernel/rules/declarations.js';

const GENESIS = genesisConstitution();
const DECLARED = [...new Map(GENESIS.principles.flatMap(({ attributes }) => attributes.map((attribute): [string, AttributeDeclaration] => [attribute.name, attribute]))).values()];

/** Attributes under which every principle is satisfied. */
const EXEMPLARY = {
  constitutional_hash_verified: true, proof_status: 'PROVED', risk_score: 0.2, human_review: true, consultation_hours: 96, turnout: 0.8, explanation_available: true,
  confidence: 0.95, change_published: true, rollback_plan: true, rollback_minutes: 5, rto_minutes: 15, approver_kind: 'HUMAN', approver_is_author: false,
  rights_impact: 'NONE', appeal_available: true, sandbox_passed: true,
};

function valueOf(declaration: AttributeDeclaration): fc.Arbitrary<unknown> {
  const { type, min = 0, max = 100, values = [] } = declaration;
  if (type === 'BOOL') return fc.boolean();
  if (type === 'STRING') return fc.constantFrom(...values);
  return type === 'INT' ? fc.integer({ min, max }) : fc.integer({ min: min * 100, max: max * 100 }).map((value) => value / 100);
}

/** Complete or incomplete inputs. */
const inputs = fc.record(Object.fromEntries(DECLARED.map((declaration) => [declaration.name, valueOf(declaration)])), { requiredKeys: [] });
const kinds = fc.constantFrom(...ACTION_KINDS);

describe('the genesis constitution', () => {
  test('is one document with one digest, whose weights make up the whole and each category its share', () => {
    expect(canonicalJson(genesisConstitution())).toBe(canonicalJson(GENESIS));
    expect(constitutionDigest(genesisConstitution())).toBe(constitutionDigest(GENESIS));
    const shares: Record<string, number> = {};
    for (const { category, weight } of GENESIS.principles) shares[category] = Math.round(((shares[category] ?? 0) + weight) * 1e9) / 1e9;
    expect(shares).toEqual({ PARTICIPATION: 0.2, TRANSPARENCY: 0.2, FIDELITY: 0.25, ACCOUNTABILITY: 0.2, RIGHTS: 0.15 });
    expect(GENESIS.thresholds).toEqual({ MINIMUM: 0.75, POLICY_APPROVAL: 0.85, PRODUCTION: 0.95 });
    expect(canonicalJson(GENESIS)).not.toMatch(/[0-9a-f]{16}/);
  });

  test.each(ACTION_KINDS)('lets an exemplary %s pass with a full score', (kind) => {
    expect(assess(GENESIS, kind, EXEMPLARY)).toMatchObject({ verdict: 'COMPLIANT', score: 1 });
  });

  test.each([
    ['two principles of one id', (document: ConstitutionDocument) => ({ ...document, principles: [...document.principles, document.principles[0]] }), 'CP-01 appears twice'],
    ['a rule that does not parse', (document: ConstitutionDocument) => ({ ...document, principles: document.principles.map((entry) => ({ ...entry, rule: `${entry.rule} and` })) }), 'Principle CP-01: line 1, column 33'],
    ['an action kind nobody covers', (document: ConstitutionDocument) => ({ ...document, principles: document.principles.slice(3, 4) }), 'No principle applies to AUTOMATED_DECISION'],
    ['falling thresholds', (document: ConstitutionDocument) => ({ ...document, thresholds: { MINIMUM: 0.9, POLICY_APPROVAL: 0.8, PRODUCTION: 0.95 } }), 'do not rise'],
    ['an unknown member', (document: ConstitutionDocument) => ({ ...document, backdoor: true }), 'malformed'],
    ['one name with two meanings', (document: ConstitutionDocument) => ({ ...document, principles: document.principles.map((entry) => (entry.id === 'CP-07' ? { ...entry, attributes: entry.attributes.map((attribute) => ({ ...attribute, description: 'Else.' })) } : entry)) }), 'CP-10 declares rollback_plan otherwise'],
  ])('refuses %s', (_name, spoil, message) => {
    expect(() => parseConstitution(spoil(GENESIS))).toThrow(ConstitutionError);
    expect(() => parseConstitution(spoil(GENESIS))).toThrow(message);
  });
});

describe('judging', () => {
  test('is deterministic, bounded, and never passes over a violated prohibition or an undecided duty', () => {
    fc.assert(fc.property(kinds, inputs, (kind, input) => {
      const result = assess(GENESIS, kind, input);
      expect(assess(GENESIS, kind, { ...input })).toEqual(result);
      expect(result.score).toBeGreaterThanOrEqual(0);
      expect(result.score).toBeLessThanOrEqual(1);
      const prohibited = result.findings.some(({ kind: of, outcome }) => of === 'PROHIBITION' && outcome === 'VIOLATED');
      expect(result.verdict === 'PROHIBITED').toBe(prohibited);
      if (result.verdict === 'COMPLIANT') {
        expect(result.score).toBeGreaterThanOrEqual(result.threshold);
        expect(result.findings.filter(({ kind: of }) => of !== 'GUIDELINE').some(({ outcome }) => outcome === 'INDETERMINATE')).toBe(false);
      }
      const missing = result.findings.filter(({ explanation }) => explanation.includes('is missing'));
      expect(missing.every(({ outcome }) => outcome === 'INDETERMINATE')).toBe(true);
    }), { numRuns: 400 });
  });

  test('leaving an attribute out never turns another verdict into COMPLIANT', () => {
    fc.assert(fc.property(kinds, inputs, fc.constantFrom(...DECLARED.map(({ name }) => name)), (kind, input, name) => {
      fc.pre(assess(GENESIS, kind, input).verdict !== 'COMPLIANT');
      const { [name]: _removed, ...rest } = input as Record<string, unknown>;
      expect(assess(GENESIS, kind, rest).verdict).not.toBe('COMPLIANT');
    }), { numRuns: 400 });
  });

  test('a prohibition beats any score', () => {
    const document = { ...GENESIS, principles: GENESIS.principles.map((entry) => (entry.id === 'CP-07' ? { ...entry, weight: 0.0001 } : entry)) };
    const result = assess(document, 'DEPLOYMENT', { ...EXEMPLARY, rollback_minutes: 16 });
    expect(result.score).toBeGreaterThan(0.99);
    expect(result.verdict).toBe('PROHIBITED');
    expect(result.findings.find(({ code }) => code === 'CP-07')).toMatchObject({ outcome: 'VIOLATED', failedExpression: 'rollback_minutes <= rto_minutes' });
  });

  test('compares the score with the threshold exactly: 0.85 of 1 is enough for 0.85', () => {
    const [principle] = GENESIS.principles;
    if (principle === undefined) throw new Error('The constitution has principles.');
    const part = (id: string, weight: number, rule: string) => ({ ...principle, id, weight, rule, kind: 'OBLIGATION' as const });
    const document = { ...GENESIS, principles: [part('CP-01', 0.1, 'true'), part('CP-02', 0.7, 'true'), part('CP-03', 0.05, 'true'), part('CP-04', 0.15, 'false')] };
    expect(assess(document, 'POLICY_CHANGE', {})).toMatchObject({ score: 0.85, verdict: 'COMPLIANT' });
  });

  test('keeps valid declared attributes only', () => {
    const { attributes } = assess(GENESIS, 'CONFIGURATION_CHANGE', { ...EXEMPLARY, password: 'hunter2', rollback_minutes: 'secret', approver_kind: 'nobody we know' });
    expect(attributes).toEqual({ constitutional_hash_verified: true, change_published: true, rollback_plan: true, rto_minutes: 15, approver_is_author: false });
    expect(() => declare(DECLARED)).not.toThrow();
  });
});

describe('the state machine of violations', () => {
  test('follows its table and nothing else, and ends', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('confirm' as const, 'dismiss' as const, 'remediate' as const), { maxLength: 8 }), (actions) => {
      let status: ViolationStatus = 'OPEN';
      let changes = 0;
      for (const action of actions) {
        const transition = violationTransition(action, status);
        expect(transition === null).toBe(!VIOLATION_TRANSITIONS.some(({ by, from }) => by === action && from === status));
        if (transition === null) continue;
        status = transition.to;
        changes += 1;
      }
      expect(changes).toBeLessThanOrEqual(2);
      if (status === 'DISMISSED' || status === 'REMEDIATED') expect(VIOLATION_TRANSITIONS.some(({ from }) => from === status)).toBe(false);
    }));
  });
});
