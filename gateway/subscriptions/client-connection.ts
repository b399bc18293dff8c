/** One client of the graphql-transport-ws protocol: what it may send when, and what its messages start. */
import { randomUUID } from 'node:crypto';
import type { GraphQLError } from 'graphql';
import { CloseCode, MessageType, parseMessage, type Message, type SubscribePayload } from 'graphql-ws';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Charge, Credentials, GatewayRequest, HeadersLike } from '../execution/contracts.js';
import { clientNamed, UNKNOWN_CLIENT } from '../observability/usage/client-name.js';
import type { ClientSocket } from './client-socket.js';
import { CLOSE, HASH_MISMATCH_REASON, expulsionOf, isExpired, type Expulsion, type Swept } from './standing.js';
import { StreamAnswer } from './stream-answer.js';
import { presentFault } from './stream-faults.js';
import type { AnswerSink, Subscriber } from './subscriber.js';
import type { Subscriptions } from './subscriptions.js';

/** What connections share. */
export interface ConnectionContext {
  readonly subscriptions: Subscriptions;
  /** True when nothing new is started. */
  readonly draining: () => boolean;
  /** Tells of every query and mutation that runs, so that a shutdown can wait for it. */
  readonly running: (answer: Promise<void>) => void;
}

const TOO_MANY_INITS = 'Too many initialisation requests';

/** Nothing here is made anew for each connection but what differs between them: there may be ten thousand. */
export class ClientConnection implements Swept {
  private readonly operations = new Map<string, ClientOperation>();
  private credentials: Credentials | undefined;
  private presentedHash: string | undefined;
  /** Operations that are being prepared or executed, those the client has completed meanwhile included. */
  private busy = 0;
  private initReceived = false;
  private client = UNKNOWN_CLIENT;
  private acknowledged = false;

  /**
   * @param openedAt milliseconds since the epoch.
   * @param address that its anonymous operations are charged to; undefined where rates are not limited.
   */
  constructor(readonly socket: ClientSocket, readonly context: ConnectionContext, private readonly openedAt: number, private readonly address?: string) {}

  /** Takes a text message; one that comes after the gateway began to close is not looked at. */
  receive(text: string): void {
    if (!this.socket.open) return;
    let message: Message;
    try {
      message = parseMessage(text);
    } catch {
      // What is wrong with it is the client's to find; the close code says that something is.
      this.socket.close(CloseCode.BadRequest, 'Invalid message received');
      return;
    }
    switch (message.type) {
      case MessageType.ConnectionInit:
        this.initialise(message.payload);
        return;
      case MessageType.Ping:
        this.socket.sendText(JSON.stringify({ type: MessageType.Pong, payload: message.payload }));
        return;
      case MessageType.Pong:
        return;
      case MessageType.Subscribe:
        this.subscribe(message.id, message.payload);
        return;
      case MessageType.Complete:
        this.operations.get(message.id)?.cancel();
        return;
      case MessageType.ConnectionAck:
      case MessageType.Next:
      case MessageType.Error:
        this.socket.close(CloseCode.BadRequest, 'Invalid message received');
    }
  }

  /** Takes a binary message, which the protocol does not have. */
  receiveBinary(): void {
    this.socket.close(CloseCode.BadRequest, 'Invalid message received');
  }

  sweep(now: number): void {
    const { deps, limits } = this.context.subscriptions;
    if (!this.initReceived && now - this.openedAt >= limits.connectionInitTimeoutMs) {
      this.socket.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout');
      return;
    }
    const expulsion = this.credentials === undefined ? undefined : expulsionOf(this.credentials, this.presentedHash, deps, now);
    if (expulsion !== undefined) this.expel(expulsion);
    else this.socket.beat(now);
  }

  /** True while the client may be sent answers; one whose token has just ended is closed instead. */
  mayReceive(): boolean {
    if (this.credentials === undefined || !isExpired(this.credentials, Date.now())) return true;
    this.sweep(Date.now());
    return false;
  }

  /** Call when the socket has closed: everything that runs is ended. */
  closed(): void {
    this.socket.closed();
    for (const operation of [...this.operations.values()]) operation.cancel();
  }

  /** An operation is over. */
  forget(operation: ClientOperation): void {
    if (this.operations.get(operation.id) === operation) this.operations.delete(operation.id);
  }

  private initialise(payload: unknown): void {
    if (this.initReceived) {
      this.socket.close(CloseCode.TooManyInitialisationRequests, TOO_MANY_INITS);
      return;
    }
    this.initReceived = true;
    const init = readInit(payload);
    if (init === undefined) {
      this.socket.close(CLOSE.badRequest, 'connection_init takes authorization or apiKey, and constitutionalHash, as strings');
      return;
    }
    this.client = init.client;
    void this.admit(init.headers, init.hash);
  }

  private async admit(headers: HeadersLike, hash: string | undefined): Promise<void> {
    const { deps } = this.context.subscriptions;
    const { rates } = deps;
    const charge = this.open();
    try {
      // The hash first: a wrong one is refused before anything is asked of a subgraph, API keys included.
      deps.gate.check([hash], { requestId: randomUUID(), principalId: null });
      this.credentials = await deps.authenticate(headers, charge === undefined ? undefined : () => rates?.chargeLookup(charge));
    } catch (error) {
      const [code, reason] = this.closingOf(charge === undefined ? error : rates?.chargeFailure(charge, null, error) ?? error);
      this.socket.close(code, reason);
      return;
    }
    this.presentedHash = hash;
    this.acknowledged = true;
    this.socket.sendText(JSON.stringify({ type: MessageType.ConnectionAck, payload: { constitutionalHash: deps.gate.active() } }));
  }

