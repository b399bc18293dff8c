/** Texts and digests of refresh tokens and API keys, and what a presented refresh token means. Pure. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** How long an exchanged refresh token may come back and gets the same successor, milliseconds. */
export const RETRY_MS = 30_000;

const REFRESH_TOKEN = /^acgr_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;
const API_KEY = /^acgs_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

/** SHA-256 of a text; enough for secrets of 256 random bits. */
export function digest(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(text).digest());
}

/** Compares digests in constant time. */
export function sameDigest(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** @param secret 32 random bytes. */
export function refreshTokenText(sessionId: string, secret: Uint8Array): string {
  return `acgr_${sessionId}_${Buffer.from(secret).toString('base64url')}`;
}

/** Session that a refresh token claims to belong to; null when the text is none. */
export function sessionOfRefreshToken(text: string): string | null {
  return REFRESH_TOKEN.exec(text)?.[1] ?? null;
}

/**
 * The token that follows another: it is computed from the key and the token itself, so that a retry gets the same one and
 * neither the database nor the key alone gives it away.
 */
export function successorOf(key: Uint8Array, sessionId: string, token: string): string {
  return refreshTokenText(sessionId, createHmac('sha256', key).update(`acgs refresh successor\n${token}`).digest());
}

/** First token of a session that was opened with an idempotency key, for the same reason. */
export function firstTokenOf(key: Uint8Array, sessionId: string, idempotencyKey: string): string {
  return refreshTokenText(sessionId, createHmac('sha256', key).update(`acgs refresh first\n${sessionId}\n${idempotencyKey}`).digest());
}

/** A mark of a secret that can stand in a digest of inputs: without the key it cannot be guessed at. */
export function secretMark(key: Uint8Array, secret: string): string {
  return createHmac('sha256', key).update(`acgs input mark\n${secret}`).digest('base64url');
}

/** @param secret 32 random bytes. */
export function apiKeyText(id: string, secret: Uint8Array): string {
  return `acgs_${id}_${Buffer.from(secret).toString('base64url')}`;
}

/** Parts of an API key; null when the text is none. */
export function parseApiKey(text: string): { readonly id: string; readonly secret: string } | null {
  const match = API_KEY.exec(text);
  return match?.[1] === undefined || match[2] === undefined ? null : { id: match[1], secret: match[2] };
}

/** What a session knows about the refresh token that was presented. */
export interface PresentedToken {
  /** When it was exchanged; null for the newest token. */
  readonly rotatedAt: Date | null;
}

export type RefreshDecision = 'ROTATE' | 'RETRY' | 'REUSE' | 'UNKNOWN';

/**
 * What to do with a refresh token of an active session.
 * @param presented null when the session never had such a token: a guess, which must not end the session.
 */
export function decideRefresh(presented: PresentedToken | null, now: Date): RefreshDecision {
  if (presented === null) return 'UNKNOWN';
  if (presented.rotatedAt === null) return 'ROTATE';
  return now.getTime() - presented.rotatedAt.getTime() <= RETRY_MS ? 'RETRY' : 'REUSE';
}
