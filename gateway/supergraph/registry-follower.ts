/** Follows the schema registry: what it signs to be in force is verified and swapped in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { importJWK, jwtVerify } from 'jose';
import { Counter, Gauge, type Registry } from 'prom-client';
import { z } from 'zod';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { Logger } from '../../ops/runtime/logger.js';
import { SCHEMA_AUDIENCE, SCHEMA_FEED_PATH, SCHEMA_ISSUER, SCHEMA_KEY_FILE } from '../../ops/runtime/schema-activation.js';
import type { CallSubgraph } from '../execution/upstream/internal-calls.js';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const feedAnswer = z.object({ number: z.number().int().min(0), versionId: digest.nullable(), token: z.string().max(65_536).nullable(), supergraphSdl: z.string().nullable() });
const claims = z.object({ sub: digest, number: z.number().int().min(1), setDigest: digest, constitutionalHash: z.string() });
const publicJwk = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string().min(1), kid: z.string().min(1) });

/** Longest wait the feed is asked for, milliseconds: news come at once, this only bounds a lost connection. */
const WAIT_MS = 1_000;
const RETRY_MS = 1_000;
/** Time until an activation that was refused is tried again: its constitution, or the registry's key, may have arrived by then. */
const REFUSED_RETRY_MS = 10_000;

/** An activation that is not what the registry signed. */
export class ActivationRefused extends Error {
  override readonly name = 'ActivationRefused';
}

export interface RegistryFollowerDeps {
  readonly call: CallSubgraph;
  /** Folder that holds the public key of the registry. */
  readonly dataDirectory: string;
  /** Version that is served now. */
  readonly served: () => string;
  /** Serves another. @throws CompositionError when it is refused. */
  readonly swap: (supergraphSdl: string) => Promise<void>;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly now?: () => number;
}

export class RegistryFollower implements Stoppable {
  private readonly stopping = new AbortController();
  private readonly activations: Counter<'outcome'>;
  private readonly shown: Gauge;
  private running: Promise<void> = Promise.resolve();
  /** Number of the activation that is served. */
  private number = 0;
  /** The activation that was refused last; it is tried again now and then, since what it is judged by may change. */
  private refused: { readonly number: number; readonly retryAt: number } | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  /** What keeps the gateway from following, as it was logged; null while nothing does, undefined before the first answer. */
  private problem: string | null | undefined;

  constructor(private readonly deps: RegistryFollowerDeps) {
    const registers = [deps.registry];
    this.activations = new Counter({ name: 'acgs_schema_activations_total', help: 'Activations the registry told of: served, or refused (not signed by it, older than one known, or not to be served).', labelNames: ['outcome'], registers });
    for (const outcome of ['served', 'refused']) this.activations.inc({ outcome }, 0);
    this.shown = new Gauge({ name: 'acgs_schema_activation_number', help: 'Number of the schema activation that this gateway serves; 0 before the first.', registers });
  }

  /** Asks once, without waiting for news; what goes wrong is logged. */
  async catchUp(): Promise<void> {
    try {
      if (await this.poll(0) !== 'refused') this.note(null);
    } catch (error) {
      this.note(error);
    }
  }

  /** Follows from now on. */
  start(): void {
    this.running = this.follow();
  }

  /** Ends at once: a question that is under way is not waited for, and its answer not taken. */
  async stop(): Promise<void> {
    const { signal } = this.stopping;
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    this.stopping.abort();
    await Promise.race([this.running, aborted]);
  }

  /**
   * Asks once and serves what is in force; questions are asked one after another.
   * @param waitMs longest wait for another activation than the one known.
   * @returns `served` when another activation is served now, `unchanged`, or `refused` while one that was refused is the one in force.
   * @throws AcgsError when it cannot be asked; ActivationRefused; CompositionError when the supergraph may not be served.
   */
  poll(waitMs: number): Promise<'served' | 'unchanged' | 'refused'> {
    const asked = this.turn.then(() => this.ask(waitMs));
    this.turn = asked.catch(() => undefined);
    return asked;
  }

