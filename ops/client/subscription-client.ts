/** A subscription that survives reconnects without loss: keeps the last cursor and asks for what came after it. Node and browsers. */
import { createClient, type Client } from 'graphql-ws';

/** One message as the gateway sends it. */
export interface SubscriptionMessage<Data> {
  readonly data?: Data | null;
  readonly errors?: ReadonlyArray<{ readonly message: string; readonly path?: ReadonlyArray<string | number>; readonly extensions?: Readonly<Record<string, unknown>> }>;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Why `connectionParams` is called. */
export interface ConnectionAttempt {
  /** 0 for the first connection, then counted since the last message. */
  readonly attempt: number;
  /** True when the gateway has just refused or dropped the credentials (4403): fetch new ones. */
  readonly refused: boolean;
}

export type SubscriptionState =
  /** Connecting; `delayMs` is how long the client waited first. */
  | { readonly kind: 'connecting'; readonly attempt: number; readonly delayMs: number }
  /** Messages flow again or for the first time. */
  | { readonly kind: 'live'; readonly cursor: string }
  /** The connection or the stream broke; it will be resumed after `cursor`. */
  | { readonly kind: 'interrupted'; readonly cause: SubscriptionCause; readonly cursor: string | undefined }
  /** The stream ended by itself. */
  | { readonly kind: 'completed'; readonly cursor: string | undefined }
  /** Nothing more will come: see `error`. */
  | { readonly kind: 'failed'; readonly error: SubscriptionError }
  /** `stop` was called. */
  | { readonly kind: 'stopped'; readonly cursor: string | undefined };

/** What broke: a close code of the WebSocket or an error code of the stream. */
export interface SubscriptionCause {
  readonly closeCode: number | undefined;
  readonly code: string | undefined;
  readonly message: string;
}

/** A fault the client cannot mend by reconnecting, for example CURSOR_EXPIRED. */
export class SubscriptionError extends Error {
  override readonly name = 'SubscriptionError';
  /** @param code error code of docs/errors.md, `CLOSED_<close code>`, or CURSOR_NOT_SELECTED. */
  constructor(readonly code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
  }
}

export interface ResumableSubscriptionOptions<Data = Record<string, unknown>> {
  /** `wss://…/graphql`. */
  readonly url: string;
  /** A document with one subscription field that takes `after: $after` and selects `cursor`. */
  readonly query: string;
  /** Variables; `after` (see `afterVariable`) is where to start, for example a cursor kept from an earlier run. */
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
  /** Payload of `connection_init`, asked for at every connection: credentials and `constitutionalHash`. */
  readonly connectionParams?: (attempt: ConnectionAttempt) => Promise<Record<string, unknown>> | Record<string, unknown>;
  /**
   * Takes each message, in order, the next only when the last was taken. The cursor moves when it returns (or its
   * promise resolves), so a message is handed over again if the process dies before. A throw ends the subscription.
   */
  readonly onMessage: (message: SubscriptionMessage<Data>) => void | Promise<void>;
  readonly onState?: (state: SubscriptionState) => void;
  /** Where the cursor stands in `data`; default the only field's `cursor`. Needed when `cursor` is aliased. */
  readonly cursorPath?: readonly string[];
  /** Variable that carries the cursor; default `after`. */
  readonly afterVariable?: string;
  /** A WebSocket class where there is no global one (Node 20: that of `ws`). */
  readonly webSocketImpl?: unknown;
  /** First and longest wait before a reconnect, milliseconds, each shortened by up to half at random; default 250 and 15,000. */
  readonly backoffMs?: readonly [first: number, longest: number];
  /** Attempts in a row without a message before giving up; default Infinity. */
  readonly maxAttempts?: number;
}

export interface ResumableSubscription {
  /** Cursor after the last message that was taken; undefined before the first. */
  cursor(): string | undefined;
  /** Ends the subscription; resolves when the message being taken is done. */
  stop(): Promise<void>;
  /** Resolves when the stream ends or `stop` was called; rejects with SubscriptionError. */
  readonly finished: Promise<void>;
}

/** Error codes that pass; the stream is resumed. All others are the caller's to know. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  'SUBSCRIPTION_LAGGING', 'RATE_LIMITED', 'SUBGRAPH_UNAVAILABLE', 'SUBGRAPH_TIMEOUT', 'DATABASE_UNAVAILABLE', 'SHUTTING_DOWN', 'REVOCATION_FEED_STALE', 'CONSTITUTIONAL_VIOLATION', 'INTERNAL',
]);

/** Close codes after which another attempt would end alike (docs/subscriptions.md). 4403 is allowed once with new credentials. */
const FATAL_CLOSES: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, 1009, 1010, 4004, 4005, 4400, 4401, 4406, 4409, 4429]);

