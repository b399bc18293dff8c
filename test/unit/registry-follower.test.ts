/** The gateway serves what the schema registry signed, and nothing else. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pino from 'pino';
import { Registry } from 'prom-client';
import { SignJWT } from 'jose';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { SCHEMA_KEY_FILE, type SchemaFeedAnswer } from '../../ops/runtime/schema-activation.js';
import { CompositionError } from '../../gateway/supergraph/composition-error.js';
import { ActivationRefused, RegistryFollower } from '../../gateway/supergraph/registry-follower.js';
import { signActivation } from '../../subgraphs/governance-synthesis/activation-token.js';
import { loadSigningKey, SCHEMA_KEY, type SigningKey } from '../../subgraphs/governance-synthesis/signing-key.js';

const SERVED = sha256Hex('the one that is served');
const TEXT = 'another supergraph';
const VERSION = sha256Hex(TEXT);

let folder: string;
let key: SigningKey;
let answer: SchemaFeedAnswer;
let swapped: string[];
let asked: Array<Readonly<Record<string, string>>>;
let refuse: Error | undefined;
let metrics: Registry;
let time: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'acgs-follower-'));
  key = await loadSigningKey(folder, SCHEMA_KEY);
  swapped = [];
  asked = [];
  refuse = undefined;
  metrics = new Registry();
  time = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const signed = (number: number, versionId = VERSION, by = key): Promise<string> =>
  signActivation(by, { number, versionId, kind: 'PUBLICATION', reason: 'r', activatedById: 'ci', activatedAt: '2026-03-02T10:00:00.000Z', constitutionalHash: 'cdd01ef066bc6cf2' }, { setDigest: 'a'.repeat(64) }, []);

function follower(): RegistryFollower {
  return new RegistryFollower({
    call: (_service, { query = {} }) => {
      asked.push(query);
      return Promise.resolve({ status: 200, body: answer });
    },
    dataDirectory: folder, served: () => swapped.at(-1) ?? SERVED, registry: metrics, logger: pino({ level: 'silent' }), now: () => time,
    swap: (sdl) => {
      if (refuse !== undefined) return Promise.reject(refuse);
      swapped.push(sha256Hex(sdl));
      return Promise.resolve();
    },
  });
}
const outcomes = async (): Promise<Record<string, number>> => Object.fromEntries((await metrics.getSingleMetric('acgs_schema_activations_total')?.get())?.values.map(({ labels, value }) => [labels['outcome'], value]) ?? []);

describe('an activation', () => {
  test('that the registry signed is served once, and asked past from then on', async () => {
    answer = { number: 3, versionId: VERSION, token: await signed(3), supergraphSdl: TEXT };
    const registry = follower();
    expect(await registry.poll(500)).toBe('served');
    expect(await registry.poll(500)).toBe('unchanged');
    expect(swapped).toEqual([VERSION]);
    expect(asked).toEqual([{ after: '0', have: SERVED, wait: '500' }, { after: '3', have: VERSION, wait: '500' }]);
    expect(await outcomes()).toEqual({ served: 1, refused: 0 });
  });

  test('of what is served already needs no text', async () => {
    answer = { number: 1, versionId: SERVED, token: await signed(1, SERVED), supergraphSdl: null };
    expect(await follower().poll(0)).toBe('served');
    expect(swapped).toEqual([]);
  });

  test('that is not what the registry signed is refused', async () => {
    const otherFolder = mkdtempSync(join(tmpdir(), 'acgs-follower-'));
    try {
      const stranger = await loadSigningKey(otherFolder, SCHEMA_KEY);
      const good = await signed(3);
      const [head, , signature] = good.split('.');
      const [, claims] = (await signed(4)).split('.');
      const forGrants = await new SignJWT({ number: 3, setDigest: 'a'.repeat(64), constitutionalHash: 'x' }).setProtectedHeader({ alg: 'EdDSA' }).setIssuer('acgs-schema-registry').setAudience('evolutionary-computation').setSubject(VERSION).sign(key.privateJwk);
      const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1] ?? ''}.`;
      const attacks: Array<[string, Partial<SchemaFeedAnswer>]> = [
        ['another key', { token: await signed(3, VERSION, stranger) }],
        ['no signature', { token: none }],
        ['claims of another activation', { token: `${head ?? ''}.${claims ?? ''}.${signature ?? ''}` }],
        ['another audience', { token: forGrants }],
        ['another number', { token: await signed(2) }],
        ['another version', { token: await signed(3, SERVED) }],
        ['another text', { supergraphSdl: `${TEXT} ` }],
        ['no text', { supergraphSdl: null }],
      ];
      for (const [, attack] of attacks) {
        answer = { number: 3, versionId: VERSION, token: good, supergraphSdl: TEXT, ...attack };
        const registry = follower();
        await expect(registry.poll(0)).rejects.toThrow(ActivationRefused);
        expect(await registry.poll(0)).toBe('refused');
        expect(await outcomes()).toEqual({ served: 0, refused: 1 });
        metrics = new Registry();
      }
      expect(swapped).toEqual([]);
    } finally {
      rmSync(otherFolder, { recursive: true, force: true });
    }
  });

  test('that is older than one that is known is refused', async () => {
    answer = { number: 5, versionId: VERSION, token: await signed(5), supergraphSdl: TEXT };
    const registry = follower();
    await registry.poll(0);
    answer = { number: 4, versionId: SERVED, token: await signed(4, SERVED), supergraphSdl: 'the one that is served' };
    await expect(registry.poll(0)).rejects.toThrow('older');
    expect(swapped).toEqual([VERSION]);
  });

  test('whose supergraph may not be served is tried again after a while; one that could not be loaded at once', async () => {
    answer = { number: 3, versionId: VERSION, token: await signed(3), supergraphSdl: TEXT };
    refuse = new CompositionError([{ subgraph: null, code: 'CONSTITUTION_HASH_REFUSED', message: 'no' }]);
    const refusing = follower();
    await expect(refusing.poll(0)).rejects.toThrow(CompositionError);
    expect(await refusing.poll(500)).toBe('refused');
    expect(asked.at(-1)).toMatchObject({ after: '3', wait: '500' });
    time += 10_000;
    await expect(refusing.poll(500)).rejects.toThrow(CompositionError);
    expect(asked.at(-1)).toMatchObject({ after: '0', wait: '0' });
    // The constitution has arrived.
    refuse = undefined;
    time += 10_000;
    expect(await refusing.poll(500)).toBe('served');
    expect(await outcomes()).toEqual({ served: 1, refused: 1 });
    swapped = [];
    metrics = new Registry();
    refuse = new AcgsError('PLANNING_UNAVAILABLE');
    const retrying = follower();
    await expect(retrying.poll(0)).rejects.toThrow(AcgsError);
    refuse = undefined;
    expect(await retrying.poll(0)).toBe('served');
    expect(swapped).toEqual([VERSION]);
  });

  test('is refused while the published key is missing or no key', async () => {
    answer = { number: 3, versionId: VERSION, token: await signed(3), supergraphSdl: TEXT };
    const path = join(folder, ...SCHEMA_KEY_FILE);
    rmSync(path);
    const waiting = follower();
    await expect(waiting.poll(0)).rejects.toThrow('ENOENT');
    writeFileSync(path, `${JSON.stringify(key.publicJwk)}\n`);
    time += 10_000;
    expect(await waiting.poll(0)).toBe('served');
    metrics = new Registry();
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '{"kty":"oct","k":"AAAA"}');
    metrics = new Registry();
    swapped = [];
    await expect(follower().poll(0)).rejects.toThrow('not an Ed25519 key');
  });
});

test('an empty registry changes nothing', async () => {
  answer = { number: 0, versionId: null, token: null, supergraphSdl: null };
  expect(await follower().poll(0)).toBe('unchanged');
  expect(swapped).toEqual([]);
});