  private async ask(waitMs: number): Promise<'served' | 'unchanged' | 'refused'> {
    const { call, served, now = Date.now } = this.deps;
    const isDue = this.refused !== undefined && now() >= this.refused.retryAt;
    const after = this.refused === undefined || isDue ? this.number : this.refused.number;
    const { status, body } = await call('governance-synthesis', { method: 'GET', path: SCHEMA_FEED_PATH, query: { after: String(after), have: served(), wait: String(isDue ? 0 : waitMs) }, timeoutMs: waitMs + 2_000 });
    if (status !== 200) throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `The schema registry answered with status ${status}.`);
    const { number, versionId, token, supergraphSdl } = feedAnswer.parse(body);
    if (versionId === null || token === null || number === this.number || this.stopping.signal.aborted) return 'unchanged';
    if (number === this.refused?.number && !isDue) return 'refused';
    try {
      await this.verify(token, number, versionId);
      if (versionId !== served()) await this.serve(versionId, supergraphSdl);
    } catch (error) {
      // What could not be found out is tried again at once.
      if (!(error instanceof AcgsError)) {
        if (number !== this.refused?.number) this.activations.inc({ outcome: 'refused' });
        this.refused = { number, retryAt: now() + REFUSED_RETRY_MS };
      }
      throw error;
    }
    this.refused = undefined;
    this.number = number;
    this.shown.set(number);
    this.activations.inc({ outcome: 'served' });
    return 'served';
  }

  private async serve(versionId: string, supergraphSdl: string | null): Promise<void> {
    if (supergraphSdl === null || sha256Hex(supergraphSdl) !== versionId) throw new ActivationRefused(`The text that came with version ${versionId} is not that version.`);
    await this.deps.swap(supergraphSdl);
    this.deps.logger.info({ supergraph: versionId }, 'The version in force is served');
  }

  private async verify(token: string, number: number, versionId: string): Promise<void> {
    if (number < this.number) throw new ActivationRefused(`Activation ${number} is older than ${this.number}, which is known.`);
    const published = publicJwk.safeParse(JSON.parse(readFileSync(join(this.deps.dataDirectory, ...SCHEMA_KEY_FILE), 'utf8')));
    if (!published.success) throw new ActivationRefused(`${SCHEMA_KEY_FILE.join('/')} is not an Ed25519 key.`);
    const { kty, crv, x, kid } = published.data;
    const key = await importJWK({ kty, crv, x, alg: 'EdDSA' });
    const { payload } = await jwtVerify(token, key, { algorithms: ['EdDSA'], issuer: SCHEMA_ISSUER, audience: SCHEMA_AUDIENCE }).catch((cause: unknown) => {
      throw new ActivationRefused(`Activation ${number} is not signed by the registry's key ${kid}.`, { cause });
    });
    const signed = claims.safeParse(payload);
    if (!signed.success || signed.data.number !== number || signed.data.sub !== versionId) throw new ActivationRefused(`The signature of activation ${number} is for something else.`);
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        if (await this.poll(WAIT_MS) !== 'refused') this.note(null);
      } catch (error) {
        if (signal.aborted) return;
        this.note(error);
        await delay(RETRY_MS, undefined, { signal, ref: false }).catch((reason: unknown) => { if (!signal.aborted) throw reason; });
      }
    }
  }

  /** Logs changes only: the same problem again is no news. */
  private note(error: unknown): void {
    const { logger } = this.deps;
    const problem = error === null ? null : String(error);
    if (problem === this.problem) return;
    if (problem === null && this.problem !== undefined) logger.info('The schema registry is followed again');
    if (error instanceof AcgsError) logger.warn({ err: error }, 'The schema registry cannot be followed; the gateway serves on what it has');
    else if (problem !== null) logger.error({ err: error }, 'An activation was not taken; the gateway serves on what it has');
    this.problem = problem;
  }
}
