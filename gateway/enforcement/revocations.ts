/** Follows auth's revocation feed, so that a revoked credential stops working within a second (design section 3, auth). */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { Credentials, RevocationView } from '../execution/contracts.js';
import type { CallSubgraph } from '../execution/upstream/internal-calls.js';

const feedAnswer = z.object({
  epoch: z.number().int().min(0),
  revoked: z.array(z.object({ credentialId: z.string().nullable(), principalId: z.string().nullable(), before: z.iso.datetime({ offset: true }) })),
});

/** Longest life of an access token plus clock skew: a revocation is remembered for as long as a token it hits could still be valid. */
const REMEMBER_MS = 35 * 60_000;

export interface RevocationDeps {
  readonly call: CallSubgraph;
  readonly logger: Logger;
  /** How often the feed is read, milliseconds. */
  readonly intervalMs: number;
  readonly now?: () => number;
}

/** The revocations this process knows. `start` begins to follow the feed; until its first answer `age()` is Infinity. */
export class Revocations implements RevocationView {
  private readonly credentials = new Map<string, { readonly seen: number }>();
  private readonly principals = new Map<string, { readonly before: number; readonly seen: number }>();
  private readonly listeners = new Set<() => void>();
  private readonly stopping = new AbortController();
  private readonly now: () => number;
  private running: Promise<void> = Promise.resolve();
  private lastEpoch = 0;
  private lastSuccess = -Infinity;
  private up: boolean | undefined;

  constructor(private readonly deps: RevocationDeps) {
    this.now = deps.now ?? Date.now;
  }

  epoch(): number {
    return this.lastEpoch;
  }

  age(): number {
    return this.now() - this.lastSuccess;
  }

  /**
   * A revoked session or key is revoked whenever its tokens were issued; a revoked principal's credentials are
   * those issued before the moment of revocation.
   */
  isRevoked({ principal, credentialId, issuedAt }: Pick<Credentials, 'principal' | 'credentialId' | 'issuedAt'>): boolean {
    if (credentialId !== null && this.credentials.has(credentialId)) return true;
    const revoked = principal === null ? undefined : this.principals.get(principal.id);
    return revoked !== undefined && (issuedAt ?? 0) < revoked.before;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }

  start(): void {
    this.running = this.follow();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Reads the feed once; a failure is logged at the change from up to down. */
  async poll(): Promise<void> {
    const asked = this.now();
    try {
      const { status, body } = await this.deps.call('auth', { method: 'GET', path: '/internal/revocations', query: { since: String(this.lastEpoch) }, timeoutMs: 1_000 });
      if (status !== 200) throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `The revocation feed answered with status ${status}.`);
      const answer = feedAnswer.parse(body);
      if (answer.epoch < this.lastEpoch) {
        // Auth was restored to an earlier state; what is known here stays, and the next poll reads everything again.
        this.deps.logger.warn({ epoch: answer.epoch, known: this.lastEpoch }, 'The revocation epoch went back; reading all revocations again');
        this.lastEpoch = 0;
        return;
      }
      this.apply(answer, asked);
    } catch (error) {
      if (this.up !== false && !this.stopping.signal.aborted) this.deps.logger.warn({ err: error }, 'The revocation feed is down; critical fields will be refused');
      this.up = false;
    }
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.poll();
      await delay(this.deps.intervalMs, undefined, { signal, ref: false }).catch((error: unknown) => { if (!signal.aborted) throw error; });
    }
  }

  private apply({ epoch, revoked }: z.infer<typeof feedAnswer>, asked: number): void {
    if (this.up === false) this.deps.logger.info({ epoch }, 'The revocation feed is back');
    this.up = true;
    // The answer speaks for the moment the question was asked, not for when it arrived.
    this.lastSuccess = asked;
    this.lastEpoch = epoch;
    for (const { credentialId, principalId, before } of revoked) {
      if (credentialId !== null) this.credentials.set(credentialId, { seen: asked });
      if (credentialId === null && principalId !== null) {
        const known = this.principals.get(principalId);
        this.principals.set(principalId, { before: Math.max(known?.before ?? 0, Date.parse(before)), seen: asked });
      }
    }
    this.forgetOld(asked);
    if (revoked.length > 0) for (const listener of this.listeners) listener();
  }

  private forgetOld(now: number): void {
    for (const entries of [this.credentials, this.principals]) {
      for (const [id, { seen }] of entries) {
        // Maps keep insertion order: the first young entry ends the search.
        if (now - seen <= REMEMBER_MS) break;
        entries.delete(id);
      }
    }
  }
}
