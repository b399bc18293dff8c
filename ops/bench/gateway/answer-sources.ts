/** Where canned answers come from: the benchmark's own subgraphs in this process, or the running control plane. */
import { randomUUID } from 'node:crypto';
import { graphql, type GraphQLSchema } from 'graphql';
import { deriveHopKey, HASH_HEADER, HOP_HEADER, REQUEST_ID_HEADER, signHopToken, type PrincipalClaims } from '../../runtime/hop-token.js';
import type { AnswerSource } from './canned-server.js';

/** Runs the operation on a real schema. */
export function localSource(schemas: ReadonlyMap<string, GraphQLSchema>): AnswerSource {
  return async (service, _path, body) => {
    const schema = schemas.get(service);
    if (schema === undefined) throw new Error(`There is no subgraph ${service}.`);
    const { query, variables, operationName } = JSON.parse(body) as { query: string; variables?: Record<string, unknown>; operationName?: string };
    return JSON.stringify(await graphql({ schema, source: query, variableValues: variables ?? {}, operationName: operationName ?? null }));
  };
}

export interface PlaneSource {
  /** Base URL of each subgraph. */
  readonly urls: Readonly<Record<string, string>>;
  /** The plane's hop master key, base64url. */
  readonly hopMaster: string;
  readonly constitutionalHash: string;
  readonly principal: PrincipalClaims;
  readonly credentialId: string;
}

/** Asks the subgraphs of a running control plane, with hop tokens for one principal. */
export function planeSource({ urls, hopMaster, constitutionalHash, principal, credentialId }: PlaneSource): AnswerSource {
  const master = Buffer.from(hopMaster, 'base64url');
  return async (service, path, body) => {
    const requestId = randomUUID();
    const claims = { principal, credentialId, revocationEpoch: 0, constitutionalHash, hashPresented: true, requestId, deadline: null };
    const token = signHopToken(deriveHopKey(master, service), service, path, body, claims);
    const response = await fetch(`${urls[service]}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json', accept: 'application/json', [HOP_HEADER]: token, [HASH_HEADER]: constitutionalHash, [REQUEST_ID_HEADER]: requestId } });
    const text = await response.text();
    if (!response.ok) throw new Error(`${service} answered ${response.status}: ${text.slice(0, 300)}`);
    return text;
  };
}