  private closingOf(error: unknown): readonly [code: number, reason: string] {
    if (!(error instanceof AcgsError)) {
      this.context.subscriptions.deps.logger.error({ err: error }, 'A connection could not be authenticated');
      return [CLOSE.internal, 'Internal server error'];
    }
    if (error.code === 'CONSTITUTIONAL_HASH_MISMATCH') return [CLOSE.hashMismatch, HASH_MISMATCH_REASON];
    if (error.code === 'TOKEN_EXPIRED') return [CLOSE.forbidden, 'Token expired'];
    return error.status >= 500 || error.code === 'RATE_LIMITED' ? [CLOSE.tryAgainLater, error.code] : [CLOSE.forbidden, error.code];
  }

  private subscribe(id: string, payload: SubscribePayload): void {
    if (!this.acknowledged || this.credentials === undefined) {
      this.socket.close(CloseCode.Unauthorized, 'Unauthorized');
      return;
    }
    if (this.operations.has(id)) {
      this.socket.close(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`);
      return;
    }
    const operation = new ClientOperation(this, id);
    this.operations.set(id, operation);
    this.context.running(this.run(operation, payload, this.credentials));
  }

  /** Prepares and starts an operation. Never rejects: what goes wrong is the operation's answer. */
  private async run(operation: ClientOperation, payload: SubscribePayload, credentials: Credentials): Promise<void> {
    const { hub, deps } = this.context.subscriptions;
    const requestId = randomUUID();
    const charge = this.open();
    this.busy += 1;
    try {
      const request = this.requestOf(requestId, payload, credentials, charge);
      const variables: Readonly<Record<string, unknown>> = payload.variables ?? {};
      const source = { query: payload.query, operationName: payload.operationName, variables };
      const prepared = await deps.prepare(request, source);
      if (operation.over) return;
      if (prepared.operation.operation === 'subscription') {
        operation.follow(hub.open({ request, prepared, source, sink: operation }));
        return;
      }
      const answer = await deps.execute(request, prepared, variables);
      operation.deliver(new StreamAnswer(answer));
      operation.complete();
    } catch (error) {
      operation.error(presentFault(charge === undefined ? error : deps.rates?.chargeFailure(charge, credentials.principal, error) ?? error, deps.logger, requestId));
    } finally {
      this.busy -= 1;
    }
  }

  private requestOf(requestId: string, payload: SubscribePayload, credentials: Credentials, charge: Charge | undefined): GatewayRequest {
    const { deps, limits } = this.context.subscriptions;
    if (this.context.draining()) throw new AcgsError('SHUTTING_DOWN');
    if (Math.max(this.operations.size, this.busy) > limits.maxOperationsPerConnection) throw new AcgsError('TOO_MANY_SUBSCRIPTIONS', undefined, { limit: limits.maxOperationsPerConnection });
    const { principal, credentialId, tokenExpiresAt, revocationEpoch } = credentials;
    const hashPresented = deps.gate.check([this.presentedHash, payload.extensions?.['constitutionalHash']], { requestId, principalId: principal?.id ?? null });
    return { requestId, principal, credentialId, tokenExpiresAt, revocationEpoch, hashPresented, deadline: Date.now() + limits.operationTimeoutMs, snapshot: deps.snapshot(), client: this.client, charge };
  }

  /** Begins a charge; undefined where rates are not limited. */
  private open(): Charge | undefined {
    return this.address === undefined ? undefined : this.context.subscriptions.deps.rates?.open(this.address);
  }

  private expel({ closeCode, reason }: Expulsion): void {
    this.socket.close(closeCode, reason);
  }
}

/** One running operation of a connection; after its end nothing is sent for its id. */
class ClientOperation implements AnswerSink {
  private subscriber: Subscriber | undefined;
  private ended = false;

  constructor(private readonly connection: ClientConnection, readonly id: string) {}

  get over(): boolean {
    return this.ended;
  }

  /** The operation is a subscription; it may have ended while it was opened. */
  follow(subscriber: Subscriber): void {
    this.subscriber = subscriber;
    if (this.ended) subscriber.close();
  }

  /** Ends it without a word: the client completed it or is gone. */
  cancel(): void {
    this.finish();
    this.subscriber?.close();
  }

  deliver(answer: StreamAnswer): void {
    if (!this.ended && this.connection.mayReceive()) this.connection.socket.sendNext(answer, this.id);
  }

  error(errors: readonly GraphQLError[]): void {
    if (this.finish()) this.connection.socket.sendText(JSON.stringify({ id: this.id, type: MessageType.Error, payload: errors }));
  }

  complete(): void {
    if (this.finish()) this.connection.socket.sendText(JSON.stringify({ id: this.id, type: MessageType.Complete }));
  }

  goingAway(): void {
    // The connection is closed with 1001 for all its operations at once.
  }

  congested(): boolean {
    return this.connection.socket.congested();
  }

  caughtUp(): Promise<boolean> {
    return this.connection.socket.caughtUp();
  }

  cork(): void {
    this.connection.socket.cork();
  }

  uncork(): void {
    this.connection.socket.uncork();
  }

  private finish(): boolean {
    if (this.ended) return false;
    this.ended = true;
    this.connection.forget(this);
    return true;
  }
}

/** The payload of `connection_init`, or undefined when a member has the wrong type. */
function readInit(payload: unknown): { headers: HeadersLike; hash: string | undefined; client: string } | undefined {
  const { authorization, apiKey, constitutionalHash, clientName } = (typeof payload === 'object' && payload !== null ? payload : {}) as Record<string, unknown>;
  if (!isOptionalString(authorization) || !isOptionalString(apiKey) || !isOptionalString(constitutionalHash)) return undefined;
  return { headers: { authorization, 'x-api-key': apiKey }, hash: constitutionalHash, client: clientNamed(clientName) };
}

function isOptionalString(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
