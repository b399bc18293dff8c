/** Nothing that opens a door is in a log line, wherever it stood in what was logged. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createLogger, withoutRedaction, type Logger } from '../../ops/runtime/logger.js';
import { redactText } from '../../ops/runtime/redaction.js';

const SECRET = 'hunter2-Zq81';
const JWT = `eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.${SECRET}`;

function logged(write: (logger: Logger) => void): string {
  const lines: string[] = [];
  write(createLogger('test', 'trace', { write: (line) => lines.push(line) }));
  for (const line of lines) JSON.parse(line);
  return lines.join('');
}

class DriverError extends Error {
  readonly client = { connectionParameters: { password: SECRET } };
}

describe('credentials are not in the log', () => {
  const cases: readonly (readonly [string, (logger: Logger) => void])[] = [
    ['a member', (logger) => logger.info({ password: SECRET }, 'x')],
    ['members of any depth', (logger) => logger.info({ a: { b: [{ c: { refreshToken: SECRET, api_key: SECRET } }] } }, 'x')],
    ['headers', (logger) => logger.info({ headers: { 'Authorization': `Bearer ${SECRET}`, 'cookie': `s=${SECRET}`, 'set-cookie': [`s=${SECRET}`], 'x-api-key': SECRET, 'x-acgs-hop': SECRET } }, 'x')],
    ['an environment', (logger) => logger.info({ env: { DATABASE_URL: `postgres://u:${SECRET}@db/x`, REDIS_URL: SECRET, PGPASSWORD: SECRET, AWS_SECRET: SECRET } }, 'x')],
    ['a connection string in an error', (logger) => logger.error({ err: new Error(`cannot connect to postgres://acgs:${SECRET}@db:5432/acgs`) }, 'x')],
    ['an error logged alone', (logger) => logger.error(new Error(`redis://:${SECRET}@host refused`))],
    ['causes, parts and clients of an error', (logger) => logger.error({ err: new AggregateError([new DriverError(`password=${SECRET}`)], 'all failed', { cause: new DriverError(`token: "${SECRET}"`) }) }, 'x')],
    ['an error under another name', (logger) => logger.warn({ reason: new DriverError(`Bearer ${SECRET}`) }, 'x')],
    ['the message', (logger) => logger.info(`GET / with Authorization: Bearer ${SECRET}`)],
    ['values of the message', (logger) => logger.info('got %s', `Basic ${SECRET}`)],
    ['a token without a name', (logger) => logger.info({ note: `got ${JWT}` }, 'x')],
    ['a body as text', (logger) => logger.info({ body: `{"username":"a","password":"${SECRET}"}` }, 'x')],
    ['what says itself how it is written', (logger) => logger.info({ thing: { toJSON: () => ({ secret: SECRET }) } }, 'x')],
    ['maps and bytes', (logger) => logger.info({ map: new Map([['token', { token: SECRET }]]), key: Buffer.from(SECRET) }, 'x')],
    ['a child logger', (logger) => logger.child({ requestId: 'r' }).info({ accessToken: SECRET }, 'x')],
  ];
  test.each(cases)('%s', (_name, write) => {
    const text = logged(write);
    expect(text).not.toContain(SECRET);
    expect(text.length).toBeGreaterThan(20);
  });

  test('at any depth up to the one that is written, whatever stands beside it', () => {
    fc.assert(fc.property(fc.array(fc.string({ minLength: 1, maxLength: 8 }).filter((name) => name !== '__proto__'), { maxLength: 9 }), fc.constantFrom('password', 'apiKey', 'clientSecret', 'sessionToken', 'authorization'), fc.jsonValue(), (path, name, beside) => {
      const inner: Record<string, unknown> = { [name]: SECRET, beside };
      const value = path.reduceRight<unknown>((below, part) => ({ [part]: below }), inner);
      expect(logged((logger) => logger.info({ value }, 'x'))).not.toContain(SECRET);
    }), { numRuns: 200 });
  });
});

describe('what somebody sends at length', () => {
  test.each(['a', 'a.', '://', 'a://', 'a://b:', 'eyJ', 'eyJaaaaaa-', 'eyJaaaaaa.', 'token ', 'token=', 'bearer ', '- '])('a megabyte of "%s" is redacted at once', (unit) => {
    const text = unit.repeat(Math.ceil(1_048_576 / unit.length));
    const started = performance.now();
    const written = redactText(text);
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(written.length).toBeLessThan(70_000);
    expect(written).toMatch(/\[\d+ characters left out\]$/);
  });

  test('the cut leaves no half of a credential', () => {
    for (const secret of [`postgres://u:${SECRET}@db/x`, `password=${SECRET}`, `Bearer ${SECRET}`, JWT]) {
      for (let before = 16_300; before < 16_400; before += 1) expect(redactText(`${'a'.repeat(before - 1)} ${secret} ${'b'.repeat(20_000)}`)).not.toContain(SECRET.slice(0, 5));
    }
    expect(redactText('a '.repeat(20_000))).toBe(`${'a '.repeat(8_192)}[23616 characters left out]`);
  });

  test('a scheme may be joined to what stands before it, and be of any length', () => {
    for (const before of ['URL_', '1', 'x'.repeat(100)]) expect(redactText(`${before}postgres://u:${SECRET}@db`)).not.toContain(SECRET);
  });
});

describe('everything else is', () => {
  test('what helps to find a fault: type, code, causes, ids and numbers', () => {
    const error = Object.assign(new Error('relation does not exist', { cause: new Error('below') }), { code: '42P01', hint: 'migrate' });
    const line = JSON.parse(logged((logger) => logger.error({ err: error, requestId: 'r-1', trace: 'abc', credentialId: 'session-1', tokenExpiresAt: 7, keys: 3 }, 'A request failed'))) as Record<string, unknown>;
    expect(line).toMatchObject({ component: 'test', msg: 'A request failed', requestId: 'r-1', trace: 'abc', credentialId: 'session-1', tokenExpiresAt: 7, keys: 3, err: { type: 'Error', message: 'relation does not exist', code: '42P01', hint: 'migrate', cause: { message: 'below' } } });
    expect((line['err'] as { stack: string }).stack).toContain('logger-redaction.test');
  });

  test('a URL keeps its host and user, and text without credentials is unchanged', () => {
    expect(redactText('postgres://acgs:pw@db:5432/acgs')).toBe('postgres://acgs:[redacted]@db:5432/acgs');
    for (const text of ['http://127.0.0.1:4000/graphql', 'Basic facts about tokens', 'at 12:30 a@b.c wrote']) expect(redactText(text)).toBe(text);
  });

  test('objects without an end are cut', () => {
    const ring: Record<string, unknown> = {};
    ring['self'] = ring;
    expect(logged((logger) => logger.info({ ring }, 'x'))).toContain('[left out]');
  });

  test('lines that are known to be clean are not looked through', () => {
    expect(logged((logger) => withoutRedaction(logger).info({ note: 'token=abc' }, 'x'))).toContain('token=abc');
  });
});
