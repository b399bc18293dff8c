/** Lets equal queries that are asked at the same moment share one call. */
import type { Deadlines, Expiring } from './deadlines.js';

interface Flight<T> {
  readonly startedAt: number;
  readonly waiting: Waiting<T>[];
}

interface Waiting<T> extends Expiring {
  arrive(value: T): void;
  crash(fault: unknown): void;
}

/** How long after its start a call can be joined, milliseconds: an answer is never older than that against the moment it was asked for. */
const JOIN_WINDOW_MS = 100;

/** Calls under way by a key that holds everything an answer can depend on. Moments are on the clock of `performance.now()`. */
export class InFlight<T> {
  private readonly flights = new Map<string, Flight<T>>();

  constructor(private readonly deadlines: Deadlines, private readonly windowMs = JOIN_WINDOW_MS) {}

  /**
   * Waits for a call that is under way already, and no longer than to the caller's own deadline.
   * @param expired makes what is thrown when that deadline comes first.
   * @returns undefined when there is none to join. What the call threw is thrown to everyone who joined it.
   */
  join(key: string, now: number, expiresAt: number, expired: () => Error): Promise<T> | undefined {
    const flight = this.flights.get(key);
    if (flight === undefined || now - flight.startedAt > this.windowMs) return undefined;
    return new Promise((resolve, reject) => {
      const waiting: Waiting<T> = { expiresAt, arrive: resolve, crash: reject, expire: () => reject(expired()) };
      flight.waiting.push(waiting);
      this.deadlines.add(waiting);
    });
  }

  /**
   * Lets others join a call that has just been sent.
   * @param call its answer.
   * @returns `call`.
   */
  lead(key: string, now: number, call: Promise<T>): Promise<T> {
    const flight: Flight<T> = { startedAt: now, waiting: [] };
    this.flights.set(key, flight);
    call.then((value) => {
      for (const waiting of this.land(key, flight)) waiting.arrive(value);
    }, (fault: unknown) => {
      for (const waiting of this.land(key, flight)) waiting.crash(fault);
    });
    return call;
  }

  /** Something was changed: what is asked from now on joins no call that was sent before. */
  changed(): void {
    this.flights.clear();
  }

  private land(key: string, flight: Flight<T>): Waiting<T>[] {
    if (this.flights.get(key) === flight) this.flights.delete(key);
    for (const waiting of flight.waiting) this.deadlines.remove(waiting);
    return flight.waiting;
  }
}
