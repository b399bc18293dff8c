/** Logging in and asking a running gateway, for tests of the whole graph. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphClient } from '../../ops/client/graph-client.js';
import { shippedOperation } from '../../ops/runtime/contracts.js';
import { TEST_HASH } from './subgraph.js';

/** A shipped client document. @param name file name in schema/operations without its ending. */
export function operation(name: string): string {
  return shippedOperation(name);
}

/** A client for anonymous use. */
export function anonymous(url: string): GraphClient {
  return new GraphClient({ url, constitutionalHash: TEST_HASH });
}

/** Logs in. @throws Error with the refusal's message. */
export async function login(url: string, username: string, password: string): Promise<GraphClient> {
  const client = anonymous(url);
  const { login: result } = await client.request<{ login: { accessToken?: string; message?: string } }>(operation('login'), { username, password });
  if (result.accessToken === undefined) throw new Error(`Login of ${username} failed: ${result.message ?? 'no token'}`);
  return client.as(result.accessToken);
}

/** Logs in as the administrator made at first start. */
export function loginAsAdmin(url: string, dataDirectory: string): Promise<GraphClient> {
  return login(url, 'admin', readFileSync(join(dataDirectory, 'secrets', 'admin.password'), 'utf8').trim());
}

/** Value of a counter summed over its series that have all the given labels; 0 when there is none. */
export async function counter(url: string, name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split('\n')
    .filter((line) => line.startsWith(`${name}{`) && Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
