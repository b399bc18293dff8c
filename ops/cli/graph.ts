/** Asks the graph as the person who logged in: credentials, their refresh, the constitutional hash, and typed errors for all that can go wrong. */
import { createHash } from 'node:crypto';
import { DEFAULT_PROFILE, type SessionStore, type StoredSession } from './session-store.js';
import { answerFault, type GraphAnswer } from './answer-faults.js';
import type { CliEnvironment } from './config.js';
import { programVersion, shippedDocument } from './documents.js';
import { CliError } from './exit-codes.js';
import type { GlobalOptions } from './global-flags.js';
import { exchange, TransportError, type HttpAnswer } from './transport.js';

/** Where the gateway of `npm start` listens. */
const DEFAULT_SERVER = 'http://127.0.0.1:4000';
const REQUEST_TIMEOUT_MS = 30_000;
/** A token that ends sooner is refreshed first, milliseconds. */
const REFRESH_MARGIN_MS = 30_000;

export interface Health {
  readonly status: string;
  readonly constitutionalHash?: string;
  readonly epoch?: number;
  readonly supergraph?: string | null;
  readonly degraded?: readonly string[];
  readonly subgraphs?: Readonly<Record<string, { readonly status: string }>>;
}

export interface AskOptions {
  /** Send without credentials. */
  readonly anonymous?: boolean;
  /** Takes errors at single fields instead of throwing; the rest of the answer is used. */
  readonly partial?: (errors: GraphAnswer['errors']) => void;
}

export class Graph {
  private session: StoredSession | undefined;
  /** True while the session is tried and not yet kept. */
  private onTrial = false;
  private readonly interruption = new AbortController();
  readonly profile: string;

  constructor(private readonly store: SessionStore, private readonly options: GlobalOptions, private readonly environment: CliEnvironment) {
    this.profile = options.profile ?? environment.profile ?? store.currentProfile();
    this.session = store.find(this.profile);
    const server = options.server ?? environment.server;
    // A session belongs to the server it was opened at; its tokens are never shown to another.
    if (server !== undefined && this.session !== undefined && origin(server) !== origin(this.session.server)) this.session = undefined;
  }

  /** Base URL of the gateway, without a slash at the end. @throws CliError USAGE when it is no URL. */
  get server(): string {
    return origin(this.options.server ?? this.environment.server ?? this.session?.server ?? DEFAULT_SERVER);
  }

  get constitutionalHash(): string {
    return this.options.constitutionalHash ?? this.environment.constitutionalHash ?? this.session?.constitutionalHash ?? this.environment.genesisLabel;
  }

  get username(): string | undefined {
    return this.session?.username;
  }

  /** Ends the exchange under way; whoever waits for it gets a TransportError of kind `aborted`. */
  interrupt(): void {
    this.interruption.abort();
  }

  /**
   * Sends a shipped document and hands back its data.
   * @throws CliError
   */
  async ask<T = Record<string, unknown>>(name: string, variables: Readonly<Record<string, unknown>> = {}, { anonymous = false, partial }: AskOptions = {}): Promise<T> {
    const document = shippedDocument(name);
    let headers = anonymous ? {} : await this.credentials();
    let answer = await this.post(document, variables, headers);
    const code = answer.errors?.[0]?.extensions?.['code'];
    if (!anonymous && answer.data == null && (code === 'UNAUTHENTICATED' || code === 'TOKEN_EXPIRED') && this.session?.credential.kind === 'session') {
      headers = await this.refresh();
      answer = await this.post(document, variables, headers);
    }
    const { errors = [], data } = answer;
    if (errors.length > 0) {
      const usable = partial !== undefined && data != null && Object.values(data).some((value) => value !== null);
      if (!usable) throw await answerFault({ errors, document, variables, server: this.server, health: () => this.health() });
      partial(errors);
    }
    if (data == null) throw new CliError('NOT_A_CONTROL_PLANE', `${this.server} answered without data.`);
    return data as T;
  }

  /** State of the gateway and of the subgraphs behind it, as it tells everybody. @throws CliError */
  async health(): Promise<Health> {
    const url = `${this.server}/health/ready`;
    let answer: HttpAnswer;
    try {
      answer = await exchange({ method: 'GET', url, timeoutMs: this.options.timeoutMs ?? REQUEST_TIMEOUT_MS, signal: this.interruption.signal });
    } catch (error) {
      throw this.transportFault(error, false, {});
    }
    const body = parsed(answer.body) as Health | undefined;
    if (typeof body?.status !== 'string') throw new CliError('NOT_A_CONTROL_PLANE', `${url} answered ${answer.status}, but not as a control plane does.`);
    return body;
  }

  /** Credentials for a request: refreshed when they are about to end. @throws CliError NOT_LOGGED_IN, SESSION_EXPIRED */
  async credentials(): Promise<Record<string, string>> {
    // Another command may have refreshed it since.
    if (this.session !== undefined && !this.onTrial) this.session = this.store.find(this.profile) ?? this.session;
    const credential = this.session?.credential;
    if (credential === undefined) throw this.notLoggedIn();
    if (credential.kind === 'api-key') return { 'x-api-key': credential.apiKey };
    if (Date.parse(credential.expiresAt) - Date.now() > REFRESH_MARGIN_MS) return { authorization: `Bearer ${credential.accessToken}` };
    return this.refresh();
  }

  /** Uses a session without keeping it. */
  tryOut(session: StoredSession): void {
    this.session = session;
    this.onTrial = true;
  }

