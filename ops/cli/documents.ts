/** The operation documents the program ships and sends. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { shippedOperation } from '../runtime/contracts.js';
import { projectPath } from '../runtime/package-root.js';

export interface ShippedDocument {
  /** Name of the file without its ending. */
  readonly name: string;
  /** Name of the operation, the same in PascalCase. */
  readonly operationName: string;
  readonly kind: 'query' | 'mutation' | 'subscription';
  readonly text: string;
}

/** Reads one. @throws Error when it is not shipped. */
export function shippedDocument(name: string): ShippedDocument {
  const text = shippedOperation(name);
  const [, kind, operationName] = /^(query|mutation|subscription) (\w+)/m.exec(text) ?? [];
  if (kind === undefined || operationName === undefined) throw new Error(`schema/operations/${name}.graphql has no named operation.`);
  return { name, operationName, kind: kind as ShippedDocument['kind'], text };
}

/** Version of this program. */
export function programVersion(): string {
  return (JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as { version: string }).version;
}

/** Identifier of the supergraph this program was built for, as gateways name theirs: the SHA-256 of its text. */
export function expectedSupergraph(): string {
  return createHash('sha256').update(readFileSync(projectPath('schema', 'supergraph.graphql'))).digest('hex');
}
