/** A mini graph whose incidents change: a subgraph with a change feed, versions to tell what an answer shows, and switches for every trouble. */
import type { ChangesAnswer } from '../../ops/runtime/change-feed.js';
import { HASH, type MiniDefinition, type MiniSubgraph } from './mini-subgraphs.js';

const HEAD = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@external", "@requires", "@composeDirective", "@authenticated", "@requiresScopes", "@policy"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @link(url: "https://specs.acgs.internal/caching/v1.0", import: ["@cacheControl"])
  @composeDirective(name: "@constitutional")
  @composeDirective(name: "@cacheControl")
  @constitutional(hash: "${HASH}")
`;

interface Change {
  readonly subjects: readonly string[];
  position: number | null;
}

/** State and feed of the changing subgraph. */
export class ChangingWorld {
  private readonly versions = new Map<string, number>();
  private readonly changes: Change[] = [];
  private readonly sleepers = new Set<() => void>();
  private numbered = 0;
  /** Identity of the numbering. */
  epoch = 'first';
  /** False cuts the feed: it hangs until the connection ends. */
  feedUp = true;
  /** False leaves events without a number. */
  numbering = true;
  /** Number the process claims to have taken in; undefined for the true one. */
  claimedPosition: number | undefined;
  /** Runs in each resolver of a version, after the value was read. */
  afterRead: (() => Promise<void>) | undefined;
  /** Questions the feed got. */
  asked = 0;

  version(id: string): number {
    return this.versions.get(id) ?? 1;
  }

  /** Changes an incident and commits. @returns its version. */
  touch(id: string, subjects: readonly string[] = [`incident Incident:${id}`]): number {
    const version = this.version(id) + 1;
    this.versions.set(id, version);
    this.changes.push({ subjects, position: null });
    if (this.numbering) this.number();
    this.wake();
    return version;
  }

  /** The state becomes another without an event, and the numbering begins anew, as after a restore. */
  restore(id: string): void {
    this.versions.set(id, this.version(id) + 1);
    this.epoch += "'";
    this.wake();
  }

  /** Numbers what has no number yet. */
  number(): void {
    for (const change of this.changes) change.position ??= ++this.numbered;
    this.wake();
  }

  position(): number {
    return this.claimedPosition ?? this.numbered;
  }

  /** Adds the feed and the position to a running mini subgraph. */
  attach(mini: MiniSubgraph | undefined): void {
    if (mini === undefined) throw new Error('There is no such mini subgraph.');
    mini.position = () => this.position();
    mini.internal.set('GET /internal/changes', async (_, query) => {
      this.asked += 1;
      const arrived = performance.now();
      const after = query.get('after') === null ? null : Number(query.get('after'));
      const until = arrived + Number(query.get('wait') ?? 0);
      for (;;) {
        while (!this.feedUp) await this.sleep(1_000);
        const waitedMs = performance.now() - arrived;
        const found = this.read(after, Number(query.get('history') ?? 0));
        if (after === null || waitedMs >= until - arrived || found.changed.length > 0 || found.position !== after || found.unnumberedMark !== query.get('mark')) return { status: 200, body: { ...found, waitedMs } satisfies ChangesAnswer };
        await this.sleep(until - performance.now());
      }
    });
  }

  /** Lets everything that waits look again. */
  wake(): void {
    for (const wake of this.sleepers) wake();
  }

  private read(after: number | null, history: number): Omit<ChangesAnswer, 'waitedMs'> {
    const from = Math.min(after ?? Math.max(0, this.numbered - history), this.numbered);
    const waiting = this.changes.filter(({ position }) => position === null);
    const subjects = (changes: readonly Change[]): string[] => [...new Set(changes.flatMap((change) => change.subjects))];
    return {
      epoch: this.epoch, from, position: this.numbered, complete: true, changed: subjects(this.changes.filter(({ position }) => position !== null && position > from)),
      unnumbered: subjects(waiting), unnumberedMark: `${waiting.length}:${this.changes.length}`,
    };
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.max(ms, 1));
      this.sleepers.add(wake);
    });
  }
}

/** The subgraph that owns the incidents; its contract holds cacheable fields of every sort. */
export function changingSubgraph(world: ChangingWorld): MiniDefinition {
  const incident = (id: string): { id: string; version: number } | null => (id === 'missing' ? null : { id, version: world.version(id) });
  const read = async <T>(value: T): Promise<T> => {
    await world.afterRead?.();
    return value;
  };
  return {
    name: 'policy-governance',
    sdl: `${HEAD}
