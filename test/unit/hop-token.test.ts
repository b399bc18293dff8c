/** Hop tokens hold only for the audience, path, body and time they were made for. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deriveHopKey, signHopToken, verifyHopToken, type HopClaims } from '../../ops/runtime/hop-token.js';

const MASTER = Buffer.alloc(32, 9);
const KEY = deriveHopKey(MASTER, 'auth');
const CLAIMS: HopClaims = {
  principal: { id: 'p1', kind: 'HUMAN', roles: ['operator'], scopes: ['alert:read'], policies: ['human'] },
  credentialId: 's1', revocationEpoch: 4, constitutionalHash: 'cdd01ef066bc6cf2', hashPresented: true, requestId: 'r1', deadline: null,
};
const NOW = 1_750_000_000_000;
const token = signHopToken(KEY, 'auth', '/graphql', '{"query":"{ me }"}', CLAIMS, NOW);

describe('hop tokens', () => {
  test('carry the claims to the right audience', () => {
    expect(verifyHopToken(KEY, 'auth', '/graphql', '{"query":"{ me }"}', token, NOW + 1)).toMatchObject(CLAIMS);
  });

  test.each([
    ['another audience', () => verifyHopToken(KEY, 'integrity', '/graphql', '{"query":"{ me }"}', token, NOW)],
    ['another path', () => verifyHopToken(KEY, 'auth', '/internal/credentials', '{"query":"{ me }"}', token, NOW)],
    ['another body', () => verifyHopToken(KEY, 'auth', '/graphql', '{"query":"{ you }"}', token, NOW)],
    ['later', () => verifyHopToken(KEY, 'auth', '/graphql', '{"query":"{ me }"}', token, NOW + 15_001)],
    ['another key', () => verifyHopToken(deriveHopKey(MASTER, 'integrity'), 'auth', '/graphql', '{"query":"{ me }"}', token, NOW)],
    ['no token', () => verifyHopToken(KEY, 'auth', '/graphql', '{"query":"{ me }"}', undefined, NOW)],
    ['a token whose life is too long', () => {
      const far = signHopToken(KEY, 'auth', '/graphql', '', CLAIMS, NOW + 60_000);
      return verifyHopToken(KEY, 'auth', '/graphql', '', far, NOW);
    }],
  ])('are refused for %s', (_case, verify) => {
    expect(verify).toThrow(expect.objectContaining({ code: 'HOP_TOKEN_INVALID' }));
  });

  test('cannot be altered anywhere', () => {
    fc.assert(fc.property(fc.nat(token.length - 1), fc.constantFrom('A', 'z', '0', '.', '-'), (at, character) => {
      fc.pre(token[at] !== character);
      const altered = token.slice(0, at) + character + token.slice(at + 1);
      // The last character of base64url may hold unused bits: an alteration there may decode to the same bytes.
      fc.pre(Buffer.from(altered.split('.')[1] ?? '', 'base64url').toString('hex') !== Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('hex') || altered.split('.')[0] !== token.split('.')[0]);
      expect(() => verifyHopToken(KEY, 'auth', '/graphql', '{"query":"{ me }"}', altered, NOW)).toThrow(expect.objectContaining({ code: 'HOP_TOKEN_INVALID' }));
    }), { numRuns: 500 });
  });

  test('never live longer than thirty seconds', () => {
    expect(() => signHopToken(KEY, 'auth', '/', '', CLAIMS, NOW, 30_001)).toThrow(RangeError);
  });
});
