/** Monitoring over TLS is the same monitoring: its files differ from the plain ones in how others are reached, and in nothing else. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { projectPath } from '../../ops/runtime/package-root.js';

type Yaml = Record<string, unknown>;
const read = (...path: string[]): Yaml => parse(readFileSync(projectPath('ops', ...path), 'utf8')) as Yaml;
const FILES = { ca_file: '/run/tls/ca.crt', cert_file: '/run/tls/tls.crt', key_file: '/run/tls/tls.key', min_version: 'TLS12' };

test('Prometheus asks subgraphs over TLS and everything else as before', () => {
  const plain = read('prometheus', 'prometheus.yml');
  const secure = read('prometheus', 'prometheus-tls.yml');
  const [own, ...others] = secure['scrape_configs'] as Yaml[];
  const { tls_config: tls, relabel_configs: relabel, ...rest } = own ?? {};
  expect({ ...secure, scrape_configs: [rest, ...others] }).toEqual(plain);
  expect(tls).toEqual(FILES);
  const [{ regex = '', replacement }] = relabel as [{ regex?: string; replacement?: string }];
  const targets = (parse(readFileSync(projectPath('ops', 'prometheus', 'targets', 'control-plane.yml'), 'utf8')) as Array<{ targets: string[]; labels: { service: string } }>).flatMap((group) => group.targets.map((target) => ({ target, service: group.labels.service })));
  expect(replacement).toBe('https');
  for (const { target, service } of targets) expect({ target, secure: new RegExp(`^(?:${regex})$`).test(target) }).toEqual({ target, secure: service !== 'gateway' });
});

test('Alertmanager calls the webhook over TLS and everything else as before', () => {
  const plain = read('alertmanager', 'alertmanager.yml');
  const secure = JSON.parse(JSON.stringify(read('alertmanager', 'alertmanager-tls.yml'))) as { receivers: Array<{ webhook_configs: Array<{ url: string; http_config: Yaml }> }> };
  const hook = secure.receivers[0]?.webhook_configs[0];
  expect(hook?.http_config['tls_config']).toEqual(FILES);
  expect(hook?.url).toBe('https://policy-governance:8005/webhooks/alertmanager');
  if (hook !== undefined) {
    delete hook.http_config['tls_config'];
    hook.url = hook.url.replace('https:', 'http:');
  }
  expect(secure).toEqual(plain);
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
(promtool ? test : test.skip)('promtool reads both', () => {
  for (const file of ['prometheus.yml', 'prometheus-tls.yml']) expect(spawnSync('promtool', ['check', 'config', '--syntax-only', file], { cwd: projectPath('ops', 'prometheus'), encoding: 'utf8' })).toMatchObject({ status: 0 });
});