type Query {
  incident(id: ID!): Incident @cacheControl(maxAge: 60, changedBy: ["incident"], key: "id")
  unhinted(id: ID!): Incident
  incidents: [Incident!]! @cacheControl(maxAge: 60, changedBy: ["incident"], key: "id")
}
type Mutation { touch(id: ID!, idempotencyKey: String!): Incident @constitutional(level: STANDARD) }
type Incident @key(fields: "id") {
  id: ID!
  title(language: String): String! @cacheControl(maxAge: 60, changedBy: ["incident"])
  version: Int! @cacheControl(maxAge: 60, changedBy: ["incident"])
  brief: Int! @cacheControl(maxAge: 1, changedBy: ["incident"])
  mine: String @cacheControl(maxAge: 60, changedBy: ["incident"], scope: "PRIVATE")
  guarded: String @requiresScopes(scopes: [["secrets:read"]]) @cacheControl(maxAge: 60, changedBy: ["incident"])
  critical: String @constitutional(level: CRITICAL) @cacheControl(maxAge: 60, changedBy: ["incident"])
  plain: Int!
  tags: [String!]! @cacheControl(maxAge: 60, changedBy: ["incident"])
  broken: String @cacheControl(maxAge: 60, changedBy: ["incident"])
  details: Details @cacheControl(maxAge: 60, changedBy: ["incident"])
  parent: Incident @cacheControl(maxAge: 60, changedBy: ["incident"])
  related: [Incident!]! @cacheControl(maxAge: 60, changedBy: ["incident"])
}
type Details { note: String @cacheControl(maxAge: 60, changedBy: ["incident"])  loose: String }
`,
    resolvers: {
      Query: { incident: (_: unknown, { id }: { id: string }) => incident(id), unhinted: (_: unknown, { id }: { id: string }) => incident(id), incidents: () => ['i1', 'i2'].map(incident) },
      Mutation: { touch: (_: unknown, { id }: { id: string }) => { world.touch(id); return incident(id); } },
      Incident: {
        __resolveReference: ({ id }: { id: string }) => incident(id),
        title: ({ id }: { id: string }, { language }: { language?: string }) => read(`${id} in ${language ?? 'no'} "language" ä`),
        version: ({ version }: { version: number }) => read(version), brief: ({ version }: { version: number }) => version, plain: ({ version }: { version: number }) => version,
        mine: (_: unknown, __: unknown, context: { principal: { id: string } | null }) => context.principal?.id ?? 'nobody',
        guarded: () => 'guarded', critical: () => 'critical', tags: ({ id }: { id: string }) => [id, 'tag'], broken: () => { throw new Error('broken'); },
        details: ({ version }: { version: number }) => ({ note: `note ${version}`, loose: 'loose' }),
        parent: ({ id }: { id: string }) => (id.startsWith('child') ? incident('p1') : null), related: () => [incident('i2')],
      },
    },
  };
}

/** The subgraph that refers to incidents; named auth, since every mini graph needs one. */
export const REFERRING: MiniDefinition = {
  name: 'auth',
  sdl: `
type Query { ticket(id: ID!): Ticket  tickets(ids: [ID!]!): [Ticket!]!  me: String @authenticated }
type Ticket { id: ID!  incident: Incident  other: Incident }
type Incident @key(fields: "id", resolvable: false) { id: ID! }
`,
  resolvers: {
    Query: { ticket: (_: unknown, { id }: { id: string }) => ({ id }), tickets: (_: unknown, { ids }: { ids: string[] }) => ids.map((id) => ({ id })), me: () => 'me' },
    Ticket: { incident: ({ id }: { id: string }) => ({ id }), other: ({ id }: { id: string }) => ({ id: `${id}-other` }) },
  },
};
