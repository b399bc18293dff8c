/** Logging in and out. */
import { readFileSync } from 'node:fs';
import type { Run } from '../act.js';
import { CliError, EXIT } from '../exit-codes.js';
import { printable } from '../output/cells.js';
import { print } from '../output/print.js';
import { warnOfPlainHttp } from '../plain-http.js';
import { readLine, secret } from '../prompt.js';
import { dryRun, keyed, send } from '../run-verb.js';
import type { StoredSession } from '../session-store.js';

interface LoginResult {
  readonly login: { readonly accessToken?: string; readonly refreshToken?: string; readonly expiresAt?: string; readonly code?: string; readonly message?: string; readonly session?: { readonly expiresAt: string } };
}

/** Trades a password for a session, or tries an API key, and keeps what came of it. */
export async function login(run: Run): Promise<number> {
  const { values, options, terminal, graph, environment } = run;
  const apiKey = values['api-key'];
  const username = typeof values['username'] === 'string' ? values['username'] : typeof apiKey === 'string' || options.dryRun ? '' : terminal.canAsk ? await readLine(terminal, 'Username: ', true) : '';
  if (options.dryRun) return dryRun(run, [{ operation: 'login', variables: { username, password: '' } }]);
  warnOfPlainHttp(run, typeof apiKey === 'string' ? 'The API key' : 'The password');
  // The server names the constitution it runs under; from here on the session works under that label, so that a later rotation is noticed.
  const constitutionalHash = options.constitutionalHash ?? environment.constitutionalHash ?? (await graph.health()).constitutionalHash ?? environment.genesisLabel;
  if (typeof apiKey === 'string') return withApiKey(run, apiKey, constitutionalHash);
  if (username === '') throw new CliError('USAGE', 'Say who logs in.', 'acgs login USERNAME');
  const password = await secret(terminal, values['password'], 'Password: ', () => readFileSync(0, 'utf8'));
  const { login: result } = await graph.ask<LoginResult & Record<string, unknown>>('login', keyed(run, { username, password }), { anonymous: true });
  if (result.accessToken === undefined || result.refreshToken === undefined || result.expiresAt === undefined) throw new CliError(result.code ?? 'UNAUTHENTICATED', result.message ?? 'The login was refused.', undefined, 'LOGIN');
  const session: StoredSession = { server: graph.server, constitutionalHash, username, credential: { kind: 'session', accessToken: result.accessToken, refreshToken: result.refreshToken, expiresAt: result.expiresAt } };
  graph.remember(session);
  return told(run, session, result.session?.expiresAt);
}

async function withApiKey(run: Run, apiKey: string, constitutionalHash: string): Promise<number> {
  const { graph } = run;
  const session: StoredSession = { server: graph.server, constitutionalHash, username: '', credential: { kind: 'api-key', apiKey } };
  graph.tryOut(session);
  const { me } = await send<{ me: { principal: { username: string } } | null }>(run, 'who-am-i', {});
  if (me === null) throw new CliError('UNAUTHENTICATED', 'The API key is not valid.');
  const known = { ...session, username: me.principal.username };
  graph.remember(known);
  return told(run, known, undefined);
}

async function told(run: Run, { server, username, constitutionalHash }: StoredSession, expiresAt: string | undefined): Promise<number> {
  const { options, terminal, graph } = run;
  const value = { username, server, profile: graph.profile, constitutionalHash, sessionExpiresAt: expiresAt ?? null };
  if (options.output !== 'table' && options.output !== 'wide') await print(run, { value, columns: [], resource: 'session', nameAt: 'profile' });
  else if (!options.quiet) terminal.out(`Logged in at ${server} as ${printable(username)}, under ${constitutionalHash}.\n`);
  return EXIT.OK.code;
}

/** Ends the session at the server and forgets it here; forgets it here even when the server does not know it any more. */
export async function logout(run: Run): Promise<number> {
  const { graph, options, terminal } = run;
  if (options.dryRun) return dryRun(run, [{ operation: 'logout', variables: keyed(run, {}) }]);
  try {
    await send(run, 'logout', keyed(run, {}));
  } catch (error) {
    if (!(error instanceof CliError) || (error.code !== 'SESSION_EXPIRED' && error.code !== 'CONFLICT')) throw error;
  }
  graph.forget();
  if (!options.quiet) terminal.out('Logged out.\n');
  return EXIT.OK.code;
}
