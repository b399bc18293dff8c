/** Setting a password that is never on a command line. */
import { readFileSync } from 'node:fs';
import type { Run } from '../act.js';
import { CliError } from '../exit-codes.js';
import { warnOfPlainHttp } from '../plain-http.js';
import { secret } from '../prompt.js';
import { dryRun, keyed, send, show } from '../run-verb.js';
import type { GraphRequest } from '../verb.js';

const ANSWER: GraphRequest = {
  operation: 'set-password', rows: 'setPassword.principal', resource: 'principal',
  columns: [{ head: 'ID', path: 'id' }, { head: 'USERNAME', path: 'username' }, { head: 'HAS PASSWORD', path: 'hasPassword' }],
};

/** Sets the caller's password, which needs the present one, or somebody else's. */
export async function setPassword(run: Run): Promise<number> {
  const { values, options, terminal } = run;
  const principalId = values['principal'];
  const other = typeof principalId === 'string' ? { principalId } : {};
  if (options.dryRun) return dryRun(run, [{ operation: 'set-password', variables: keyed(run, { ...other, newPassword: '' }) }]);
  warnOfPlainHttp(run, 'The password');
  const readInput = (): string => readFileSync(0, 'utf8');
  const current = typeof principalId === 'string' ? {} : { currentPassword: await secret(terminal, values['current-password'], 'Password until now: ', readInput) };
  const newPassword = await secret(terminal, values['new-password'], 'New password: ', readInput);
  if (terminal.canAsk && typeof values['new-password'] !== 'string' && newPassword !== await secret(terminal, undefined, 'New password again: ', readInput)) throw new CliError('USAGE', 'The two new passwords differ; nothing was sent.');
  return show(run, ANSWER, await send(run, 'set-password', keyed(run, { ...other, ...current, newPassword })));
}
