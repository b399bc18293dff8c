/** Secrets given as files: read, stripped of one line feed, refused when given twice or unreadable. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readGatewayConfig } from '../../gateway/config.js';
import { readGenericConfig } from '../../gateway/generic/config.js';
import { readEmbeddedConfig } from '../../ops/embedded/config.js';
import { readProvisionConfig } from '../../ops/provision/config.js';
import { ConfigError } from '../../ops/runtime/config.js';
import { readSubgraphConfig } from '../../subgraphs/config.js';

const URL_TEXT = 'postgres://acgs_auth:p%20w@db:5432/acgs';
let folder: string;
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'acgs-secrets-')); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(['', '\n', '\r\n'])('a file that ends with %j gives the setting', (end) => {
  const DATABASE_URL_FILE = file('database', `${URL_TEXT}${end}`);
  const REDIS_URL_FILE = file('redis', `rediss://:secret@redis:6379${end}`);
  expect(readSubgraphConfig(['auth'], { DATABASE_URL_FILE, REDIS_URL_FILE })).toMatchObject({ databaseUrl: URL_TEXT, redisUrl: 'rediss://:secret@redis:6379' });
  expect(readEmbeddedConfig({ DATABASE_URL_FILE, REDIS_URL_FILE })).toMatchObject({ databaseUrl: URL_TEXT, redisUrl: 'rediss://:secret@redis:6379' });
  expect(readGatewayConfig({ REDIS_URL_FILE }).rateLimit?.redisUrl).toBe('rediss://:secret@redis:6379');
  expect(readProvisionConfig([], { DATABASE_URL_FILE }).databaseUrl).toBe(URL_TEXT);
});

test('only one line feed is stripped: a second is part of the secret, and wrong', () => {
  expect(() => readSubgraphConfig(['auth'], { DATABASE_URL: URL_TEXT, REDIS_URL_FILE: file('two', 'not a url\n\n') })).toThrow(/REDIS_URL: must be a URL/);
});

test.each([
  ['set twice', () => ({ DATABASE_URL: URL_TEXT, DATABASE_URL_FILE: file('twice', URL_TEXT) }), /DATABASE_URL, DATABASE_URL_FILE: both are set/],
  ['missing', () => ({ DATABASE_URL_FILE: join(folder, 'nowhere') }), /DATABASE_URL_FILE: .*nowhere cannot be read: ENOENT/],
  ['a folder', () => { mkdirSync(join(folder, 'folder'), { recursive: true }); return { DATABASE_URL_FILE: join(folder, 'folder') }; }, /DATABASE_URL_FILE: .*folder cannot be read: EISDIR/],
  ['empty', () => ({ DATABASE_URL_FILE: file('empty', '\n') }), /DATABASE_URL_FILE: .*empty is empty/],
] as const)('a secret that is %s stops the process by name', (_what, env, message) => {
  expect(() => readSubgraphConfig(['auth'], env())).toThrow(ConfigError);
  expect(() => readSubgraphConfig(['auth'], env())).toThrow(message);
});

test('the message names the file and never what is in it', () => {
  const REDIS_URL_FILE = file('wrong', 'hunter2');
  expect(() => readGatewayConfig({ REDIS_URL_FILE })).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hunter2') }));
});

test('a setting that is no secret has no file', () => {
  expect(readGatewayConfig({ ACGS_GATEWAY_PORT_FILE: file('port', '5000') }).port).toBe(4000);
});

test('generic mode refuses to run beside files of the control plane as well', () => {
  expect(() => readGenericConfig(['--supergraph', 'x'], { DATABASE_URL_FILE: '/run/secrets/x' })).toThrow(/DATABASE_URL_FILE: generic mode/);
  expect(() => readGenericConfig(['--supergraph', 'x'], { ACGS_TLS_CERT_FILE: '/run/tls/x' })).toThrow(/ACGS_TLS_CERT_FILE: generic mode/);
});

test('rates are limited where Redis is, and settings that cannot work are refused', () => {
  expect(readGatewayConfig({}).rateLimit).toBeUndefined();
  expect(readGatewayConfig({ ACGS_RATE_LIMIT: 'memory' }).rateLimit).toMatchObject({ redisUrl: undefined, trustedProxies: 0 });
  expect(readGatewayConfig({ ACGS_RATE_LIMIT: 'off', REDIS_URL: 'redis://r' }).rateLimit).toBeUndefined();
  expect(() => readGatewayConfig({ ACGS_RATE_LIMIT: 'redis' })).toThrow(/REDIS_URL: ACGS_RATE_LIMIT=redis/);
  expect(() => readGatewayConfig({ ACGS_RATE_LIMIT: 'memory', ACGS_RATE_LIMIT_BURST: '100' })).toThrow(/ACGS_RATE_LIMIT_BURST: an operation may cost 5000/);
});

test('an unknown step of the provision command is answered with its usage', () => {
  expect(() => readProvisionConfig(['everything'], {})).toThrow(/"everything" is not a step[\s\S]*--bundles DIR/);
  expect(() => readProvisionConfig(['--all'], {})).toThrow(ConfigError);
  expect(() => readProvisionConfig(['database'], {})).toThrow(/DATABASE_URL: the database to prepare is missing/);
  expect(readProvisionConfig(['keys', '--bundles', '/b'], {})).toMatchObject({ step: 'keys', bundles: '/b', databaseUrl: undefined });
});