/** Interval of pings, and how long the answer may take: a dead path shows itself within twice this time. */
const PING_MS = 15_000;

type RunEnd =
  | { readonly kind: 'completed' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'interrupted'; readonly cause: SubscriptionCause }
  | { readonly kind: 'failed'; readonly error: SubscriptionError };

/**
 * Subscribes and keeps the subscription alive. Messages are not de-duplicated: within a stream the gateway's cursors
 * strictly increase, and `after` is exclusive.
 */
export function subscribeWithResume<Data = Record<string, unknown>>(options: ResumableSubscriptionOptions<Data>): ResumableSubscription {
  const afterVariable = options.afterVariable ?? 'after';
  const [firstDelay, longestDelay] = options.backoffMs ?? [250, 15_000];
  const initial = options.variables?.[afterVariable];
  let cursor = typeof initial === 'string' ? initial : undefined;
  let stopped = false;
  let live = false;
  let failed: SubscriptionError | undefined;
  let attempt = 0;
  let refusals = 0;
  let endRun: ((end: RunEnd) => void) | undefined;
  let endWait: (() => void) | undefined;

  /** Takes one message; returns the fault that ends the subscription, if any. */
  async function take(message: SubscriptionMessage<Data>): Promise<SubscriptionError | undefined> {
    const next = cursorIn(message.data, options.cursorPath);
    if (next === undefined && message.data != null) return new SubscriptionError('CURSOR_NOT_SELECTED', 'The subscription must select cursor (or name its place by cursorPath), or it cannot be resumed.');
    try {
      await options.onMessage(message);
    } catch (cause) {
      return new SubscriptionError('CONSUMER_FAILED', 'onMessage failed; the cursor stays before the message.', { cause });
    }
    if (next !== undefined) {
      cursor = next;
      if (attempt > 0 || !live) options.onState?.({ kind: 'live', cursor: next });
      live = true;
      attempt = 0;
      refusals = 0;
    }
    return undefined;
  }

  /** One connection, from connecting until it or the stream ends and every received message was taken. */
  function run(): Promise<RunEnd> {
    return new Promise((resolve) => {
      let taking: Promise<void> = Promise.resolve();
      let over = false;
      let pongTimer: ReturnType<typeof setTimeout> | undefined;
      let unsubscribe: () => void = () => undefined;
      const end = (result: RunEnd): void => {
        if (over) return;
        over = true;
        clearTimeout(pongTimer);
        unsubscribe();
        // Disposal waits for a connection that may never be made; its failure has ended this run already.
        Promise.resolve(client.dispose()).catch(() => undefined);
        taking.then(() => resolve(result), () => resolve(result));
      };
      endRun = end;
      const client: Client = createClient({
        url: options.url,
        webSocketImpl: options.webSocketImpl,
        retryAttempts: 0,
        keepAlive: PING_MS,
        connectionAckWaitTimeout: 10_000,
        connectionParams: async () => (await options.connectionParams?.({ attempt, refused: refusals > 0 })) ?? {},
        on: {
          // First in line: the library itself would resend the old variables after a close with 1000.
          closed: (event) => end(endOfClose(event)),
          error: (error) => end({ kind: 'interrupted', cause: { closeCode: undefined, code: undefined, message: messageOf(error) } }),
          ping: (received) => {
            if (received || over) return;
            pongTimer = setTimeout(() => end({ kind: 'interrupted', cause: { closeCode: undefined, code: undefined, message: 'The gateway stopped answering.' } }), PING_MS);
          },
          pong: (received) => { if (received) clearTimeout(pongTimer); },
        },
      });
      const variables = { ...options.variables, ...(cursor === undefined ? {} : { [afterVariable]: cursor }) };
      unsubscribe = client.subscribe<Data>({ query: options.query, variables, ...(options.operationName === undefined ? {} : { operationName: options.operationName }) }, {
        next: (message) => {
          if (over) return;
          taking = taking.then(async () => {
            if (failed !== undefined || stopped) return;
            failed = await take(message as SubscriptionMessage<Data>);
            if (failed !== undefined) end({ kind: 'failed', error: failed });
          });
        },
        error: (error) => end(endOfError(error)),
        complete: () => end({ kind: 'completed' }),
      });
      if (over) unsubscribe();
    });
  }

  function endOfClose(event: unknown): RunEnd {
    const { code, reason } = event as { code?: unknown; reason?: unknown };
    const closeCode = typeof code === 'number' ? code : 1006;
    const text = typeof reason === 'string' && reason !== '' ? reason : `The connection closed (${closeCode}).`;
    if (closeCode === 4403) refusals += 1;
    if (FATAL_CLOSES.has(closeCode) || refusals > 1) return { kind: 'failed', error: new SubscriptionError(reason === 'CONSTITUTIONAL_HASH_MISMATCH' ? reason : `CLOSED_${closeCode}`, text) };
    return { kind: 'interrupted', cause: { closeCode, code: undefined, message: text } };
  }

  async function loop(): Promise<void> {
    for (;;) {
      const delayMs = attempt === 0 ? 0 : Math.min(longestDelay, firstDelay * 2 ** Math.min(attempt - 1, 16)) * (0.5 + Math.random() / 2);
      if (delayMs > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, delayMs);
          endWait = () => { clearTimeout(timer); resolve(); };
        });
      }
      if (stopped) break;
      options.onState?.({ kind: 'connecting', attempt, delayMs });
      const end = await run();
      if (failed !== undefined || end.kind === 'failed') throw failed ?? (end as { error: SubscriptionError }).error;
      if (end.kind === 'stopped' || stopped) break;
      if (end.kind === 'completed') {
        options.onState?.({ kind: 'completed', cursor });
        return;
      }
      attempt += 1;
      if (attempt > (options.maxAttempts ?? Infinity)) throw new SubscriptionError(end.cause.code ?? 'UNREACHABLE', end.cause.message);
      options.onState?.({ kind: 'interrupted', cause: end.cause, cursor });
    }
    options.onState?.({ kind: 'stopped', cursor });
  }

  const finished = loop().catch((error: unknown) => {
    const fault = error instanceof SubscriptionError ? error : new SubscriptionError('CLIENT_FAILED', messageOf(error), { cause: error });
    options.onState?.({ kind: 'failed', error: fault });
    throw fault;
  });
  // The state callback has told it; whoever awaits `finished` is told as well, and nobody has to.
  finished.catch(() => undefined);

  return {
    cursor: () => cursor,
    finished,
    async stop() {
      stopped = true;
      endWait?.();
      endRun?.({ kind: 'stopped' });
      await finished.catch(() => undefined);
    },
  };
}

/** The protocol's error message (a list of GraphQL errors) or a fault of the library. */
function endOfError(error: unknown): RunEnd {
  if (!Array.isArray(error)) return { kind: 'interrupted', cause: { closeCode: undefined, code: undefined, message: messageOf(error) } };
  const [first] = error as ReadonlyArray<{ message?: string; extensions?: { code?: unknown } }>;
  const code = typeof first?.extensions?.code === 'string' ? first.extensions.code : undefined;
  const message = first?.message ?? 'The subscription was refused.';
  if (code !== undefined && PASSING_CODES.has(code)) return { kind: 'interrupted', cause: { closeCode: undefined, code, message } };
  return { kind: 'failed', error: new SubscriptionError(code ?? 'GRAPHQL_ERROR', message) };
}

function cursorIn(data: unknown, path: readonly string[] | undefined): string | undefined {
  let value: unknown = data;
  if (path === undefined) {
    const fields = typeof data === 'object' && data !== null ? Object.values(data) : [];
    value = (fields.find((entry) => typeof entry === 'object' && entry !== null) as Record<string, unknown> | undefined)?.['cursor'];
  } else {
    for (const key of path) value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  }
  return typeof value === 'string' ? value : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}
