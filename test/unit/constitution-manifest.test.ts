/** Gate 2: a process runs only under a manifest that holds in every respect. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { constitutionDigest, constitutionPaths, ensureGenesisManifest, labelOfDigest, loadManifest, signManifest, verifyManifest, type ManifestBody } from '../../ops/runtime/constitution-manifest.js';

const LABEL = 'cdd01ef066bc6cf2';
const CONSTITUTION = { title: 'Test', principles: [{ id: 'p1', weight: 0.2 }] };
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acgs-manifest-'));
  ensureGenesisManifest(folder, LABEL, CONSTITUTION, new Date('2025-07-07T00:00:00Z'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = (): string => readFileSync(constitutionPaths(folder).manifest, 'utf8');
const sign = (change: Partial<ManifestBody>): string => {
  const { signature: _signature, ...body } = JSON.parse(text()) as ManifestBody & { signature: string };
  return JSON.stringify(signManifest({ ...body, ...change }, createPrivateKey(readFileSync(constitutionPaths(folder).privateKey))));
};
const trusted = (): KeyObject => createPublicKey(readFileSync(constitutionPaths(folder).publicKey));
const check = (manifest: string, seen = 0): unknown => {
  const { publicKey } = generateKeyPairSync('ed25519');
  expect(() => verifyManifest(manifest, { publicKey, genesisLabel: LABEL })).toThrow('not signed by the trusted key');
  return verifyManifest(manifest, { publicKey: trusted(), genesisLabel: LABEL, highestEpochSeen: seen });
};

describe('the manifest', () => {
  test('is made once, the key is private, and a second start leaves it alone', () => {
    const before = text();
    ensureGenesisManifest(folder, LABEL, CONSTITUTION, new Date());
    expect(text()).toBe(before);
    expect(statSync(constitutionPaths(folder).privateKey).mode & 0o077).toBe(0);
    expect(loadManifest(folder, { genesisLabel: LABEL })).toMatchObject({ epoch: 1, active: LABEL, digest: constitutionDigest(CONSTITUTION) });
  });

  test('signed anew it still holds', () => { expect(check(sign({}))).toMatchObject({ active: LABEL }); });

  const next = { ...CONSTITUTION, title: 'Amended' };
  const digest = constitutionDigest(next);
  test.each<[string, () => string, number, string]>([
    ['an altered text', () => text().replace('"Test"', '"Tost"'), 0, 'not signed'],
    ['an altered constitution signed anew', () => sign({ constitution: next }), 0, 'digest is not that'],
    ['another genesis label', () => sign({ active: '608508a9bd224290', accepted: ['608508a9bd224290'] }), 0, 'must accept the label'],
    ['an active label that is not accepted', () => sign({ active: '608508a9bd224290' }), 0, 'not among the accepted'],
    ['an epoch older than one seen', () => sign({}), 2, 'older than epoch 2'],
    ['a later epoch whose label is not its digest', () => sign({ epoch: 2, constitution: next, digest }), 0, 'must accept the label'],
    ['rubbish', () => '{', 0, 'not JSON'],
    ['missing parts', () => '{}', 0, 'malformed'],
  ])('is refused with %s', (_case, make, seen, message) => {
    expect(() => verifyManifest(make(), { publicKey: trusted(), genesisLabel: LABEL, highestEpochSeen: seen })).toThrow(message);
  });

  test('of an amended constitution carries the first 16 digits of its digest', () => {
    const label = labelOfDigest(digest);
    expect(check(sign({ epoch: 2, constitution: next, digest, active: label, accepted: [label, LABEL] }), 1)).toMatchObject({ active: label });
  });

  test('that is missing keeps the process from starting', () => {
    expect(() => loadManifest(join(folder, 'nowhere'), { genesisLabel: LABEL })).toThrow('There is no');
  });
});
