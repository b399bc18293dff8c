/** What the calls of a request carry: the same token `signHopToken` makes, under the hash that is active when each is sent. */
import { describe, expect, test } from '@jest/globals';
import type { GatewayRequest } from '../../gateway/execution/contracts.js';
import { HopHeaders } from '../../gateway/execution/upstream/hop-headers.js';
import { bodyDigest, deriveHopKey, HASH_HEADER, HOP_HEADER, REQUEST_ID_HEADER, sealClaims, signHopToken, signSealedClaims, verifyHopToken, type HopClaims } from '../../ops/runtime/hop-token.js';
import { ALICE, startUpstream } from '../kit/upstream.js';

const KEY = deriveHopKey(Buffer.alloc(32, 5), 'auth');
const REQUEST: Omit<GatewayRequest, 'snapshot'> = { requestId: 'r-1', principal: { ...ALICE, id: 'al"ice\\\u2028ü' }, credentialId: 's1', tokenExpiresAt: null, revocationEpoch: 4, hashPresented: true, deadline: null };
const headersOf = (list: readonly string[]): Record<string, string> => Object.fromEntries(list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1] ?? '']] : [])));

describe('headers of a hop', () => {
  test('carry a token that verifies and says what the request says', () => {
    const hop = new HopHeaders({ hopKey: () => KEY, activeHash: () => 'aaaaaaaaaaaaaaaa' }, { ...REQUEST, deadline: Date.now() + 700 } as GatewayRequest);
    const headers = headersOf(hop.for('auth', bodyDigest('{"query":"{ me }"}')));
    expect(headers).toMatchObject({ [HASH_HEADER]: 'aaaaaaaaaaaaaaaa', [REQUEST_ID_HEADER]: 'r-1', 'accept-encoding': 'identity' });
    const claims = verifyHopToken(KEY, 'auth', '/graphql', '{"query":"{ me }"}', headers[HOP_HEADER]);
    expect(claims).toMatchObject({ principal: REQUEST.principal, credentialId: 's1', revocationEpoch: 4, constitutionalHash: 'aaaaaaaaaaaaaaaa', hashPresented: true, requestId: 'r-1' });
    // The token dies with the request.
    expect(() => verifyHopToken(KEY, 'auth', '/graphql', '{"query":"{ me }"}', headers[HOP_HEADER], Date.now() + 701)).toThrow(expect.objectContaining({ code: 'HOP_TOKEN_INVALID' }));
    expect(() => verifyHopToken(KEY, 'auth', '/graphql', '{"query":"{ you }"}', headers[HOP_HEADER])).toThrow(expect.objectContaining({ code: 'HOP_TOKEN_INVALID' }));
  });

  test('follow a constitution that changes while the request runs, and so does what may be shared', () => {
    let active = 'aaaaaaaaaaaaaaaa';
    const hop = new HopHeaders({ hopKey: () => KEY, activeHash: () => active }, REQUEST as GatewayRequest);
    const before = [hop.scope(), headersOf(hop.for('auth', bodyDigest('')))[HASH_HEADER]];
    active = 'bbbbbbbbbbbbbbbb';
    const headers = headersOf(hop.for('auth', bodyDigest('')));
    expect(before[1]).toBe('aaaaaaaaaaaaaaaa');
    expect(headers[HASH_HEADER]).toBe('bbbbbbbbbbbbbbbb');
    expect(verifyHopToken(KEY, 'auth', '/graphql', '', headers[HOP_HEADER]).constitutionalHash).toBe('bbbbbbbbbbbbbbbb');
    expect(hop.scope()).not.toBe(before[0]);
  });

  test('tokens made in parts are the tokens made at once', () => {
    const { principal, credentialId, revocationEpoch, hashPresented, requestId, deadline } = REQUEST;
    const claims: HopClaims = { principal, credentialId, revocationEpoch, constitutionalHash: 'cc', hashPresented, requestId, deadline };
    expect(signSealedClaims(KEY, 'auth', '/graphql', bodyDigest('ü'), sealClaims(claims), 1_000, 20)).toBe(signHopToken(KEY, 'auth', '/graphql', Buffer.from('ü'), claims, 1_000, 20));
  });

  test('carry the trace on, which does not decide what may be shared', () => {
    const traced = { ...REQUEST, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=1' } as GatewayRequest;
    const [untraced, hop] = [REQUEST as GatewayRequest, traced].map((request) => new HopHeaders({ hopKey: () => KEY, activeHash: () => 'aa' }, request));
    expect(headersOf(hop?.for('auth', bodyDigest('')) ?? [])).toMatchObject({ traceparent: traced.traceparent, tracestate: 'a=1' });
    expect(Object.keys(headersOf(untraced?.for('auth', bodyDigest('')) ?? []))).not.toContain('traceparent');
    expect(hop?.scope()).toBe(untraced?.scope());
  });

  test('tell the subgraph the deadline', async () => {
    const upstream = await startUpstream();
    try {
      const deadline = Date.now() + 1_500;
      await upstream.ask('{ n }', { deadline });
      await upstream.ask();
      expect(upstream.received.map(({ hop }) => hop.deadline)).toEqual([deadline, null]);
    } finally {
      await upstream.stop();
    }
  });
});
