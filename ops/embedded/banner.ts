/** What `npm start` prints: where things are, the first login, and a query to try. */
import { join } from 'node:path';
import { SUBGRAPH_NAMES } from '../runtime/subgraph-names.js';
import { FIRST_ADMINISTRATOR, initialPasswordFile, readInitialPassword } from '../../subgraphs/auth/index.js';
import type { ControlPlane } from './control-plane.js';

/** @param seconds how long the start took. */
export function banner({ plane, dataDirectory, webhookTokenFile, seconds }: { plane: ControlPlane; dataDirectory: string; webhookTokenFile: string; seconds: number }): string {
  const secrets = join(dataDirectory, 'secrets');
  const graph = `${plane.gatewayUrl}/graphql`;
  const hash = plane.installation.manifest.active;
  const password = readInitialPassword(dataDirectory);
  const login = password === null ? '' : plane.firstStart
    ? `\n  First login            ${FIRST_ADMINISTRATOR} / ${password}   (change it; kept in ${initialPasswordFile(dataDirectory)} until then)`
    : `\n  Login                  ${FIRST_ADMINISTRATOR} / the password in ${initialPasswordFile(dataDirectory)}, until it is changed`;
  return `
ACGS is running (${seconds.toFixed(1)} s).

  GraphQL                ${graph}
  Subscriptions          ${graph.replace('http', 'ws')}
  Constitutional hash    ${hash}${login}
  Alertmanager webhook   ${plane.subgraphUrls['policy-governance']}/webhooks/alertmanager   (bearer token in ${join(secrets, webhookTokenFile)})
  Subgraphs              ${SUBGRAPH_NAMES.map((name) => `${name} ${plane.subgraphUrls[name].replace(/^.*:/, ':')}`).join('  ')}

Try it:

  curl -s ${graph} -H 'content-type: application/json' \\
    -d '{"query":"{ constitutionalValidation { valid hash epoch } }"}'

Stop it with Ctrl-C.
`;
}
