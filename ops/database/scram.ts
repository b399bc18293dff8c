/** SCRAM-SHA-256 verifiers made on this side, so that no password is ever part of an SQL statement or a server log. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** PostgreSQL's own default iteration count. */
const ITERATIONS = 4096;

/**
 * The verifier PostgreSQL stores for a password (RFC 5802, RFC 7677; format of pg_authid.rolpassword).
 * @param password printable ASCII, for which SASLprep changes nothing.
 * @param salt default: 16 random bytes.
 * @throws RangeError when the password is empty or has other characters.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  if (!/^[\x21-\x7e]+$/.test(password)) throw new RangeError('A database password must be printable ASCII without spaces.');
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
