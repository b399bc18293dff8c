/** The graph, the operation and the messages that the subscriber benchmark's processes agree on. */
import { readFileSync } from 'node:fs';
import { projectPath } from '../../runtime/package-root.js';

export const HASH = 'cdd01ef066bc6cf2';
/** The subgraph that owns the stream; auth is served by the same process. */
export const OWNER = 'policy-governance';

const LINKS = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@composeDirective", "@authenticated"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @link(url: "https://specs.acgs.internal/impersonal/v1.0", import: ["@impersonal"])
  @composeDirective(name: "@constitutional")
  @composeDirective(name: "@impersonal")
  @constitutional(hash: "${HASH}")
${['constitutional.graphql', 'common.graphql'].map((file) => readFileSync(projectPath('schema', file), 'utf8')).join('\n')}`;

const STREAM_SDL = `${LINKS}
type Query { alertCount: Int! }
type Subscription { alertRaised(after: Cursor): AlertMessage! @authenticated @impersonal(subgraph: "${OWNER}") }
type AlertMessage @impersonal(subgraph: "${OWNER}") { cursor: Cursor! kind: StreamMessageKind! alert: Alert }
type Alert @key(fields: "id") @impersonal(subgraph: "${OWNER}") { id: ID! seq: Int! sentAt: Float! level: String! summary: String! labels: [String!]! }
`;
const AUTH_SDL = `${LINKS}
type Query { me: String @authenticated }
`;
/** The same graph with a field more: every plan stays. */
const WIDER_AUTH_SDL = AUTH_SDL.replace('type Query {', 'type Query { another: String');

/** Contracts of the two supergraphs that are swapped. */
export function contracts(wider: boolean): readonly { readonly name: string; readonly url: string; readonly sdl: string }[] {
  return [{ name: 'auth', url: 'http://auth', sdl: wider ? WIDER_AUTH_SDL : AUTH_SDL }, { name: OWNER, url: 'http://owner', sdl: STREAM_SDL }];
}

export const SUBSCRIPTION = 'subscription Alerts($after: Cursor) { alertRaised(after: $after) { cursor kind alert { id seq sentAt level summary labels } } }';

/** Monotonic milliseconds, comparable between processes of one machine. */
export function machineTime(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
