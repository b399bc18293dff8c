/** The constitution itself: reading it, installing what the manifest binds, and validating it. */
import { canonicalJson } from '../../ops/runtime/canonical-json.js';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { conflict } from '../kernel/refusals.js';
import { ConstitutionError, parseConstitution } from './constitution-document.js';
import { constitutionIdOf, principleIdOf, type ConstitutionalValidation } from './domain.js';
import { constitutionEvent } from './events.js';
import type { TrustFiles } from './ports.js';
import type { ConstitutionStore, StoredConstitution, StoredPrinciple } from './store.js';
import { digestOfRows, validateConstitution } from './validation.js';

export class ConstitutionService {
  constructor(private readonly deps: SubgraphDeps, private readonly store: ConstitutionStore, private readonly files: TrustFiles) {}

  active(): Promise<StoredConstitution | null> {
    return this.store.active();
  }

  /** @param id `CP-07.v1`, or `CP-07` for the constitution in force. */
  async principle(context: SubgraphContext, id: string): Promise<StoredPrinciple | null> {
    if (id.includes('.')) return this.principleById(context, id);
    const active = await this.store.active();
    return active === null ? null : this.principleById(context, principleIdOf(id, active.id));
  }

  principleById(context: SubgraphContext, id: string): Promise<StoredPrinciple | null> {
    return context.loader('principleById', (ids) => this.store.principlesByIds(ids)).load(id);
  }

  /** Recomputes everything; nothing is remembered from start. */
  async validation(): Promise<ConstitutionalValidation> {
    const { manifest, clock } = this.deps;
    const [stored, activeCount, accepted, manifestText, publicKeyPem] = await Promise.all([
      this.store.active(), this.store.countActive(), this.store.acceptedEpoch(manifest.active), this.files.manifest(), this.files.publicKey(),
    ]);
    const validation = validateConstitution({ manifest, stored, activeCount, accepted, manifestText, publicKeyPem, now: clock() });
    this.deps.metrics.checked('validation', validation.valid);
    return validation;
  }

  /**
   * The constitution actions are judged by.
   * @throws Refusal Conflict when there is none, or when the rows are no longer what was signed: nothing is judged by a forged rule.
   */
  async governing(unit: UnitOfWork): Promise<StoredConstitution> {
    const active = await this.store.activeWithin(unit.tx);
    if (active === null) throw conflict('No constitution is installed yet.');
    if (digestOfRows(active) !== this.deps.manifest.digest) throw conflict('The constitution in the database is not the one that was signed; see constitutionalValidation.');
    return active;
  }

  /**
   * Installs the manifest's constitution: as version 1 when there is none, as the successor when the manifest has a newer epoch.
   * @throws ConstitutionError when it cannot be evaluated, or when the active one differs from a manifest that is not newer.
   */
  async seed(): Promise<void> {
    const { manifest } = this.deps;
    const document = parseConstitution(manifest.constitution);
    const installed = await this.store.active();
    if (installed !== null && isUnchanged(installed, manifest)) return;
    await this.deps.commands.runAs('system:seed', `constitution-epoch-${manifest.epoch}`, async (unit) => {
      const current = await this.store.lockActive(unit.tx);
      if (current !== null && isUnchanged(current, manifest)) return;
      if (current !== null && manifest.epoch <= current.epoch) {
        throw new ConstitutionError(`The active constitution of epoch ${current.epoch} has another digest than the manifest of epoch ${manifest.epoch}.`);
      }
      if (current !== null) {
        await this.store.supersede(unit.tx, current.id, unit.now);
        unit.emit(constitutionEvent('ConstitutionSuperseded', current));
      }
      const version = (current?.version ?? 0) + 1;
      const next = {
        id: constitutionIdOf(version), version, label: manifest.active, digest: manifest.digest, epoch: manifest.epoch, signature: manifest.signature,
        canonicalText: canonicalJson(document), activatedAt: unit.now.toISOString(), document,
      };
      await this.store.install(unit.tx, next, unit.constitutionalHash);
      unit.emit(constitutionEvent('ConstitutionActivated', next));
    });
  }
}

function isUnchanged(installed: StoredConstitution, manifest: { readonly epoch: number; readonly digest: string }): boolean {
  return installed.epoch === manifest.epoch && installed.digest === manifest.digest;
}
