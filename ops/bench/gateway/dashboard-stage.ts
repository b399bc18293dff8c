/** Our own graph and the operator's dashboard query, with canned subgraphs recorded from the real seven. */
import { readFile } from 'node:fs/promises';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { composeSupergraph } from '../../../gateway/supergraph/compose.js';
import { readSubgraphSources } from '../../../gateway/supergraph/sources.js';
import { postAlert } from '../../client/alertmanager-webhook.js';
import { GraphClient } from '../../client/graph-client.js';
import { projectPath } from '../../runtime/package-root.js';
import { SECRET } from '../../runtime/secret-files.js';
import { SUBGRAPH_NAMES } from '../../runtime/subgraph-names.js';
import { startPlaneProcess, type PlaneProcess } from '../plane-process.js';
import type { StageGraph } from './graphs.js';
import type { TokenClaims } from './principals.js';

const HASH = 'cdd01ef066bc6cf2';

/**
 * Starts the whole control plane, to answer each distinct upstream request once; it is stopped before anything is timed.
 * @param folder where its data goes.
 */
export async function dashboardStage(folder: string, environment: Readonly<Record<string, string | undefined>>): Promise<StageGraph> {
  const data = join(folder, 'plane');
  mkdirSync(data);
  const plane = await startPlaneProcess(data, environment);
  try {
    await fireAlerts(plane);
    const { claims, subject, session } = await administrator(plane);
    const { roles, scopes, policies } = claims;
    return {
      operation: await operation('dashboard'), claims, protectedGraph: true, truth: null,
      canned: {
        services: [...SUBGRAPH_NAMES],
        plane: {
          urls: plane.subgraphUrls, constitutionalHash: HASH, hopMaster: readFileSync(join(data, 'secrets', SECRET.hopMaster), 'utf8').trim(),
          principal: { id: subject, kind: 'HUMAN', roles, scopes, policies }, credentialId: session,
        },
      },
      supergraphs: (urls) => {
        const { supergraphSdl } = composeSupergraph(readSubgraphSources(Object.fromEntries(SUBGRAPH_NAMES.map((name) => [name, `${urls[name]}/graphql`]))), [HASH]);
        return { plain: supergraphSdl, bound: supergraphSdl };
      },
      recorded: () => plane.stop(),
    };
  } catch (error) {
    await plane.stop();
    throw error;
  }
}

/** Something for the dashboard to show: ten firing alerts over the seeded services. */
async function fireAlerts(plane: PlaneProcess): Promise<void> {
  for (let index = 0; index < 10; index += 1) {
    const labels = { alertname: `Bench${index}`, severity: 'warning', service: SUBGRAPH_NAMES[index % SUBGRAPH_NAMES.length] ?? 'auth', constitutional_hash: HASH };
    const response = await postAlert(plane.webhookUrl, plane.webhookToken, {
      labels, annotations: { summary: `Latency of ${labels.service} is above its objective`, description: 'Fired by the benchmark.' },
      fingerprint: index.toString(16).padStart(16, '0'), startsAt: new Date().toISOString(), groupKey: `{}:{alertname="${labels.alertname}"}`, groupLabels: { alertname: labels.alertname },
    });
    if (!response.ok) throw new Error(`The webhook answered ${response.status}: ${await response.text()}`);
  }
}

/** Claims of the first administrator's access token. */
async function administrator(plane: PlaneProcess): Promise<{ claims: TokenClaims; subject: string; session: string }> {
  const client = new GraphClient({ url: plane.url, constitutionalHash: HASH });
  const { login } = await client.request<{ login: { accessToken?: string; message?: string } }>(await operation('login'), { username: 'admin', password: plane.adminPassword });
  if (login.accessToken === undefined) throw new Error(`Login failed: ${login.message ?? 'no token'}`);
  const payload = JSON.parse(Buffer.from(login.accessToken.split('.')[1] ?? '', 'base64url').toString()) as { sub: string; sid: string; roles: string[]; scope: string; policies: string[] };
  return { claims: { roles: payload.roles, scopes: payload.scope.split(' '), policies: payload.policies }, subject: payload.sub, session: payload.sid };
}

function operation(name: string): Promise<string> {
  return readFile(projectPath('schema', 'operations', `${name}.graphql`), 'utf8');
}
