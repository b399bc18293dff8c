/** What the schema registry answers: versions, activations, checks, usage, and the feed that gateways follow. */
import { jsonReply, type HttpReply } from '../../ops/runtime/http-server.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { MAX_SCHEMA_WAIT_MS, type SchemaFeedAnswer } from '../../ops/runtime/schema-activation.js';
import { Wakeups } from '../kernel/change-feed.js';
import type { SubgraphContext } from '../kernel/context.js';
import { checkFirst, keysetPage, type KeysetPage } from '../kernel/keyset-page.js';
import type { StreamMessage } from '../kernel/stream-subscription.js';
import { approvalState, type ApprovalState, type SchemaActivation, type SchemaApproval, type SchemaVersion, type StoredCheck } from './domain-schema.js';
import { SCHEMA_STREAM } from './events.js';
import type { RegistryParts } from './service-schema.js';
import type { KeptReport, NumberedCheck } from './store-schema-checks.js';

export class SchemaReading {
  private readonly wakeups = new Wakeups();
  private isClosing = false;

  constructor(private readonly parts: Pick<RegistryParts, 'deps' | 'schemas' | 'checks'>) {}

  active(): Promise<SchemaActivation | null> {
    return this.parts.schemas.active();
  }

  version(context: SubgraphContext, id: string): Promise<SchemaVersion | null> {
    return load(context, 'schemaVersion', (ids) => this.parts.schemas.versionsByIds(ids), id);
  }

  /** A version that is known to exist. */
  async existingVersion(context: SubgraphContext, id: string): Promise<SchemaVersion> {
    return existing(await this.version(context, id), id);
  }

  supergraphSdl(context: SubgraphContext, id: string): Promise<string | null> {
    return load(context, 'supergraphSdl', (ids) => this.parts.schemas.supergraphTexts(ids), id);
  }

  document(context: SubgraphContext, digest: string): Promise<string | null> {
    return load(context, 'schemaDocument', (digests) => this.parts.schemas.documents(digests), digest);
  }

  async isActive(context: SubgraphContext, id: string): Promise<boolean> {
    const active = await load(context, 'activeSchema', async (keys) => {
      const found = await this.parts.schemas.active();
      return new Map(found === null ? [] : keys.map((key) => [key, found]));
    }, 'active');
    return active?.versionId === id;
  }

  versions(first: number, after: string | null | undefined): Promise<KeysetPage<SchemaVersion>> {
    return numbered('schema-version', first, after, ({ number }) => String(number), (limit, before) => this.parts.schemas.versions(limit, before));
  }

  activations(first: number, after: string | null | undefined): Promise<KeysetPage<SchemaActivation>> {
    return numbered('schema-activation', first, after, ({ number }) => String(number), (limit, before) => this.parts.schemas.activations(limit, before));
  }

  async activation(number: number): Promise<SchemaActivation> {
    const [found] = await this.parts.schemas.activations(1, BigInt(number) + 1n);
    return existing(found ?? null, String(number));
  }

  checks(verdict: string | null, first: number, after: string | null | undefined): Promise<KeysetPage<NumberedCheck>> {
    return numbered('schema-check', first, after, ({ ordinal }) => String(ordinal), (limit, before) => this.parts.checks.page(verdict, limit, before));
  }

  check(context: SubgraphContext, id: string): Promise<StoredCheck | null> {
    return load(context, 'schemaCheck', (ids) => this.parts.checks.byIds(ids), id);
  }

  async existingCheck(context: SubgraphContext, id: string): Promise<StoredCheck> {
    return existing(await this.check(context, id), id);
  }

  async report(context: SubgraphContext, checkId: string): Promise<KeptReport> {
    return existing(await load(context, 'schemaCheckReport', (ids) => this.parts.checks.reports(ids), checkId), checkId);
  }

  /** The most critical findings of a check, with what approvals cover by now. */
  async findings(context: SubgraphContext, checkId: string, first: number): Promise<(KeptReport['findings'][number])[]> {
    checkFirst(first);
    const [{ findings, proposedDigest }, open] = await Promise.all([this.report(context, checkId), this.openApprovals(context)]);
    const covered = new Set(open.filter(({ digest }) => digest === proposedDigest).flatMap(({ fingerprints }) => fingerprints));
    return findings.slice(0, first).map((finding) => ({ ...finding, approved: finding.approved || covered.has(finding.fingerprint) }));
  }

