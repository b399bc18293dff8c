/** The rules of this subgraph hold for whatever is thrown at them: states, addresses, gates, lineage, candidates. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareSemver, formatSemver, isRelease, parseSemver, type Semver } from '../../../subgraphs/evolutionary-computation/domain.js';
import { DEPLOYMENT_STATUSES, DEPLOYMENT_TRANSITIONS, deploymentTransition, moveDeployment, requestDeployment, STEPS_SHOWN, type DeploymentMove } from '../../../subgraphs/evolutionary-computation/domain-deployments.js';
import { checkInstanceUrl, INSTANCE_STATES, INSTANCE_TRANSITIONS, moveInstance, takeProbe, type Instance, type InstanceState, type ProbeRecord } from '../../../subgraphs/evolutionary-computation/domain-instances.js';
import { ancestorsOf, checkDraft, gatesOf, lineageProblem, MODEL_STAGES, type ModelVersion } from '../../../subgraphs/evolutionary-computation/domain-models.js';
import { judge, PROBE_OUTCOMES } from '../../../subgraphs/evolutionary-computation/domain-probe.js';
import { choose, MAX_CANDIDATES, rollbackCandidates, type Predecessor } from '../../../subgraphs/evolutionary-computation/domain-rollback.js';

const AT = '2026-01-01T00:00:00.000Z';
const HASH = 'cdd01ef066bc6cf2';
const ORIGIN = { id: 'DEP-2026-0001', serviceId: 'auth', instanceId: 'i', previousDeploymentId: null, previousInstanceId: null, version: '1.0.0', changeId: 'CHG-1', incidentId: null, grantExpiresAt: AT, requestedById: 'p', constitutionalHash: HASH };
const MOVES = [...new Set(DEPLOYMENT_TRANSITIONS.map(({ by }) => by))];

describe('deployments', () => {
  test('only make the moves of the table, leave one step a move, and keep failure and activation consistent', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(...MOVES), { maxLength: 150 }), (moves: DeploymentMove[]) => {
      let deployment = requestDeployment(ORIGIN, AT);
      let made = 0;
      for (const by of moves) {
        const transition = deploymentTransition(deployment.status, by);
        if (transition === null) {
          expect(() => moveDeployment(deployment, by, AT)).toThrow(RangeError);
          continue;
        }
        deployment = moveDeployment(deployment, by, AT, 'why').after;
        made += 1;
        expect(deployment).toMatchObject({ status: transition.to, revision: made + 1 });
        expect(deployment.steps.at(-1)).toEqual({ position: made + 1, kind: transition.step, detail: 'why', at: AT });
        expect(deployment.steps.length).toBe(Math.min(made + 1, STEPS_SHOWN));
        expect(deployment.failure !== null).toBe(deployment.status === 'FAILED');
        if (['ACTIVE', 'SUPERSEDED', 'ROLLED_BACK'].includes(deployment.status)) expect(deployment.activatedAt).toBe(AT);
      }
    }));
  });

  test('reach every state, and FAILED and ROLLED_BACK are final', () => {
    const reached = new Set(['PENDING', ...DEPLOYMENT_TRANSITIONS.map(({ to }) => to)]);
    expect([...reached].sort()).toEqual([...DEPLOYMENT_STATUSES].sort());
    const leavable = new Set(DEPLOYMENT_TRANSITIONS.map(({ from }) => from));
    expect(DEPLOYMENT_STATUSES.filter((status) => !leavable.has(status))).toEqual(['ROLLED_BACK', 'FAILED']);
    expect(new Set(DEPLOYMENT_TRANSITIONS.map(({ from, by }) => `${from} ${by}`)).size).toBe(DEPLOYMENT_TRANSITIONS.length);
    // Traffic reaches an instance only through a probe or by a restored deployment that had it before.
    expect(DEPLOYMENT_TRANSITIONS.filter(({ to }) => to === 'ACTIVE').map(({ from }) => from).sort()).toEqual(['PROBING', 'SUPERSEDED']);
  });
});

const INSTANCE: Instance = { id: 'i', serviceId: 'auth', url: 'http://127.0.0.1:1', version: '1.0.0', state: 'REGISTERED', baseline: false, revision: 1, registeredById: 'p', registeredAt: AT, retiredAt: null, constitutionalHash: HASH };

describe('instances', () => {
  test('are unhealthy exactly when the last three probes failed, or they have not recovered since', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(...PROBE_OUTCOMES), { minLength: 1, maxLength: 40 }), (outcomes) => {
      let instance = INSTANCE;
      let record: ProbeRecord | null = null;
      for (const [index, outcome] of outcomes.entries()) {
        const taken = takeProbe(instance.state, record, outcome, 1, AT);
        record = taken.record;
        if (taken.move !== null) instance = moveInstance(instance, taken.move, AT);
        const recent = outcomes.slice(Math.max(index - 2, 0), index + 1);
        if (outcome === 'HEALTHY') expect(instance.state).toBe('HEALTHY');
        else if (recent.length === 3 && !recent.includes('HEALTHY')) expect(instance.state).toBe('UNHEALTHY');
        else expect(instance.state).not.toBe('UNHEALTHY');
      }
    }));
  });

  test('stay retired', () => {
    const retired = moveInstance(INSTANCE, 'retire', AT);
    expect(retired).toMatchObject({ state: 'RETIRED', retiredAt: AT, revision: 2 });
    for (const by of ['pass', 'fail', 'relocate', 'retire'] as const) expect(() => moveInstance(retired, by, AT)).toThrow(RangeError);
    for (const outcome of PROBE_OUTCOMES) expect(takeProbe('RETIRED', { probedAt: AT, latencyMs: 1, outcome, consecutiveFailures: 9 }, outcome, 1, AT).move).toBeNull();
    const states: InstanceState[] = INSTANCE_TRANSITIONS.map(({ to }) => to);
    expect([...new Set(states)].sort()).toEqual([...INSTANCE_STATES].sort());
  });
});

describe('addresses', () => {
  const allowed = ['127.0.0.1', 'localhost', '::1', 'auth-2'];

  test.each(['http://127.0.0.1:8105', 'http://localhost:8105/', 'https://auth-2', 'http://[::1]:9000'])('%s may be probed', (url) => {
    expect(checkInstanceUrl(url, allowed)).toEqual({ url: new URL(url).origin });
  });

  test.each([
    'http://169.254.169.254', 'http://metadata.internal', 'http://127.0.0.1.evil.example', 'http://localhost.evil.example:80', 'http://127.0.0.2:1', 'http://0.0.0.0:1', 'http://[::]:1',
    'http://2130706433:1', 'http://0x7f000001:1', 'http://0177.0.0.1:1', 'http://127.1:1', 'http://[::ffff:127.0.0.1]:1', 'http://localhost.:1', 'http://%6c%6fcalhost:1', 'http://ⓛocalhost:1',
    'http://user@127.0.0.1:1', 'http://user:pass@127.0.0.1:1', 'http://@127.0.0.1:1', 'http://127.0.0.1:1@evil.example', 'http://evil.example#@127.0.0.1:1', 'http://127.0.0.1:1\\@evil.example',
    'http://127.0.0.1:1/path', 'http://127.0.0.1:1/?q', 'http://127.0.0.1:1?', 'http://127.0.0.1:1#', 'http://127.0.0.1:1//', 'http://127.0.0.1:1/.', 'http://127.0.0.1:1/%2e', 'http:/127.0.0.1:1', 'http:127.0.0.1:1',
    'HTTP://127.0.0.1:1', 'http://LOCALHOST:1', 'http://127.0.0.1:080', 'http://127.0.0.1:99999', 'http://127.0.0.1:1 ', ' http://127.0.0.1:1', 'http://127.0.0.1\t:1', 'http://127.0.0.1:1\n', 'http://127.0.0.1\u0000:1',
    'file:///etc/passwd', 'ftp://127.0.0.1', 'gopher://127.0.0.1:1', 'javascript:alert(1)', 'data:text/html,x', 'ws://127.0.0.1:1', '//127.0.0.1:1', '127.0.0.1:1', '', `http://127.0.0.1:1/${'a'.repeat(300)}`,
  ])('%j may not', (url) => {
    expect(checkInstanceUrl(url, allowed)).toHaveProperty('problem');
  });

  test('what passes is an allowed host, and nothing but scheme, host and port', () => {
    const piece = fc.constantFrom('http://', 'https://', 'HTTP://', '127.0.0.1', 'localhost', 'evil.example', '@', ':', '8105', '/', '?', '#', '\\', '%', '.', '..', '[', ']', '::1', ' ', '\t', '0x7f.1');
    fc.assert(fc.property(fc.oneof(fc.array(piece, { maxLength: 9 }).map((parts) => parts.join('')), fc.webUrl({ withQueryParameters: true, withFragments: true }), fc.string()), (text) => {
      const verdict = checkInstanceUrl(text, allowed);
      if ('problem' in verdict) return;
      const { hostname, pathname, search, hash, username, password, protocol, origin } = new URL(verdict.url);
      expect(allowed).toContain(hostname.replace(/^\[|\]$/g, ''));
      expect([pathname, search, hash, username, password]).toEqual(['/', '', '', '', '']);
      expect(['http:', 'https:']).toContain(protocol);
      expect([origin, `${origin}/`]).toContain(text);
    }), { numRuns: 2_000 });
  });
});

test('an answer is healthy only when status, service and hash are right, whatever else it says', () => {
  const expected = { serviceId: 'auth', acceptedHashes: [HASH] };
  const healthy = JSON.stringify({ service: 'auth', constitutionalHash: HASH });
  expect(judge(200, healthy, expected)).toEqual({ outcome: 'HEALTHY', reportedHash: HASH });
  fc.assert(fc.property(fc.oneof(fc.constant(200), fc.integer({ min: 100, max: 599 })), fc.oneof(fc.string(), fc.jsonValue().map((value) => JSON.stringify(value)), fc.record({ service: fc.constantFrom('auth', 'integrity', null), constitutionalHash: fc.constantFrom(HASH, HASH.toUpperCase(), 'ffffffffffffffff', [HASH], null) }).map((value) => JSON.stringify(value))), (status, body) => {
    expect(judge(status, body, expected).outcome === 'HEALTHY').toBe(status === 200 && body === healthy);
  }));
});

const semver: fc.Arbitrary<Semver> = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 }), fc.nat({ max: 3 }));

describe('models', () => {
  test('semantic versions keep their text and their order', () => {
    fc.assert(fc.property(semver, semver, (a, b) => {
      expect(parseSemver(formatSemver(a))).toEqual(a);
      expect(Math.sign(compareSemver(a, b))).toBe(-Math.sign(compareSemver(b, a)) + 0);
      expect(compareSemver(a, b) === 0).toBe(formatSemver(a) === formatSemver(b));
      expect(isRelease(formatSemver(a))).toBe(true);
    }));
    for (const text of ['1.0.0-alpha', '1.0.0-0.3.7', '1.0.0+build.5', '1.0.0-rc.1+exp.sha']) expect(isRelease(text)).toBe(true);
    for (const text of ['', '1', '1.0', 'v1.0.0', '1.0.0-', '1.0.0-01', '1.0.0+', '1..0', '1.0.0 ', `1.0.0-${'a'.repeat(80)}`]) expect(isRelease(text)).toBe(false);
  });

  test('a better version never passes fewer gates, and production asks at least what staging does', () => {
    const metrics = fc.record({ accuracy: fc.double({ min: 0, max: 1, noNaN: true }), compliance: fc.double({ min: 0, max: 1, noNaN: true }), p95Seconds: fc.double({ min: 0.001, max: 5, noNaN: true }) });
    fc.assert(fc.property(metrics, metrics, (one, two) => {
      const best = { accuracy: Math.max(one.accuracy, two.accuracy), compliance: Math.max(one.compliance, two.compliance), p95Seconds: Math.min(one.p95Seconds, two.p95Seconds) };
      for (const stage of MODEL_STAGES) {
        const passed = gatesOf(best, stage);
        gatesOf(one, stage).forEach((gate, index) => { if (gate.passed) expect(passed[index]?.passed).toBe(true); });
      }
      gatesOf(one, 'PRODUCTION').forEach((gate, index) => { if (gate.passed) expect(gatesOf(one, 'STAGING')[index]?.passed).toBe(true); });
      expect(gatesOf(one, 'PRODUCTION').every(({ passed }) => passed)).toBe(one.accuracy >= 0.9 && one.compliance >= 0.95 && one.p95Seconds <= 1.5);
    }));
  });

  test('lineage has no cycle, whatever is registered in whatever order', () => {
    const draft = fc.record({ name: fc.constantFrom('a', 'b'), semver, parent: fc.option(fc.nat(), { nil: null }) });
    fc.assert(fc.property(fc.array(draft, { maxLength: 40 }), (drafts) => {
      const versions: ModelVersion[] = [];
      for (const { name, semver: number, parent } of drafts) {
        const parentVersion = parent === null || versions.length === 0 ? null : versions[parent % versions.length] ?? null;
        const checked = checkDraft({ name, version: formatSemver(number), artifactDigest: 'a'.repeat(64), gitCommit: 'b'.repeat(40), parentId: parentVersion?.id ?? null, metrics: { accuracy: 1, compliance: 1, p95Seconds: 1 } });
        if ('problem' in checked || versions.some(({ id }) => id === checked.id)) continue;
        if (parentVersion !== null && lineageProblem({ name, semver: number }, parentVersion) !== null) continue;
        versions.push({ id: checked.id, name, version: formatSemver(number), artifactDigest: 'a'.repeat(64), gitCommit: 'b'.repeat(40), parentId: parentVersion?.id ?? null, metrics: { accuracy: 1, compliance: 1, p95Seconds: 1 }, registeredById: 'p', registeredAt: AT, constitutionalHash: HASH });
      }
      const parentOf = new Map(versions.map(({ id, parentId }) => [id, parentId]));
      for (const { id } of versions) {
        const line = ancestorsOf(id, (one) => parentOf.get(one) ?? null);
        expect(new Set(line).size).toBe(line.length);
        expect(line).not.toContain(id);
      }
    }));
    expect(() => ancestorsOf('a', (id) => (id === 'a' ? 'b' : 'a'))).toThrow(RangeError);
  });
});

test('a rollback chooses the latest earlier instance that is healthy, each once, never the one it leaves', () => {
  const predecessor = fc.record({ instance: fc.nat({ max: 15 }), status: fc.constantFrom('SUPERSEDED' as const, 'ROLLED_BACK' as const, 'FAILED' as const), retired: fc.boolean(), outcome: fc.constantFrom(...PROBE_OUTCOMES) });
  fc.assert(fc.property(fc.array(predecessor, { maxLength: 30 }), fc.nat({ max: 15 }), (rows, from) => {
    const retired = new Map(rows.map(({ instance, retired: gone }) => [instance, gone]));
    const outcomes = new Map(rows.map(({ instance, outcome }) => [instance, outcome]));
    const all: Predecessor[] = rows.map(({ instance, status }, index) => ({ deployment: { id: `d${index}`, status, instanceId: `i${instance}` }, instance: { ...INSTANCE, id: `i${instance}`, state: retired.get(instance) === true ? 'RETIRED' : 'HEALTHY' } }));
    const fit = all.filter(({ deployment, instance }) => deployment.status === 'SUPERSEDED' && instance.state !== 'RETIRED' && instance.id !== `i${from}`);
    const candidates = rollbackCandidates({ instanceId: `i${from}` }, all);
    const ids = candidates.map(({ instance }) => instance.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(candidates.length).toBeLessThanOrEqual(MAX_CANDIDATES);
    for (const candidate of candidates) expect(fit).toContain(candidate);
    expect(candidates[0]).toBe(fit[0]);
    const chosen = choose(candidates.map((candidate) => ({ ...candidate, result: { outcome: outcomes.get(Number(candidate.instance.id.slice(1))) ?? 'UNREACHABLE', latencyMs: 1, reportedHash: HASH } })));
    const first = candidates.find(({ instance }) => outcomes.get(Number(instance.id.slice(1))) === 'HEALTHY');
    expect(chosen?.deployment.id ?? null).toBe(first?.deployment.id ?? null);
  }));
});
