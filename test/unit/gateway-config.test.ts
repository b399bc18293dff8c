/** The gateway's configuration: defaults, overrides, and refusals that name the key. */
import { expect, test } from '@jest/globals';
import { ConfigError, readGatewayConfig } from '../../gateway/config.js';
import { idempotencyKeysOf } from '../../gateway/execution/upstream/idempotency-keys.js';

test('defaults are those of a development machine', () => {
  const config = readGatewayConfig({});
  expect(config).toMatchObject({ port: 4000, host: '127.0.0.1', mode: 'development', introspection: true, landingPage: true, bodyLimit: 262_144, deadlineMs: 10_000, limits: { maxDepth: 12, maxAliases: 30, maxTokens: 2_000, maxCost: 5_000 } });
  expect(config.subgraphUrls).toMatchObject({ auth: 'http://127.0.0.1:8000', 'evolutionary-computation': 'http://127.0.0.1:8006' });
});

test('production switches introspection and the landing page off', () => {
  expect(readGatewayConfig({ NODE_ENV: 'production' })).toMatchObject({ introspection: false, landingPage: false });
});

test('subgraph URLs are read as a list or as JSON', () => {
  for (const text of ['auth=http://a:1, integrity=https://b:2', '{"auth":"http://a:1","integrity":"https://b:2"}']) {
    expect(readGatewayConfig({ ACGS_SUBGRAPH_URLS: text }).subgraphUrls).toMatchObject({ auth: 'http://a:1', integrity: 'https://b:2', 'policy-governance': 'http://127.0.0.1:8005' });
  }
});

test.each([
  [{ ACGS_SUBGRAPH_URLS: 'nobody=http://a:1' }, /ACGS_SUBGRAPH_URLS.*"nobody" is not a subgraph/],
  [{ ACGS_SUBGRAPH_URLS: 'auth=ftp://a' }, /ACGS_SUBGRAPH_URLS.*auth must start with http/],
  [{ ACGS_SUBGRAPH_URLS: '{' }, /ACGS_SUBGRAPH_URLS.*is not JSON/],
  [{ ACGS_HOST: '0.0.0.0' }, /ACGS_HOST/],
  [{ ACGS_GATEWAY_PORT: 'x', ACGS_MAX_DEPTH: '0' }, /ACGS_GATEWAY_PORT[\s\S]*ACGS_MAX_DEPTH/],
] as const)('%j is refused by name', (env, message) => {
  expect(() => readGatewayConfig(env)).toThrow(ConfigError);
  expect(() => readGatewayConfig(env)).toThrow(message);
});

test('idempotency keys are found as arguments, in inputs and behind variables', () => {
  const query = 'mutation ($k: String!, $i: In!) { a(idempotencyKey: $k) b(input: $i) c(idempotencyKey: "three") d(input: { idempotencyKey: "four" }) e(idempotencyKey: $k) f }';
  expect(idempotencyKeysOf(query, { k: 'one', i: { idempotencyKey: 'two' } })).toEqual(['one', 'two', 'three', 'four']);
});