  /** Whether what a check found breaking is approved: by approvals that can still be used, or by those that were. */
  async approval(context: SubgraphContext, check: StoredCheck): Promise<ApprovalState> {
    const own = await this.approvalsOf(context, check.id);
    if (own.some(({ usedById }) => usedById !== null)) return 'GIVEN';
    return approvalState(check, await this.openApprovals(context), this.parts.deps.clock().toISOString());
  }

  async approvalsOf(context: SubgraphContext, checkId: string): Promise<SchemaApproval[]> {
    return await load(context, 'schemaApprovals', (ids) => this.parts.checks.approvalsOf(ids), checkId) ?? [];
  }

  activated(after: string | null | undefined): Promise<AsyncIterableIterator<StreamMessage<SchemaActivation>>> {
    return this.parts.deps.subscribe({
      field: 'schemaActivated', stream: SCHEMA_STREAM, filter: {}, after, matches: () => true,
      present: ({ payload }) => {
        const { number, versionId, kind, reason, activatedById, activatedAt, token, constitutionalHash } = payload as unknown as SchemaActivation;
        return { number, versionId, kind, reason, activatedById, activatedAt, token, constitutionalHash };
      },
    });
  }

  /** Wakes gateways that wait when a version comes into force. @returns how to stop, which lets nobody wait any more. */
  listen(): () => void {
    const deaf = this.parts.deps.events.listen((events) => {
      if (events.some(({ stream }) => stream === SCHEMA_STREAM)) this.wakeups.wake();
    });
    return () => {
      deaf();
      this.isClosing = true;
      this.wakeups.wake();
    };
  }

  /**
   * Answers `GET /internal/schema`. Query: `after`, number of the activation that is known; `have`, version whose text is
   * known; `wait`, longest wait for a later activation in milliseconds. It answers at once when there is one.
   */
  async feed(query: URLSearchParams): Promise<HttpReply> {
    const after = whole(query, 'after');
    const until = performance.now() + Math.min(whole(query, 'wait'), MAX_SCHEMA_WAIT_MS);
    for (;;) {
      const left = this.isClosing ? 0 : until - performance.now();
      // Registered before the state is read: what is committed between the two wakes at once.
      const news = left > 0 ? this.wakeups.sleep(left) : undefined;
      const active = await this.parts.schemas.active();
      if (news === undefined || (active !== null && active.number > after)) {
        const { number = 0, versionId = null, token = null } = active ?? {};
        const supergraphSdl = versionId === null || query.get('have') === versionId ? null : ((await this.parts.schemas.supergraphTexts([versionId])).get(versionId) ?? null);
        return jsonReply(200, { number, versionId, token, supergraphSdl } satisfies SchemaFeedAnswer, { 'cache-control': 'no-store' });
      }
      await news;
    }
  }

  private async openApprovals(context: SubgraphContext): Promise<SchemaApproval[]> {
    return await load(context, 'openSchemaApprovals', async (keys) => {
      const found = await this.parts.checks.openApprovals(this.parts.deps.clock().toISOString());
      return new Map(keys.map((key) => [key, found]));
    }, 'open') ?? [];
  }
}

function load<V>(context: SubgraphContext, name: string, batch: (keys: readonly string[]) => Promise<Map<string, V>>, key: string): Promise<V | null> {
  return context.loader(name, batch).load(key);
}

function existing<T>(found: T | null, id: string): T {
  if (found === null) throw new AcgsError('INTERNAL', `${id} is gone.`);
  return found;
}

/** A page whose cursors count `numberOf`. */
async function numbered<T>(list: string, first: number, after: string | null | undefined, numberOf: (item: T) => string, read: (limit: number, before: bigint | null) => Promise<T[]>): Promise<KeysetPage<T>> {
  const page = await keysetPage(list, first, after, async (limit, before) => (await read(limit, before)).map((item) => ({ number: numberOf(item), item })));
  return { ...page, nodes: page.nodes.map(({ item }) => item) };
}

/** @throws AcgsError BAD_REQUEST unless the parameter is absent or a whole number. */
function whole(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '0';
  if (!/^\d{1,15}$/.test(text)) throw new AcgsError('BAD_REQUEST', `${name} is a whole number from 0.`);
  return Number(text);
}
