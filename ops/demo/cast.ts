/** Who acts in the demonstration: clients with an identity each, and the documents they send. */
import { GraphClient } from '../client/graph-client.js';
import { shippedOperation } from '../runtime/contracts.js';

/** A mutation's result: a payload, or a problem with code and message. */
export type Result<T> = T & { readonly __typename: string; readonly code?: string; readonly message?: string };

export interface Person {
  readonly id: string;
  readonly client: GraphClient;
  readonly accessToken: string;
}

/** A shipped document of schema/operations. */
export function operation(name: string): string {
  return shippedOperation(name);
}

/**
 * Runs a shipped mutation and hands back its payload.
 * @throws Error with the problem when it was refused.
 */
export async function run<T>(client: GraphClient, name: string, variables: Record<string, unknown>): Promise<T> {
  const [result] = Object.values(await client.request<Record<string, Result<T>>>(operation(name), variables));
  if (result === undefined) throw new Error(`${name} answered nothing.`);
  if (result.code !== undefined) throw new Error(`${name} was refused: ${result.code} ${result.message ?? ''}`);
  return result;
}

/** Runs a shipped mutation that must be refused, and hands back the problem. */
export async function refused(client: GraphClient, name: string, variables: Record<string, unknown>): Promise<{ code: string; message: string }> {
  const [result] = Object.values(await client.request<Record<string, Result<object>>>(operation(name), variables));
  if (result?.code === undefined) throw new Error(`${name} should have been refused.`);
  return { code: result.code, message: result.message ?? '' };
}

export async function login(url: string, constitutionalHash: string, username: string, password: string): Promise<Person> {
  const anonymous = new GraphClient({ url, constitutionalHash });
  const { accessToken, principal } = await run<{ accessToken: string; principal: { id: string } }>(anonymous, 'login', { username, password });
  return { id: principal.id, accessToken, client: anonymous.as(accessToken) };
}

/** Makes a person with one role for two hours and logs in as them. */
export async function hire(admin: GraphClient, url: string, username: string, displayName: string, role: string): Promise<Person> {
  const { generatedPassword, principal } = await run<{ generatedPassword: string; principal: { id: string } }>(admin, 'create-person', { username, displayName, idempotencyKey: `demo-${username}` });
  await run(admin, 'grant-role', { principalId: principal.id, role, expiresAt: new Date(Date.now() + 2 * 3_600_000).toISOString() });
  return login(url, admin.options.constitutionalHash, username, generatedPassword);
}
