/** Use cases of the schema registry: check, approve, publish, roll back, and the installation of a release. */
import { randomUUID } from 'node:crypto';
import { canonicalJson, sha256Hex } from '../../ops/runtime/canonical-json.js';
import { shippedContract, shippedOperations, shippedSupergraph } from '../../ops/runtime/contracts.js';
import type { SchemaCheckReport } from '../../ops/runtime/schema-check.js';
import { inOrder, schemaSetDigest } from '../../ops/runtime/schema-set.js';
import { defaultPortOf, SUBGRAPH_NAMES } from '../../ops/runtime/subgraph-names.js';
import type { Command, UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { conflict, expectVersion, forbidden, invalidInput, notFound } from '../kernel/refusals.js';
import { signActivation } from './activation-token.js';
import { APPROVAL_VALIDITY_MS, changedSet, coveringApprovals, type ActivationKind, type ProposedSubgraph, type SchemaActivation, type SchemaApproval, type SchemaVersion, type StoredCheck } from './domain-schema.js';
import { schemaActivated, schemaCheckApproved, schemaCheckRecorded } from './events.js';
import type { SchemaChecker } from './ports.js';
import { STALE_AFTER_MS, type SchemaUsageService } from './service-schema-usage.js';
import type { SigningKey } from './signing-key.js';
import type { KeptReport, SchemaCheckStore } from './store-schema-checks.js';
import type { SchemaStore } from './store-schema.js';
import type { ChangeStore } from './store.js';

type Maybe<T> = T | null | undefined;

export interface OriginInput {
  readonly revision?: Maybe<string>;
  readonly branch?: Maybe<string>;
  readonly url?: Maybe<string>;
}

export interface CheckInput {
  readonly subgraphs: readonly { readonly name: string; readonly url?: Maybe<string>; readonly sdl: string }[];
  readonly origin?: Maybe<OriginInput>;
}

export interface PublishInput extends CheckInput {
  readonly message: string;
  readonly baseId?: Maybe<string>;
}

/** What became of a publication. */
export type Publication =
  | { readonly outcome: 'ACTIVATED' | 'UNCHANGED'; readonly activation: number }
  | { readonly outcome: 'INVALID' | 'APPROVAL_NEEDED'; readonly checkId: string };

export interface RegistryParts {
  readonly deps: SubgraphDeps;
  readonly schemas: SchemaStore;
  readonly checks: SchemaCheckStore;
  /** Hands out the numbers of human-readable ids. */
  readonly ids: Pick<ChangeStore, 'nextId'>;
  readonly usage: SchemaUsageService;
  readonly checker: SchemaChecker;
  readonly key: SigningKey;
}

/** The version a change is made against. */
interface Base {
  readonly activation: SchemaActivation | null;
  readonly subgraphs: readonly ProposedSubgraph[];
}

const MAX_SUBGRAPHS = 200;
const MAX_TEXT = 2_000;
/** Findings kept of one check, the most critical first. */
const MAX_FINDINGS = 1_000;

export class SchemaRegistry {
  /** Commands under way, by whose they are and what they ask: one that comes again meanwhile waits for the first. */
  private readonly underWay = new Map<string, Promise<unknown>>();

  constructor(private readonly parts: RegistryParts) {}

  /** Checks a change against what is in force and keeps the report. @throws Refusal InvalidInput. */
  check(context: SubgraphContext, input: CheckInput, idempotencyKey: Maybe<string>): Promise<{ readonly id: string }> {
    const command = { field: 'checkSchema', idempotencyKey, input };
    return this.once(context, command, async () => {
      const known = await this.parts.deps.commands.known<{ id: string }>(context, command);
      if (known !== null) return known;
      const base = await this.base();
      const { report } = await this.run(base, input);
      return this.parts.deps.commands.run(context, command, (unit) => this.keep(unit, base, input, report));
    });
  }

  /**
   * Approves every breaking finding of a check.
   * @throws Refusal NotFound; Forbidden SEPARATION_OF_DUTIES for the one who asked; Conflict when there is nothing to approve or it is not what was read.
   */
  approve(context: SubgraphContext, args: { readonly checkId: string; readonly digest: string; readonly comment?: Maybe<string>; readonly idempotencyKey?: Maybe<string> }): Promise<{ readonly id: string }> {
    const { deps, checks } = this.parts;
    const approver = context.requirePrincipal();
    const { checkId, digest, comment, idempotencyKey } = args;
    if (comment != null) checkText(comment, 'comment');
    return deps.commands.run(context, { field: 'approveSchemaCheck', idempotencyKey, input: { checkId, digest, comment: comment ?? null } }, async (unit) => {
      const check = (await checks.byIds([checkId])).get(checkId);
      if (check === undefined) throw notFound('SchemaCheck', checkId);
      if (approver.kind !== 'HUMAN') throw forbidden('Only people approve.', 'SEPARATION_OF_DUTIES');
      if (check.requestedById === approver.id) throw forbidden(`${approver.id} asked for ${checkId} and may not approve it.`, 'SEPARATION_OF_DUTIES');
      if (check.proposedDigest !== digest) throw conflict(`${checkId} is about ${check.proposedDigest}, not ${digest}; read it again.`, 'VERSION_CONFLICT');
      if (check.verdict === 'INVALID') throw conflict(`${checkId} found schemas that cannot be composed; no approval helps.`);
      if (check.breaking.length === 0) throw conflict(`${checkId} found nothing that breaks; it needs no approval.`);
      const given = (await checks.approvalsOf([checkId])).get(checkId) ?? [];
      if (given.some(({ approverId }) => approverId === approver.id)) throw conflict(`${approver.id} has approved ${checkId} already.`, 'ALREADY_EXISTS');
      const approval: SchemaApproval = {
        id: randomUUID(), checkId, digest, fingerprints: check.breaking, approverId: approver.id, comment: comment ?? null, usedById: null,
        approvedAt: unit.now.toISOString(), expiresAt: new Date(unit.now.getTime() + APPROVAL_VALIDITY_MS).toISOString(),
      };
      await checks.insertApproval(unit.tx, approval, unit.constitutionalHash);
      unit.emit(schemaCheckApproved(approval));
      return { id: checkId };
    });
  }

  /**
   * Publishes a change: it is checked again here, whatever was checked before.
   * @throws Refusal InvalidInput; Conflict when another version came into force meanwhile.
   */
  publish(context: SubgraphContext, input: PublishInput, idempotencyKey: Maybe<string>): Promise<Publication> {
    const command = { field: 'publishSchema', idempotencyKey, input };
    return this.once(context, command, () => this.publishNow(context, input, command));
  }

  private async publishNow(context: SubgraphContext, input: PublishInput, command: Command): Promise<Publication> {
    const { deps, checks } = this.parts;
    const publisher = context.requirePrincipal();
    checkText(input.message, 'input.message');
    const known = await deps.commands.known<{ activation: number }>(context, command);
    if (known !== null) return { outcome: 'ACTIVATED', activation: known.activation };
    const base = await this.base();
    if (input.baseId != null && input.baseId !== base.activation?.versionId) throw conflict(movedOn(input.baseId, base.activation), 'VERSION_CONFLICT');
    const { proposed, report } = await this.run(base, input);
    if (base.activation !== null && (report.changed.length === 0 || report.supergraphDigest === base.activation.versionId)) return { outcome: 'UNCHANGED', activation: base.activation.number };
    const { id: checkId } = await deps.commands.run(context, { field: 'publishSchema', input }, (unit) => this.keep(unit, base, input, report));
    const breaking = breakingOf(report);
    const supergraphSdl = report.supergraphSdl;
    if (report.verdict === 'INVALID' || supergraphSdl === null) return { outcome: 'INVALID', checkId };
    const published = await deps.commands.run(context, command, async (unit) => {
      const number = await this.lockedNumber(unit, base.activation);
      const covering = coveringApprovals({ proposedDigest: report.proposedDigest, breaking }, await checks.lockOpenApprovals(unit.tx, unit.now.toISOString()), publisher.id, unit.now.toISOString());
      if (covering === undefined) throw new ApprovalMissing();
      const version = await this.keepVersion(unit, { supergraphSdl, proposed, message: input.message, publishedById: publisher.id, checkId });
      await checks.useApprovals(unit.tx, covering.map(({ id }) => id), version.id);
      await this.activate(unit, { number, version, kind: 'PUBLICATION', reason: input.message, activatedById: publisher.id, approvals: covering });
      return { activation: number };
    }).catch((error: unknown) => {
      if (error instanceof ApprovalMissing) return null;
      throw error;
    });
    return published === null ? { outcome: 'APPROVAL_NEEDED', checkId } : { outcome: 'ACTIVATED', activation: published.activation };
  }

  /**
   * Goes back to a version that was in force before.
   * @throws Refusal NotFound; Forbidden when who is not a person names a version; Conflict when it is in force, never was, or was published under a constitution that is not accepted any more.
   */
  rollback(context: SubgraphContext, args: { readonly versionId?: Maybe<string>; readonly reason: string; readonly idempotencyKey?: Maybe<string>; readonly expectedActivation?: Maybe<number> }): Promise<{ readonly activation: number }> {
    const { deps, schemas } = this.parts;
    const actor = context.requirePrincipal();
    const { versionId = null, reason, idempotencyKey, expectedActivation = null } = args;
    checkText(reason, 'reason');
    // The way back must work at night and without people; any other version is a choice, and may lack protections that came since.
    if (versionId !== null && actor.kind !== 'HUMAN') throw forbidden('Only people choose a version to go back to; without one the version before is taken.');
    return deps.commands.run(context, { field: 'rollbackSchema', idempotencyKey, input: { versionId, reason, expectedActivation } }, async (unit) => {
      const number = await schemas.nextActivation(unit.tx);
      const active = await schemas.activeIn(unit.tx);
      if (active === null) throw conflict('No version is in force, so there is none to go back from.');
      expectVersion('The schema activation', active.versionId, active.number, expectedActivation);
      const target = versionId ?? (await schemas.beforeIn(unit.tx, active.versionId))?.versionId;
      if (target === undefined) throw conflict('Only one version was ever in force; there is none to go back to.');
      const version = await schemas.versionIn(unit.tx, target);
      if (version === null) throw notFound('SchemaVersion', target);
      if (target === active.versionId) throw conflict(`Version ${version.number} is the one in force.`);
      if (!await schemas.wasActiveIn(unit.tx, target)) throw conflict(`Version ${version.number} was never in force; publish it.`);
      if (!deps.manifest.accepted.includes(version.constitutionalHash)) throw conflict(`Version ${version.number} was published under ${version.constitutionalHash}, which is not accepted any more.`);
      await this.activate(unit, { number, version, kind: 'ROLLBACK', reason, activatedById: actor.id, approvals: [] });
      return { activation: number };
    });
  }

  /**
   * Makes the contracts of this release the ones in force, where that is nobody's decision: in an empty registry, and with
   * `release` over those of another release. What was published since stays. Safe to run again and by several processes.
   */
  async installRelease(mode: 'first' | 'release'): Promise<void> {
    const { deps, schemas } = this.parts;
    const supergraphSdl = shippedSupergraph();
    const id = sha256Hex(supergraphSdl);
    if (!this.mayInstall(await schemas.active(), id, mode)) return;
    const proposed = inOrder(SUBGRAPH_NAMES.map((name) => ({ name, url: `http://127.0.0.1:${defaultPortOf(name)}`, sdl: shippedContract(name) })));
    await deps.commands.runAs('system:install', `install-schema-${id.slice(0, 16)}`, async (unit) => {
      const number = await schemas.nextActivation(unit.tx);
      if (!this.mayInstall(await schemas.activeIn(unit.tx), id, mode)) throw new AlreadyInstalled();
      const version = await this.keepVersion(unit, { supergraphSdl, proposed, message: 'Contracts of a release of the control plane', publishedById: null, checkId: null });
      await this.activate(unit, { number, version, kind: 'INSTALLATION', reason: 'A release of the control plane was installed', activatedById: null, approvals: [] });
    }).catch((error: unknown) => {
      if (!(error instanceof AlreadyInstalled)) throw error;
    });
  }

  private mayInstall(active: SchemaActivation | null, id: string, mode: 'first' | 'release'): boolean {
    if (active === null) return true;
    if (active.versionId === id) return false;
    if (mode === 'release' && active.kind === 'INSTALLATION') return true;
    this.parts.deps.logger.warn({ active: active.versionId, release: id }, 'The release brings other contracts than those in force; publish them with "acgs schema publish" when every process runs it');
    return false;
  }

  /** A check takes seconds and may outlast the request that asked for it; whoever asks again with the same key waits for that one. */
  private once<T>(context: SubgraphContext, { field, idempotencyKey, input }: Command, work: () => Promise<T>): Promise<T> {
    if (idempotencyKey === null || idempotencyKey === undefined) return work();
    const name = canonicalJson([context.requirePrincipal().id, field, idempotencyKey, input]);
    const known = this.underWay.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const running = work().finally(() => { this.underWay.delete(name); });
    this.underWay.set(name, running);
    return running;
  }

  private async base(): Promise<Base> {
    const { schemas } = this.parts;
    const activation = await schemas.active();
    const version = activation === null ? undefined : (await schemas.versionsByIds([activation.versionId])).get(activation.versionId);
    return { activation, subgraphs: version === undefined ? [] : await schemas.subgraphsOf(version) };
  }

  private async run(base: Base, input: CheckInput): Promise<{ proposed: ProposedSubgraph[]; report: SchemaCheckReport }> {
    const { deps, checks, usage, checker } = this.parts;
    checkInput(input);
    const proposed = proposedSet(base.subgraphs, input.subgraphs);
    const digest = schemaSetDigest(proposed);
    // What it weighs by is read when its turn has come: those who wait hold nothing.
    const report = await checker.check(async () => {
      const now = deps.clock().toISOString();
      const [recorded, approvals] = await Promise.all([usage.record(), checks.openApprovals(now)]);
      return {
        base: base.subgraphs, proposed, accepted: deps.manifest.accepted,
        operations: shippedOperations().map(({ name, text }) => ({ name, text, client: 'acgs' })),
        usage: recorded, staleAfterMs: STALE_AFTER_MS, approved: approvals.filter((approval) => approval.digest === digest).flatMap(({ fingerprints }) => fingerprints), now,
      };
    });
    return { proposed, report };
  }

  private async keep(unit: UnitOfWork, base: Base, { origin }: CheckInput, { supergraphSdl: _text, ...report }: SchemaCheckReport): Promise<{ id: string }> {
    const { checks, ids } = this.parts;
    const id = await ids.nextId(unit.tx, 'SCK', unit.now.getUTCFullYear());
    const check: StoredCheck = {
      id, verdict: report.verdict, baseId: base.activation?.versionId ?? null, proposedDigest: report.proposedDigest, breaking: breakingOf(report),
      requestedById: unit.principalId, checkedAt: unit.now.toISOString(), revision: origin?.revision ?? null, branch: origin?.branch ?? null, changeUrl: origin?.url ?? null,
    };
    const kept: KeptReport = { ...report, findings: report.findings.slice(0, MAX_FINDINGS), findingCount: report.findings.length };
    await checks.insert(unit.tx, check, kept, unit.constitutionalHash);
    unit.emit(schemaCheckRecorded(check));
    return { id };
  }

  /** The number of the next activation, under the lock that keeps others from activating. @throws Refusal Conflict when another version came into force since the base was read. */
  private async lockedNumber(unit: UnitOfWork, base: SchemaActivation | null): Promise<number> {
    const number = await this.parts.schemas.nextActivation(unit.tx);
    const active = await this.parts.schemas.activeIn(unit.tx);
    if (active?.number !== base?.number) throw conflict(movedOn(base?.versionId ?? null, active), 'VERSION_CONFLICT');
    return number;
  }

  private async keepVersion(unit: UnitOfWork, { supergraphSdl, proposed, ...told }: { supergraphSdl: string; proposed: readonly ProposedSubgraph[]; message: string; publishedById: string | null; checkId: string | null }): Promise<SchemaVersion> {
    const { schemas } = this.parts;
    const id = sha256Hex(supergraphSdl);
    const known = await schemas.versionIn(unit.tx, id);
    return known ?? schemas.insertVersion(unit.tx, { id, setDigest: schemaSetDigest(proposed), ...told, publishedAt: unit.now.toISOString(), constitutionalHash: unit.constitutionalHash }, supergraphSdl, proposed);
  }

  private async activate(unit: UnitOfWork, { number, version, kind, reason, activatedById, approvals }: { number: number; version: SchemaVersion; kind: ActivationKind; reason: string; activatedById: string | null; approvals: readonly SchemaApproval[] }): Promise<void> {
    const unsigned = { number, versionId: version.id, kind, reason, activatedById, activatedAt: unit.now.toISOString(), constitutionalHash: unit.constitutionalHash };
    const activation: SchemaActivation = { ...unsigned, token: await signActivation(this.parts.key, unsigned, version, approvals) };
    await this.parts.schemas.insertActivation(unit.tx, activation);
    unit.emit(schemaActivated(activation, version, approvals.map(({ id }) => id)));
  }
}

/** Ends a transaction that has nothing to do: another process installed the release meanwhile. */
class AlreadyInstalled extends Error {}

/** Ends a transaction whose breaking findings nobody approved. */
class ApprovalMissing extends Error {}

function breakingOf({ findings }: Pick<SchemaCheckReport, 'findings'>): string[] {
  return [...new Set(findings.filter(({ criticality }) => criticality === 'BREAKING').map(({ fingerprint }) => fingerprint))];
}

function proposedSet(base: readonly ProposedSubgraph[], changes: CheckInput['subgraphs']): ProposedSubgraph[] {
  try {
    return changedSet(base, changes);
  } catch (error) {
    if (error instanceof RangeError) throw invalidInput(error.message, 'input.subgraphs');
    throw error;
  }
}

function checkInput({ subgraphs, origin }: CheckInput): void {
  if (subgraphs.length === 0 || subgraphs.length > MAX_SUBGRAPHS) throw invalidInput(`Give 1 to ${MAX_SUBGRAPHS} subgraphs.`, 'input.subgraphs');
  for (const { name, url } of subgraphs) {
    if (!/^[A-Za-z][\w-]{0,63}$/.test(name)) throw invalidInput(`"${name.slice(0, 80)}" is not a name of a subgraph.`, 'input.subgraphs');
    if (url != null && !isWebAddress(url)) throw invalidInput(`The url of ${name} must start with http:// or https://.`, 'input.subgraphs');
  }
  for (const [field, text] of Object.entries(origin ?? {})) if (text != null) checkText(text, `input.origin.${field}`);
  // It is shown to whoever approves, to be opened.
  if (origin?.url != null && !isWebAddress(origin.url)) throw invalidInput('The url of the origin must start with http:// or https://.', 'input.origin.url');
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && !/[\s\p{Cc}\p{Cf}]/u.test(text);
}

function checkText(text: string, field: string): void {
  if (text.trim() === '' || text.length > MAX_TEXT) throw invalidInput(`${field} has 1 to ${MAX_TEXT} characters.`, field);
}

function movedOn(expected: string | null, active: SchemaActivation | null): string {
  return `The change was made against ${expected ?? 'an empty registry'}, and ${active?.versionId ?? 'nothing'} is in force now; fetch it and try again.`;
}
