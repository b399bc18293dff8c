/** Resolves linked directives to the names a schema uses for them, whatever its imports rename (link specification v1.0, section 3). */
import type { CoreFeature, Schema } from '@apollo/federation-internals';

/** Identity of the constitutional directive specification. */
export const CONSTITUTIONAL_IDENTITY = 'https://specs.acgs.internal/constitutional';
/** The version subgraphs must link. */
export const CONSTITUTIONAL_URL = `${CONSTITUTIONAL_IDENTITY}/v1.0`;

/** Identity of the specification of `@impersonal`, by which a subgraph says what is the same for everyone. */
export const IMPERSONAL_IDENTITY = 'https://specs.acgs.internal/impersonal';

const APOLLO = 'https://specs.apollo.dev';
/** Identity of the federation specification, which subgraphs link. */
export const FEDERATION_IDENTITY = `${APOLLO}/federation`;

/** Directives the gateway enforces, with the specification each comes from in a supergraph. */
export const ENFORCED = {
  constitutional: { identity: CONSTITUTIONAL_IDENTITY, name: 'constitutional' },
  authenticated: { identity: `${APOLLO}/authenticated`, name: 'authenticated' },
  requiresScopes: { identity: `${APOLLO}/requiresScopes`, name: 'requiresScopes' },
  policy: { identity: `${APOLLO}/policy`, name: 'policy' },
  cost: { identity: `${APOLLO}/cost`, name: 'cost' },
  listSize: { identity: `${APOLLO}/cost`, name: 'listSize' },
} as const;

export type EnforcedDirective = keyof typeof ENFORCED;

/** Specifications that a supergraph may demand (`for: SECURITY` or `EXECUTION`) because this gateway enforces them. */
export const ENFORCED_FEATURES = [
  CONSTITUTIONAL_URL,
  `${APOLLO}/authenticated/v0.1`,
  `${APOLLO}/requiresScopes/v0.1`,
  `${APOLLO}/policy/v0.1`,
  `${APOLLO}/cost/v0.1`,
  `${APOLLO}/context/v0.1`,
] as const;

/** The link to a specification, if the schema has one. */
export function linkedFeature(schema: Schema, identity: string): CoreFeature | undefined {
  return schema.coreFeatures?.getByIdentity(identity);
}

/** Name of an enforced directive in this supergraph; undefined when the supergraph does not link its specification. */
export function directiveNameIn(schema: Schema, directive: EnforcedDirective): string | undefined {
  const { identity, name } = ENFORCED[directive];
  return nameInFeature(schema, identity, name);
}

/** Name of a directive of a linked specification in this schema; undefined when the schema does not link it or lacks the directive. */
export function nameInFeature(schema: Schema, identity: string, directive: string): string | undefined {
  const inSchema = linkedFeature(schema, identity)?.directiveNameInSchema(directive);
  return inSchema === undefined || schema.directive(inSchema) === undefined ? undefined : inSchema;
}
