/** Turns the errors of a GraphQL answer into the error a person reads, with the next command. */
import { expectedSupergraph, programVersion, type ShippedDocument } from './documents.js';
import { CliError, FOREIGN_DOCUMENT_CODES } from './exit-codes.js';

export interface GraphAnswer {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly message: string; readonly path?: readonly (string | number)[]; readonly extensions?: Readonly<Record<string, unknown>> }[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

const NEXT: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: 'acgs login', TOKEN_EXPIRED: 'acgs login', FORBIDDEN: 'acgs whoami', UNAUTHORIZED_FIELD_OR_TYPE: 'acgs whoami',
  CONSTITUTIONAL_HASH_MISMATCH: 'acgs compliance validate', CONSTITUTIONAL_HASH_REQUIRED: 'acgs compliance validate',
  SUBGRAPH_UNAVAILABLE: 'acgs health', SUBGRAPH_TIMEOUT: 'acgs health', DATABASE_UNAVAILABLE: 'acgs health', REVOCATION_FEED_STALE: 'acgs health',
};

/** What a wrong login and an ended one have in common is only the code. */
const LOGIN_OPERATION = 'login';

/** The error that stands for an answer with errors. Asks for the server's health when it seems to be of another version. */
export async function answerFault({ errors, document, variables, server, health }: {
  readonly errors: NonNullable<GraphAnswer['errors']>;
  readonly document: ShippedDocument;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly server: string;
  readonly health: () => Promise<{ readonly supergraph?: string | null }>;
}): Promise<CliError> {
  const [first] = errors;
  const code = String(first?.extensions?.['code'] ?? 'INTERNAL');
  const message = first?.message ?? 'The graph answered with an error.';
  if (FOREIGN_DOCUMENT_CODES.has(code)) return versionMismatch(message, document, server, health);
  if (code === 'UNAUTHENTICATED' && document.name === LOGIN_OPERATION) return new CliError(code, message, 'acgs login');
  if (code === 'UNAUTHENTICATED' || code === 'TOKEN_EXPIRED') return new CliError('SESSION_EXPIRED', `Your login has expired or was ended: ${message}`, 'acgs login');
  const key = variables['idempotencyKey'];
  if (document.kind === 'mutation' && (code === 'INDETERMINATE' || code === 'SUBGRAPH_TIMEOUT')) {
    return new CliError('OUTCOME_UNKNOWN', `${code}: ${message}${typeof key === 'string' ? ` Idempotency key: ${key}` : ''}`);
  }
  const request = first?.extensions?.['requestId'];
  return new CliError(code, typeof request === 'string' ? `${message} (request ${request})` : message, NEXT[code]);
}

async function versionMismatch(message: string, document: ShippedDocument, server: string, health: () => Promise<{ readonly supergraph?: string | null }>): Promise<CliError> {
  const expected = expectedSupergraph();
  let theirs: string | null | undefined;
  try {
    theirs = (await health()).supergraph;
  } catch {
    theirs = undefined;
  }
  const same = theirs === expected;
  const named = same ? 'the same supergraph, but not its documents' : `supergraph ${theirs?.slice(0, 12) ?? 'unknown'}`;
  return new CliError('SERVER_VERSION_MISMATCH', `acgs ${programVersion()} was built for supergraph ${expected.slice(0, 12)}, ${server} runs ${named}; it does not know the operation ${document.operationName}: ${message}`, 'install the acgs of that server, or name another one with --server');
}
