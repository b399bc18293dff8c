/** The subscriber of the demonstration: prints alerts and incidents as they come and lets the story wait for one. */
import WebSocket from 'ws';
import { subscribeWithResume, type ResumableSubscription } from '../client/subscription-client.js';
import { operation, type Person } from './cast.js';

export interface SeenAlert {
  readonly id: string;
  readonly name: string;
  readonly level: string;
  readonly summary: string;
  /** When the webhook brought it. */
  readonly receivedAt: string;
  readonly constitutionalHash: string;
  readonly incident: { readonly id: string; readonly severity: string; readonly status: string } | null;
  readonly service: { readonly id: string; readonly name: string; readonly onCall: { readonly displayName: string } | null; readonly compliance: { readonly score: number } | null; readonly activeDeployment: { readonly id: string; readonly version: string } | null } | null;
}

export interface SeenIncident {
  readonly id: string;
  readonly title: string;
  readonly severity: string;
  readonly status: string;
  readonly version: number;
  readonly constitutionalHash: string;
  readonly acknowledgedBy: { readonly displayName: string } | null;
}

interface Seen<T> {
  readonly value: T;
  /** When the message arrived, milliseconds since the epoch. */
  readonly at: number;
}

/** Follows both streams for one person. */
export class Watcher {
  private readonly alerts: Seen<SeenAlert>[] = [];
  private readonly incidents: Seen<SeenIncident>[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly subscriptions: ResumableSubscription[];
  private open = 0;

  constructor(url: string, person: Person) {
    const follow = <T>(name: string, field: string, member: string, seen: Seen<T>[]): ResumableSubscription => subscribeWithResume<Record<string, Record<string, unknown>>>({
      url: `${url.replace('http', 'ws')}/graphql`, query: operation(name), webSocketImpl: WebSocket,
      connectionParams: () => ({ authorization: `Bearer ${person.accessToken}`, constitutionalHash: person.client.options.constitutionalHash }),
      onMessage: ({ data, errors }) => {
        if (errors !== undefined) throw new Error(`${field} failed: ${JSON.stringify(errors)}`);
        const message = data?.[field];
        if (message?.['kind'] === 'OPENED') this.open += 1;
        if (message?.['kind'] === 'EVENT') seen.push({ value: message[member] as T, at: Date.now() });
        for (const wake of this.waiting) wake();
      },
    });
    this.subscriptions = [follow('watch-alerts', 'alertRaised', 'alert', this.alerts), follow('watch-incidents', 'incidentUpdated', 'incident', this.incidents)];
    for (const { finished } of this.subscriptions) finished.catch((error: unknown) => { this.failure = error; for (const wake of this.waiting) wake(); });
  }

  private failure: unknown;

  /** Resolves when both streams are live. */
  opened(): Promise<true> {
    return this.until(() => (this.open >= 2 ? true : undefined));
  }

  alert(matches: (alert: SeenAlert) => boolean): Promise<Seen<SeenAlert>> {
    return this.until(() => this.alerts.find(({ value }) => matches(value)));
  }

  incident(matches: (incident: SeenIncident) => boolean): Promise<Seen<SeenIncident>> {
    return this.until(() => this.incidents.find(({ value }) => matches(value)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.subscriptions.map((subscription) => subscription.stop()));
  }

  private until<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(new Error('Nothing came within 60 s.')), 60_000);
      const finish = (error: unknown, value?: T): void => {
        clearTimeout(timer);
        this.waiting.delete(look);
        if (value === undefined) reject(error instanceof Error ? error : new Error(String(error)));
        else resolve(value);
      };
      const look = (): void => {
        const value = find();
        if (value !== undefined) finish(undefined, value);
        else if (this.failure !== undefined) finish(this.failure);
      };
      this.waiting.add(look);
      look();
    });
  }
}
