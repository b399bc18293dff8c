/** What a resolver knows about the request: who asks, under which id, and the loaders that batch its reads. */
import DataLoader from 'dataloader';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { HopClaims, PrincipalClaims } from '../../ops/runtime/hop-token.js';

export class SubgraphContext {
  private readonly loaders = new Map<string, unknown>();

  constructor(readonly hop: HopClaims) {}

  /** Null when the request is anonymous. */
  get principal(): PrincipalClaims | null {
    return this.hop.principal;
  }

  get requestId(): string {
    return this.hop.requestId;
  }

  /** The principal. @throws AcgsError UNAUTHENTICATED when anonymous. */
  requirePrincipal(): PrincipalClaims {
    if (this.hop.principal === null) throw new AcgsError('UNAUTHENTICATED');
    return this.hop.principal;
  }

  /** The principal, if it holds the scope. @throws AcgsError UNAUTHENTICATED or FORBIDDEN. */
  requireScope(scope: string): PrincipalClaims {
    const principal = this.requirePrincipal();
    if (!principal.scopes.includes(scope)) throw new AcgsError('FORBIDDEN', `This needs the scope ${scope}.`);
    return principal;
  }

  /**
   * The request's loader of that name; made at first use, shared by the whole request.
   * @param name unique within the subgraph, for example `incidentById`.
   * @param batch reads many keys at once and returns a map; missing keys become null.
   */
  loader<K extends string, V>(name: string, batch: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>): DataLoader<K, V | null> {
    const existing = this.loaders.get(name);
    if (existing !== undefined) return existing as DataLoader<K, V | null>;
    const loader = new DataLoader<K, V | null>(async (keys) => {
      const found = await batch(keys);
      return keys.map((key) => found.get(key) ?? null);
    });
    this.loaders.set(name, loader);
    return loader;
  }

  /** Drops what the loaders remember: each event of a subscription reads the current state. */
  forgetLoaded(): void {
    this.loaders.clear();
  }
}
