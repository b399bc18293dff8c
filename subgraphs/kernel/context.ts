/** What a resolver knows about the request: who asks, under which id, and the loaders that batch its reads. */
import DataLoader from 'dataloader';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { HopClaims, PrincipalClaims } from '../../ops/runtime/hop-token.js';
import type { Span } from '../../ops/runtime/tracing.js';

export class SubgraphContext {
  private readonly loaders: Map<string, unknown>;
  private hidden: SubgraphContext | undefined;

  /** @param span of the operation, or of the root field that is resolved; undefined unless the trace is recorded. */
  constructor(private readonly claims: HopClaims, loaders = new Map<string, unknown>(), readonly span?: Span) {
    this.loaders = loaders;
  }

  /** The same request, loaders included, inside another span. */
  under(span: Span): SubgraphContext {
    return new SubgraphContext(this.claims, this.loaders, span);
  }

  get hop(): HopClaims {
    return this.claims;
  }

  /** The same request without its principal, for resolvers whose answer is the same for everyone; made at first use. */
  get impersonal(): SubgraphContext {
    return this.hidden ??= new ImpersonalContext(this.claims, this.loaders, this.span);
  }

  /** Null when the request is anonymous. */
  get principal(): PrincipalClaims | null {
    return this.hop.principal;
  }

  get requestId(): string {
    return this.claims.requestId;
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

/** Throws where the principal, or anything else of the hop token but the request's id, is read. */
class ImpersonalContext extends SubgraphContext {
  override get hop(): never {
    throw new Error('A resolver whose answer is marked as the same for everyone (@impersonal or public @cacheControl) reads who asks.');
  }

  override get impersonal(): SubgraphContext {
    return this;
  }
}
