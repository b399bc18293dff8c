/** Traffic of every kind that the dashboards show: reads, refusals, a foreign hash, changes and approvals, checks, decisions, models, incidents, streams. */
import { GraphClient } from '../client/graph-client.js';
import { hire, login, operation, run, type Person } from '../demo/cast.js';
import { Watcher } from '../demo/watcher.js';
import type { Stoppable } from '../runtime/lifecycle.js';

export interface TrafficTarget {
  readonly gatewayUrl: string;
  readonly constitutionalHash: string;
  readonly adminPassword: string;
}

const CHECK = 'mutation($input: RunComplianceCheckInput!) { result: runComplianceCheck(input: $input) { __typename ... on Problem { code message } } }';
const DECIDE = 'mutation($input: PolicyRequest!) { result: decide(input: $input) { __typename ... on Problem { code message } } }';
const REGISTER = 'mutation($input: RegisterModelVersionInput!) { result: registerModelVersion(input: $input) { __typename ... on Problem { code message } } }';
const POINT = 'mutation($id: ID!) { result: setModelAlias(modelVersionId: $id, alias: "production") { __typename ... on Problem { code message } } }';
const JUDGED = { input: { principal: { id: 'someone', kind: 'AGENT', roles: [] }, action: 'approveChange', resource: { type: 'ChangeRequest', id: 'CHG-1' } } };
const DECLARE = 'mutation($input: DeclareIncidentInput!) { result: declareIncident(input: $input) { __typename ... on IncidentPayload { incident { id } } ... on Problem { code message } } }';

/** Does everything once that leaves rows behind, and then keeps asking. */
export class Traffic implements Stoppable {
  private running = true;
  private rounds = 0;

  private constructor(private readonly target: TrafficTarget, private readonly operator: Person, private readonly watcher: Watcher) {}

  /** @throws Error with the problem when one of the acts is refused. */
  static async begin(target: TrafficTarget): Promise<Traffic> {
    const { gatewayUrl, constitutionalHash, adminPassword } = target;
    const admin = await login(gatewayUrl, constitutionalHash, 'admin', adminPassword);
    const operator = await hire(admin.client, gatewayUrl, 'traffic-operator', 'Traffic operator', 'operator');
    const approver = await hire(admin.client, gatewayUrl, 'traffic-approver', 'Traffic approver', 'cto');
    const watcher = new Watcher(gatewayUrl, operator);
    await watcher.opened();
    const traffic = new Traffic(target, operator, watcher);
    await traffic.act(operator.client, approver.client);
    return traffic;
  }

  /** Asks until it is stopped. @param pauseMs between two rounds. */
  async keepAsking(pauseMs: number): Promise<void> {
    while (this.running) {
      await this.round();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.watcher.stop();
  }

  /** One turn of what goes on all the time, mistakes of clients included. */
  async round(): Promise<void> {
    const { client } = this.operator;
    this.rounds += 1;
    await Promise.all([
      client.send(operation('dashboard')), client.send(operation('service-360'), { id: 'auth' }), client.send('{ services { id tier } }'),
      client.send('{ nothing }'), client.send('query($id: ID!) { service(id: $id) { id compliance { score } } }', { id: 'integrity' }),
    ]);
    // What a machine under load refuses for a moment is part of the traffic.
    if (this.rounds % 5 === 1) await client.send(DECLARE, { input: { title: `Traffic ${this.rounds}`, severity: 'P3', serviceId: 'auth' } });
    if (this.rounds % 5 === 2) await client.send(DECIDE, JUDGED);
    // Now and then: what happens before the first scrape is not seen as an increase.
    if (this.rounds % 20 === 3) await new GraphClient({ url: this.target.gatewayUrl, constitutionalHash: 'ffffffffffffffff' }).send('{ services { id } }');
  }

  private async act(operator: GraphClient, approver: GraphClient): Promise<void> {
    const input = {
      title: 'Raise a limit', summary: 'The limit of depth is raised.', justification: 'A client needs it.', category: 'EMERGENCY', serviceId: 'gateway',
      action: { kind: 'CONFIGURATION', parameters: { key: 'ACGS_MAX_DEPTH', value: '13' } }, rollbackPlan: 'Set it back.',
    };
    const { change } = await run<{ change: { id: string; digest: string } }>(operator, 'create-change', { input });
    await run(approver, 'approve-change', { changeId: change.id, digest: change.digest });
    for (const [accuracy, version] of [[0.95, '1.0.0'], [0.92, '1.1.0']] as const) {
      await must(operator, REGISTER, { input: { name: 'judge', version, artifactDigest: 'a'.repeat(64), gitCommit: 'b'.repeat(40), metrics: { accuracy, compliance: 0.97, p95Seconds: 0.8 } } });
      await must(operator, POINT, { id: `judge@${version}` });
    }
    await must(operator, CHECK, { input: { serviceId: 'auth', subject: change.id, actionKind: 'DEPLOYMENT', attributes: { human_review: true, risk_score: 0.2 } } });
    await must(operator, DECIDE, JUDGED);
  }
}

async function must(client: GraphClient, query: string, variables: Record<string, unknown>): Promise<void> {
  const { result } = await client.request<{ result: { code?: string; message?: string } }>(query, variables);
  if (result.code !== undefined) throw new Error(`${query.slice(0, 60)} was refused: ${result.code} ${result.message ?? ''}`);
}
