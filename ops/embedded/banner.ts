/** What `npm start` prints: where things are, the first login, and a query to try. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SUBGRAPH_NAMES } from '../runtime/subgraph-names.js';
import type { ControlPlane } from './control-plane.js';

/** File in the data directory that holds the first administrator's password. */
const ADMIN_PASSWORD_FILE = 'admin.password';

/** @param seconds how long the start took. */
export function banner({ plane, dataDirectory, webhookTokenFile, seconds }: { plane: ControlPlane; dataDirectory: string; webhookTokenFile: string; seconds: number }): string {
  const secrets = join(dataDirectory, 'secrets');
  const passwordFile = join(secrets, ADMIN_PASSWORD_FILE);
  const graph = `${plane.gatewayUrl}/graphql`;
  const hash = plane.installation.manifest.active;
  const login = plane.firstStart
    ? `  First login            admin / ${readFileSync(passwordFile, 'utf8').trim()}   (change it; kept in ${passwordFile})`
    : `  Login                  admin / the password in ${passwordFile}`;
  return `
ACGS is running (${seconds.toFixed(1)} s).

  GraphQL                ${graph}
  Subscriptions          ${graph.replace('http', 'ws')}
  Constitutional hash    ${hash}
${login}
  Alertmanager webhook   ${plane.subgraphUrls['policy-governance']}/webhooks/alertmanager   (bearer token in ${join(secrets, webhookTokenFile)})
  Subgraphs              ${SUBGRAPH_NAMES.map((name) => `${name} ${plane.subgraphUrls[name].replace(/^.*:/, ':')}`).join('  ')}

Try it:

  curl -s ${graph} -H 'content-type: application/json' \\
    -d '{"query":"{ constitutionalValidation { valid hash epoch } }"}'

Stop it with Ctrl-C.
`;
}