  /** Keeps what a login gave. */
  remember(session: StoredSession): void {
    this.session = session;
    this.onTrial = false;
    this.store.save(this.profile, session, true);
  }

  forget(): void {
    this.session = undefined;
    this.store.forget(this.profile);
  }

  private notLoggedIn(): CliError {
    return new CliError('NOT_LOGGED_IN', `You are not logged in at ${this.server}${this.profile === DEFAULT_PROFILE ? '' : ` with profile ${this.profile}`}.`, `acgs login${this.profile === DEFAULT_PROFILE ? '' : ` --profile ${this.profile}`}`);
  }

  /**
   * Trades the refresh token. Its hash is the key: two commands at the same time get the same successor, where a token
   * that comes back without it would end the session.
   */
  private async refresh(): Promise<Record<string, string>> {
    const session = this.session;
    if (session?.credential.kind !== 'session') throw this.notLoggedIn();
    const { refreshToken } = session.credential;
    const key = `acgs-cli-${createHash('sha256').update(refreshToken).digest('hex').slice(0, 32)}`;
    const answer = await this.post(shippedDocument('refresh-session'), { refreshToken, idempotencyKey: key }, {}, false);
    const result = (answer.data as { refreshSession?: { accessToken?: string; refreshToken?: string; expiresAt?: string } } | null)?.refreshSession;
    if (result?.accessToken === undefined || result.refreshToken === undefined || result.expiresAt === undefined) {
      const [error] = answer.errors ?? [];
      const code = error?.extensions?.['code'];
      if (error !== undefined && code !== 'UNAUTHENTICATED' && code !== 'TOKEN_EXPIRED') throw await answerFault({ errors: [error], document: shippedDocument('refresh-session'), variables: {}, server: this.server, health: () => this.health() });
      throw new CliError('SESSION_EXPIRED', 'Your login has expired or was ended.', 'acgs login');
    }
    const credential = { kind: 'session' as const, accessToken: result.accessToken, refreshToken: result.refreshToken, expiresAt: result.expiresAt };
    this.session = { ...session, credential };
    this.store.save(this.profile, this.session, false);
    return { authorization: `Bearer ${credential.accessToken}` };
  }

  private async post(document: ReturnType<typeof shippedDocument>, variables: Readonly<Record<string, unknown>>, headers: Record<string, string>, changes = document.kind === 'mutation'): Promise<GraphAnswer> {
    const { options, environment, session } = this;
    // A login works before any hash is known; what is CRITICAL asks for it.
    const label = options.constitutionalHash ?? environment.constitutionalHash ?? session?.constitutionalHash ?? (document.name === 'login' || document.name === 'refresh-session' ? undefined : environment.genesisLabel);
    let answer: HttpAnswer;
    try {
      answer = await exchange({
        method: 'POST', url: `${this.server}/graphql`, timeoutMs: options.timeoutMs ?? REQUEST_TIMEOUT_MS, signal: this.interruption.signal,
        headers: {
          'content-type': 'application/json', accept: 'application/graphql-response+json, application/json',
          'apollographql-client-name': 'acgs-cli', 'apollographql-client-version': programVersion(),
          ...(label === undefined ? {} : { 'x-constitutional-hash': label }), ...headers,
        },
        body: JSON.stringify({ query: document.text, operationName: document.operationName, variables }),
      });
    } catch (error) {
      throw this.transportFault(error, changes, variables);
    }
    const body = parsed(answer.body) as GraphAnswer | undefined;
    if (body?.data !== undefined || Array.isArray(body?.errors)) return body;
    if (changes && answer.status >= 500) throw outcomeUnknown(`the server answered ${answer.status} without a GraphQL answer`, variables);
    throw new CliError('NOT_A_CONTROL_PLANE', `${this.server}/graphql answered ${answer.status}, but not as a control plane does.`);
  }

  private transportFault(error: unknown, changes: boolean, variables: Readonly<Record<string, unknown>>): unknown {
    if (!(error instanceof TransportError)) return error;
    if (error.sent && changes) return outcomeUnknown(error.kind === 'aborted' ? 'it was interrupted' : error.message, variables, error);
    if (error.kind === 'aborted') return new CliError('INTERRUPTED', 'Interrupted; nothing was changed.');
    if (error.kind === 'timeout' && error.sent) return new CliError('TIMEOUT', `${this.server} did not answer: ${error.message}.`, undefined, undefined, { cause: error });
    return new CliError('UNREACHABLE', `${this.server} cannot be reached: ${error.message}.`, 'acgs health --server URL', undefined, { cause: error });
  }
}

/** A mutation may have taken effect; `cause` of kind `aborted` means that the user interrupted it. */
function outcomeUnknown(reason: string, variables: Readonly<Record<string, unknown>>, cause?: TransportError): CliError {
  const key = variables['idempotencyKey'];
  return new CliError('OUTCOME_UNKNOWN', `The request was sent and the answer did not come: ${reason}. It may have taken effect.${typeof key === 'string' ? ` Idempotency key: ${key}` : ''}`, undefined, cause?.kind === 'aborted' ? 'INTERRUPTED' : undefined, { cause });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function origin(server: string): string {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) throw new CliError('USAGE', `The server is a URL such as ${DEFAULT_SERVER}, not "${server}".`);
  return `${url.origin}${url.pathname.replace(/\/(graphql)?$/, '')}`;
}
