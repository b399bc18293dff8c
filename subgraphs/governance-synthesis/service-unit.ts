/** What every use case of change management shares: the locked change, what surrounds it, and refusals for broken rules. */
import type { SubgraphContext } from '../kernel/context.js';
import type { Command, UnitOfWork } from '../kernel/commands.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { expectVersion, notFound, Refusal } from '../kernel/refusals.js';
import type { Surroundings } from './domain-lifecycle.js';
import { ChangeDenied, type Actor, type ChangeCategory, type ChangeRequest } from './domain.js';
import type { ChangeEventKind } from './events.js';
import { changeEvent } from './events.js';
import type { ChangeStore } from './store.js';
import type { PolicyStore } from './store-policy.js';

/** What an operation decided: the next change and what to call it. */
export interface Decided {
  readonly change: ChangeRequest;
  readonly event: ChangeEventKind;
}

export type ChangeIdentity = { readonly id: string };

/** Where the use cases find what they need. */
export interface ChangeParts {
  readonly deps: SubgraphDeps;
  readonly changes: ChangeStore;
  readonly policy: PolicyStore;
}

export class ChangeUnits {
  constructor(private readonly parts: ChangeParts) {}

  /**
   * Runs a command that changes one change request under its lock.
   * @param decide pure decision; what it throws as ChangeDenied becomes a refusal.
   */
  change(context: SubgraphContext, command: Command, id: string, expectedVersion: number | null | undefined, decide: (change: ChangeRequest, at: Surroundings, unit: UnitOfWork) => Decided | Promise<Decided>): Promise<ChangeIdentity> {
    return this.parts.deps.commands.run(context, command, async (unit) => {
      const change = await this.parts.changes.lock(unit.tx, id);
      if (change === null) throw notFound('ChangeRequest', id);
      expectVersion('ChangeRequest', id, change.version, expectedVersion);
      const at = await this.surroundings(unit, change.category);
      const decided = await refusing(() => decide(change, at, unit));
      await this.parts.changes.save(unit.tx, change, decided.change, unit.constitutionalHash);
      unit.emit(changeEvent(decided.event, decided.change));
      return { id };
    });
  }

  async surroundings(unit: UnitOfWork, category: ChangeCategory): Promise<Surroundings> {
    const { rule, windows } = await this.parts.policy.inForce(unit.tx, category);
    return { rule, windows, now: unit.now.toISOString(), constitutionalHash: unit.constitutionalHash };
  }
}

/** The principal as the rules see them. @throws AcgsError UNAUTHENTICATED when anonymous. */
export function actorOf(context: SubgraphContext): Actor {
  const { id, kind, roles } = context.requirePrincipal();
  return { id, kind, roles };
}

/** Turns a broken rule into the refusal that answers it. */
export async function refusing<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ChangeDenied) throw new Refusal(error.type, error.code, error.message, error.field);
    throw error;
  }
}
