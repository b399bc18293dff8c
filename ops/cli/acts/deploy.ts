/** Deploying under an approved change, and rolling back. */
import type { Run } from '../act.js';
import { CliError } from '../exit-codes.js';
import { progress } from '../progress.js';
import { confirmed, dryRun, keyed, questionOf, send, show } from '../run-verb.js';
import { SERVICES } from '../verbs/parameters.js';
import type { GraphRequest } from '../verb.js';
import { variablesOf } from '../values.js';

const DEPLOYED: GraphRequest = {
  operation: 'start-deployment', rows: 'startDeployment.deployment', resource: 'deployment', verdict: { path: 'startDeployment.deployment.status', fine: ['ACTIVE', 'PENDING', 'PROBING'] },
  columns: [{ head: 'ID', path: 'id' }, { head: 'SERVICE', path: 'service.id' }, { head: 'VERSION', path: 'version' }, { head: 'STATUS', path: 'status' }, { head: 'FROM', path: 'previousInstance.url' }, { head: 'TO', path: 'instance.url' }, { head: 'FAILURE', path: 'failure', wide: true }],
};
const ROLLED_BACK: GraphRequest = {
  operation: 'rollback-deployment', rows: 'rollbackDeployment', resource: 'rollback', nameAt: 'report.id',
  columns: [{ head: 'ROLLBACK', path: 'report.id' }, { head: 'DEPLOYMENT', path: 'deployment.id' }, { head: 'STATUS', path: 'deployment.status' }, { head: 'FROM', path: 'report.from.url' }, { head: 'TO', path: 'report.to.url' }, { head: 'MS', path: 'report.durationMs' }],
};

interface Grant {
  readonly changeRequest: {
    readonly status: string;
    readonly pendingSteps: readonly { readonly authority: string; readonly roles: readonly string[]; readonly count: number }[];
    readonly grant: { readonly token: string } | null;
  } | null;
}

/**
 * Fetches the grant of an approved change and starts the deployment with it. The same idempotency key finds the same
 * deployment again, also when the grant has been used by then.
 * @throws CliError APPROVAL_NEEDED while the change lacks an approval.
 */
export async function deploy(run: Run): Promise<number> {
  const { values, options, verb } = run;
  const id = String(values['change']);
  const question = questionOf(verb, values);
  const variables = (changeGrant: string): Record<string, unknown> => keyed(run, { ...variablesOf([...(verb.positionals ?? []), ...(verb.flags ?? [])], values), changeGrant });
  if (options.dryRun) return dryRun(run, [{ operation: 'change-grant', variables: { id } }, { operation: 'start-deployment', variables: variables('(grant of the change)') }], question);
  const { changeRequest: change } = await send<Grant & Record<string, unknown>>(run, 'change-grant', { id });
  if (change === null) throw new CliError('NOTHING_FOUND', `There is no change ${id}, or you may not see it.`, 'acgs changes list');
  if (change.grant === null) throw notReady(id, change);
  if (question !== undefined) await confirmed(run, question);
  const bar = progress(run);
  bar.update(`deploying to ${String(values['service'])}: probing the instance, then moving the traffic`);
  try {
    return await show(run, DEPLOYED, await send(run, 'start-deployment', variables(change.grant.token)));
  } finally {
    bar.end();
  }
}

function notReady(id: string, { status, pendingSteps }: NonNullable<Grant['changeRequest']>): CliError {
  if (status !== 'SUBMITTED') return new CliError('APPROVAL_NEEDED', `Change ${id} is ${status} and gives no grant to you; only its requester and implementer are given one, once it is approved.`, `acgs changes show ${id}`, 'REFUSED');
  const missing = pendingSteps.map(({ authority, roles, count }) => (authority === 'CAB' ? 'the change advisory board' : `${count} of ${roles.join(', ')}`)).join('; then ');
  return new CliError('APPROVAL_NEEDED', `Change ${id} is not approved yet: it waits for ${missing === '' ? 'a decision' : missing}.`, `acgs approve ${id}`);
}

/** Points a service back; a service is resolved to the deployment that is active now. */
export async function rollback(run: Run): Promise<number> {
  const { values, options, verb } = run;
  const target = String(values['service']);
  const isService = (SERVICES as readonly string[]).includes(target);
  const question = questionOf(verb, values);
  const variables = (deploymentId: string): Record<string, unknown> => keyed(run, { ...variablesOf([...(verb.positionals ?? []), ...(verb.flags ?? [])], values), deploymentId });
  if (options.dryRun) {
    const last = { operation: 'rollback-deployment', variables: variables(isService ? '(active deployment of the service)' : target) };
    return dryRun(run, isService ? [{ operation: 'active-deployment', variables: { serviceId: target } }, last] : [last], question);
  }
  // Asked before anything is looked up: at three in the morning the answer must not hang on a second request.
  if (question !== undefined) await confirmed(run, question);
  const deploymentId = isService ? await activeDeployment(run, target) : target;
  const bar = progress(run);
  bar.update(`rolling back ${target}: probing the instance before, then moving the traffic`);
  try {
    return await show(run, ROLLED_BACK, await send(run, 'rollback-deployment', variables(deploymentId)));
  } finally {
    bar.end();
  }
}

async function activeDeployment(run: Run, serviceId: string): Promise<string> {
  const { service } = await send<{ service: { activeDeployment: { id: string } | null } | null }>(run, 'active-deployment', { serviceId });
  const id = service?.activeDeployment?.id;
  if (id === undefined) throw new CliError('NOTHING_FOUND', `Nothing is deployed for ${serviceId}.`, `acgs deployments list --service ${serviceId}`);
  return id;
}
