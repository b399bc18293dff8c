/** The built `acgs` against a running control plane: every verb, streams, the dashboard at a terminal, and everything that can go wrong. */
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { connect, createServer as createSocketServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { postAlert } from '../../ops/client/alertmanager-webhook.js';
import { VERBS } from '../../ops/cli/verbs/table.js';
import { dropRoles } from '../../ops/database/provision.js';
import { startInstance, type Instance } from '../../ops/demo/instance.js';
import { readEmbeddedConfig } from '../../ops/embedded/config.js';
import { startControlPlane, type ControlPlane } from '../../ops/embedded/control-plane.js';
import { freePort } from '../../ops/runtime/free-port.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { Cli } from '../kit/cli.js';
import { Transcript } from '../kit/cli-transcript.js';
import { createEmptyDatabase, testServerUrl } from '../kit/database.js';
import { redisEnvironment } from '../kit/redis.js';
import { until } from '../kit/until.js';
import { tellSchemaStory } from './cli-schema-story.js';
import { Story } from './cli-story.js';

let plane: ControlPlane;
let folder: string;
let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
let instance: Instance;
let cli: Cli;
let passwordFile: string;
const redis = redisEnvironment();
const rolePrefix = `acgs_c${Math.random().toString(36).slice(2, 8)}_`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acgs-cli-'));
  database = await createEmptyDatabase();
  plane = await startControlPlane(readEmbeddedConfig({ ...redis.environment, DATABASE_URL: database.adminUrl, ACGS_DATA_DIR: folder, ACGS_FREE_PORTS: 'true', ACGS_DATABASE_ROLE_PREFIX: rolePrefix, ACGS_LOG_LEVEL: 'error', ACGS_REVOCATION_MAX_AGE_MS: '20000', ACGS_SCHEMA_USAGE_INTERVAL_MS: '0' }));
  instance = await startInstance(plane, 'formal-verification', folder, { PATH: process.env['PATH'], ...redis.environment });
  passwordFile = join(folder, 'secrets', 'admin.password');
  cli = new Cli({ ACGS_CONFIG: join(folder, 'sessions.json') });
}, 60_000);

afterAll(async () => {
  await Promise.all([...servers].map(closed));
  await instance.kill();
  await plane.stop();
  await redis.cleanUp();
  await database.drop();
  await dropRoles({ connectionString: testServerUrl(), rolePrefix });
  await rm(folder, { recursive: true, force: true });
}, 30_000);

async function fireAlert(service: string, name = 'ServiceDown'): Promise<void> {
  const token = (await readFile(join(folder, 'secrets', 'alertmanager-webhook.token'), 'utf8')).trim();
  const answer = await postAlert(`${plane.subgraphUrls['policy-governance']}/webhooks/alertmanager`, token, {
    labels: { alertname: name, severity: 'critical', service, constitutional_hash: 'cdd01ef066bc6cf2' }, annotations: { summary: `${service} does not answer`, description: 'It has not been scraped.' },
    fingerprint: '5ef77f1f8a3ecf8d', startsAt: new Date().toISOString(), groupKey: `{}:{alertname="${name}", service="${service}"}`,
  });
  expect(answer.ok).toBe(true);
}

/** A session file of its own, logged in as the administrator at a URL. */
async function loggedIn(name: string, url = plane.gatewayUrl): Promise<{ cli: Cli; file: string }> {
  const file = join(folder, `${name}.json`);
  const own = new Cli({ ACGS_CONFIG: file });
  expect(await own.run(['login', 'admin', '--server', url, '--password', `@${passwordFile}`])).toMatchObject({ code: 0 });
  return { cli: own, file };
}

const PREFACE = `# Transcripts of the command line

Each verb as its test ran it against a control plane of its own; moments, identifiers, digests, ports and measurements are replaced. \`test/federation/cli.test.ts\` holds this page equal to what the program prints. What is written to standard error stands below the result; an exit code other than 0 is in brackets.
`;

test('every verb runs, and prints what docs/cli-transcripts.md says', async () => {
  const transcript = new Transcript();
  const auditComplete = async (): Promise<void> => { await until(async () => ((await cli.run(['audit', 'completeness'])).code === 0 ? true : undefined)); };
  const story = new Story({ cli, transcript, passwordFile, url: plane.gatewayUrl, instanceUrl: instance.url, fireAlert, auditComplete });
  await story.people();
  await story.onCall();
  await story.incidents();
  await story.changes();
  await story.governance();
  await tellSchemaStory(story, transcript, join(folder, 'schemas'));
  await story.wholePicture();
  // Last, since how many events it takes differs from run to run.
  transcript.heading('Streams');
  for (const noun of ['alerts', 'incidents', 'changes']) {
    const watching = cli.start([noun, 'watch', '--server', plane.gatewayUrl]);
    // A stream has no sign of being open but its first event: cause events until one is seen.
    let caused = 0;
    const seen = watching.seen('"EVENT"').then(() => true);
    while (!(await Promise.race([seen, cause(noun, (caused += 1)).then(() => false)])));
    watching.child.kill('SIGTERM');
    const { code, out, err } = await watching.ended;
    const [first = ''] = out.split('\n');
    transcript.add(`${noun} watch`, [noun, 'watch'], { code, out: `${first}\n`, err: err.replaceAll(` --server ${plane.gatewayUrl}`, '') }, [[/caused \d+/g, 'caused <n>'], [/-\d{3,}"/g, '-<n>"'], [/"version":\d+/g, '"version":<n>'], [/Cause\d+/g, 'Cause<n>']]);
  }
  expect(story.wrong).toEqual([]);
  const page = transcript.page(PREFACE);
  const file = projectPath('docs', 'cli-transcripts.md');
  if (process.env['ACGS_WRITE_DOCS'] === '1') await writeFile(file, page);
  expect(VERBS.map(({ words }) => words.join(' ')).filter((verb) => !transcript.verbs.has(verb))).toEqual([]);
  expect(page).toBe(await readFile(file, 'utf8'));
}, 180_000);

async function cause(noun: string, number: number): Promise<void> {
  if (noun === 'alerts') await fireAlert('gateway', `Cause${number}`);
  else if (noun === 'incidents') await cli.json(['incidents', 'declare', `caused ${number}`, '--severity', 'p3', '--service', 'gateway']);
  else await cli.json(['changes', 'create', `caused ${number}`, '--category', 'emergency', '--summary', 's', '--justification', 'j', '--service', 'gateway', '--action', 'other', '--parameters', '{}', '--rollback-plan', 'r']);
}

describe('streams', () => {
  test('--watch shows what is there, then what changes; Ctrl-C says how to go on, and going on loses nothing', async () => {
    const { cli: own } = await loggedIn('watch');
    const { id } = await own.json<{ id: string }>(['incidents', 'declare', 'Watched', '--severity', 'P3', '--service', 'auth']);
    const watching = own.start(['incidents', 'list', '--watch', '--service', 'auth']);
    await watching.seen('"CURRENT"');
    await own.run(['incidents', 'acknowledge', id]);
    await watching.seen('"EVENT"');
    watching.child.kill('SIGINT');
    const { code, out, err } = await watching.ended;
    expect(code).toBe(130);
    const lines = out.trim().split('\n').map((line) => JSON.parse(line) as { kind: string; incident: { id: string; acknowledgedBy: unknown } });
    expect(lines.filter(({ kind }) => kind === 'CURRENT').map(({ incident }) => incident.id)).toContain(id);
    expect(lines.at(-1)).toMatchObject({ kind: 'EVENT', incident: { id, acknowledgedBy: { displayName: 'Administrator' } } });
    const [, after = ''] = /^Go on from here: acgs incidents list --watch --service auth --after (\S+)$/m.exec(err) ?? [];
    await own.run(['incidents', 'note', id, 'While nobody watched']);
    const { incident } = await own.json<{ incident: { id: string } }>(['incidents', 'triage', id, '--severity', 'p2']).then(() => ({ incident: { id } }));
    const again = own.start(['incidents', 'list', '--watch', '--service', 'auth', '--after', after]);
    await again.seen('"TRIAGED"');
    again.child.kill('SIGTERM');
    const resumed = (await again.ended).out.trim().split('\n').map((line) => JSON.parse(line) as { kind: string; incident: { id: string; status: string } });
    expect(resumed.every(({ kind }) => kind === 'EVENT')).toBe(true);
    expect(resumed.at(-1)?.incident).toMatchObject({ id: incident.id, status: 'TRIAGED' });
  });

  test('wait ends when the stream tells of the state', async () => {
    const { cli: own } = await loggedIn('wait');
    const { id } = await own.json<{ id: string }>(['incidents', 'declare', 'Waited for', '--severity', 'P3', '--service', 'auth']);
    const waiting = own.start(['wait', 'incident', id, '--for', 'status=TRIAGED,MITIGATED', '--timeout', '20s', '-o', 'json']);
    await own.run(['incidents', 'triage', id, '--severity', 'p3']);
    const { code, out } = await waiting.ended;
    expect({ code, incident: JSON.parse(out) as unknown }).toMatchObject({ code: 0, incident: { id, status: 'TRIAGED' } });
    expect(await own.run(['wait', 'incident', id, '--for', 'colour=RED'])).toMatchObject({ code: 2 });
    expect(await own.run(['wait', 'incident', 'INC-2020-999', '--for', 'status=CLOSED'])).toMatchObject({ code: 4 });
  });

  test('a cursor that is none is refused with what to do', async () => {
    const { cli: own } = await loggedIn('cursor');
    expect(await own.run(['incidents', 'watch', '--after', 'nonsense'])).toMatchObject({ code: 2, err: expect.stringContaining('run it again without --after') });
  });
});

describe('at a terminal', () => {
  const ENTER = '\u001B[?1049h';
  const LEAVE = '\u001B[?25h\u001B[?1049l';

  test('top shows services, follows the streams, takes keys, and gives the terminal back', async () => {
    const { cli: own } = await loggedIn('top');
    const top = own.terminal(['top']);
    await top.seen('streams 3/3');
    const before = await top.seen('formal-verification');
    expect(before).toContain(ENTER);
    expect(before).toMatch(/Services \(8\)/);
    await own.run(['incidents', 'declare', 'Seen on the screen', '--severity', 'P1', '--service', 'auth']);
    await top.seen('Seen on the scr');
    top.child.stdin?.write('\t');
    await top.seen(/> Firing alerts/);
    top.child.stdin?.write('q');
    const { code, out } = await top.ended;
    expect(code).toBe(0);
    expect(out.trimEnd().endsWith(LEAVE)).toBe(true);
  });

  test('top gives the terminal back when its login ends, and says so', async () => {
    const { cli: own } = await loggedIn('top-revoked');
    const top = own.terminal(['top', '--interval', '200ms']);
    await top.seen('streams 3/3');
    const { items } = await own.json<{ items: { id: string; current: boolean }[] }>(['sessions', 'list']);
    await cli.json(['sessions', 'revoke', items.find(({ current }) => current)?.id ?? '', '--yes']);
    const { code, out } = await top.ended;
    expect(code).toBe(3);
    expect(out).toContain(LEAVE);
    expect(out.slice(out.indexOf(LEAVE))).toContain('SESSION_EXPIRED');
  });

  test('a destructive command asks: no does nothing, yes does it', async () => {
    const { cli: own } = await loggedIn('asking');
    const { id } = await own.json<{ id: string }>(['people', 'create', 'asked-about', '--kind', 'service', '--name', 'Asked about']);
    const refused = own.terminal(['people', 'disable', id, '--reason', 'r']);
    await refused.seen('[y/N]');
    refused.child.stdin?.write('n\r');
    expect(await refused.ended).toMatchObject({ code: 10, out: expect.stringContaining('NOT_CONFIRMED') });
    expect(await own.json(['people', 'show', id])).toMatchObject({ active: true });
    const agreed = own.terminal(['people', 'disable', id, '--reason', 'r']);
    await agreed.seen('[y/N]');
    agreed.child.stdin?.write('y\r');
    expect(await agreed.ended).toMatchObject({ code: 0 });
    expect(await own.json(['people', 'show', id])).toMatchObject({ active: false });
  });

  test('the password is not shown while it is typed; colour is there, and NO_COLOR takes it away', async () => {
    const own = new Cli({ ACGS_CONFIG: join(folder, 'typed.json') });
    const password = (await readFile(passwordFile, 'utf8')).trim();
    const typing = own.terminal(['login', 'admin', '--server', plane.gatewayUrl]);
    await typing.seen('Password: ');
    typing.child.stdin?.write(`${password}\r`);
    const { code, out } = await typing.ended;
    expect({ code, shown: out.includes(password) }).toEqual({ code: 0, shown: false });
    expect((await own.terminal(['roles', 'list']).ended).out).toContain('\u001B[1m');
    expect((await own.with({ NO_COLOR: '1' }).terminal(['roles', 'list']).ended).out).not.toContain('\u001B[');
    expect((await own.run(['roles', 'list'])).out).not.toContain('\u001B[');
  });

  test('an approval shows what is approved and asks for exactly that, --yes or not', async () => {
    const { cli: own } = await loggedIn('approving');
    const { id } = await own.json<{ id: string }>(['changes', 'create', 'To be read', '--category', 'emergency', '--summary', 'What it does', '--justification', 'j', '--service', 'auth', '--action', 'other', '--parameters', '{}', '--rollback-plan', 'r']);
    const approving = own.terminal(['approve', id, '--yes']);
    await approving.seen('[y/N]');
    approving.child.stdin?.write('y\r');
    const { code, out } = await approving.ended;
    expect(out).toContain('What it does');
    expect({ code, refused: out.includes('SEPARATION_OF_DUTIES') }).toEqual({ code: 4, refused: true });
  });
});

describe('sessions', () => {
  const edit = async (file: string, change: (credential: Record<string, string>) => void): Promise<void> => {
    const content = JSON.parse(await readFile(file, 'utf8')) as { profiles: Record<string, { credential: Record<string, string> }> };
    change(content.profiles['default']!.credential);
    await writeFile(file, JSON.stringify(content));
  };

  test('a token that has ended is refreshed, by two commands at the same time alike', async () => {
    const { cli: own, file } = await loggedIn('refresh');
    const before = JSON.parse(await readFile(file, 'utf8')) as { profiles: { default: { credential: { refreshToken: string } } } };
    await edit(file, (credential) => { credential['expiresAt'] = '2020-01-01T00:00:00.000Z'; credential['accessToken'] = 'ended'; });
    const both = await Promise.all([own.run(['whoami', '-o', 'name']), own.run(['whoami', '-o', 'name']), own.run(['whoami', '-o', 'name'])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(await own.run(['whoami', '-o', 'name'])).toMatchObject({ code: 0 });
    const after = JSON.parse(await readFile(file, 'utf8')) as typeof before;
    expect(after.profiles.default.credential.refreshToken).not.toBe(before.profiles.default.credential.refreshToken);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('a token that the server refuses although it seems to live is refreshed once', async () => {
    const { cli: own, file } = await loggedIn('refused');
    await edit(file, (credential) => { credential['accessToken'] = 'forged'; });
    expect(await own.run(['whoami', '-o', 'name'])).toMatchObject({ code: 0 });
  });

  test('an ended session is said to have ended', async () => {
    const { cli: own, file } = await loggedIn('ended');
    await edit(file, (credential) => { credential['expiresAt'] = '2020-01-01T00:00:00.000Z'; credential['refreshToken'] = 'unknown'; });
    expect(await own.run(['status'])).toEqual({ code: 3, out: '', err: 'acgs: SESSION_EXPIRED: Your login has expired or was ended.\nNext: acgs login\n' });
    expect(JSON.parse((await own.run(['status', '-o', 'json'])).err)).toEqual({ error: { code: 'SESSION_EXPIRED', message: 'Your login has expired or was ended.', next: 'acgs login', exit: 3 } });
  });

  test('without a login nothing is sent; a session is not shown to another server', async () => {
    const { cli: own } = await loggedIn('elsewhere');
    let requests = 0;
    const other = createServer((_, response) => { requests += 1; response.end('{}'); });
    const url = await listening(other);
    expect(await own.run(['incidents', 'list', '--server', url])).toMatchObject({ code: 3, err: expect.stringContaining('NOT_LOGGED_IN') });
    expect(await new Cli({ ACGS_CONFIG: join(folder, 'none.json') }).run(['incidents', 'list', '--server', url])).toMatchObject({ code: 3 });
    expect(requests).toBe(0);
    await closed(other);
  });
});

/** Servers that a failed test left open would keep the run from ending. */
const servers = new Set<Server | ReturnType<typeof createSocketServer>>();

async function listening(server: Server | ReturnType<typeof createSocketServer>): Promise<string> {
  servers.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function closed(server: Server | ReturnType<typeof createSocketServer>): Promise<void> {
  if (!servers.delete(server)) return;
  const end = once(server, 'close');
  server.close();
  if ('closeAllConnections' in server) server.closeAllConnections();
  await end;
}

describe('what goes wrong', () => {
  test('a server that is not there', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(await cli.run(['health', '--server', url])).toMatchObject({ code: 8, err: expect.stringContaining('UNREACHABLE') });
    expect(await cli.run(['login', 'admin', '--server', url, '--password', '-'], 'x')).toMatchObject({ code: 8 });
    expect(await cli.run(['health', '--server', 'ftp://x'])).toMatchObject({ code: 2 });
  });

  test('a server of another version: both are named', async () => {
    const supergraph = 'f'.repeat(64);
    const other = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      if (request.url === '/health/ready') response.end(JSON.stringify({ status: 'ready', supergraph, constitutionalHash: 'cdd01ef066bc6cf2', subgraphs: {}, degraded: [] }));
      else response.writeHead(400).end(JSON.stringify({ errors: [{ message: 'Cannot query field "constitutionalValidation" on type "Query".', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] }));
    });
    const url = await listening(other);
    const { code, err } = await cli.run(['compliance', 'validate', '--server', url]);
    expect(code).toBe(1);
    expect(err).toMatch(/SERVER_VERSION_MISMATCH: acgs \d+\.\d+\.\d+ was built for supergraph [0-9a-f]{12}, http:\S+ runs supergraph ffffffffffff; it does not know the operation ValidateConstitution/);
    await closed(other);
  });

  test('something else at the address', async () => {
    const other = createServer((_, response) => response.end('<html>'));
    const url = await listening(other);
    expect(await cli.run(['health', '--server', url])).toMatchObject({ code: 1, err: expect.stringContaining('NOT_A_CONTROL_PLANE') });
    await closed(other);
  });

  test('another constitutional hash is refused before anything happens', async () => {
    const { cli: own } = await loggedIn('hash');
    expect(await own.run(['incidents', 'declare', 'x', '--severity', 'p3', '--constitutional-hash', '0000000000000000'])).toMatchObject({ code: 4, err: expect.stringContaining('CONSTITUTIONAL_HASH_MISMATCH') });
  });

  test('a part of the answer that is missing is told, and the rest is shown', async () => {
    const { cli: own } = await loggedIn('partial');
    const { id } = await own.json<{ id: string }>(['people', 'create', 'sees-little', '--kind', 'human', '--name', 'Sees little']);
    await own.run(['people', 'set-password', id, '--new-password', '-'], 'correct horse battery staple\n');
    const { secret } = await own.json<{ secret: string }>(['keys', 'create', 'little', '--scope', 'service:read']);
    await own.run(['login', '--api-key', '-', '--profile', 'little', '--server', plane.gatewayUrl], secret);
    const { code, out, err } = await own.run(['services', 'list', '-o', 'json']);
    expect(code).toBe(1);
    expect((JSON.parse(out) as { items: unknown[] }).items).toHaveLength(8);
    expect(err).toContain('PARTIAL_ANSWER');
    expect(await own.run(['keys', 'revoke', 'x', '--yes'])).toMatchObject({ code: 4 });
  });

  test('a mutation whose answer is lost says how to repeat it, and the repetition does it once', async () => {
    const proxy = await lossyProxy(Number(new URL(plane.gatewayUrl).port));
    const { cli: own, file } = await loggedIn('lossy', proxy.url);
    proxy.loseAnswers(true);
    const { code, err } = await own.run(['incidents', 'declare', 'Told once', '--severity', 'P3', '--service', 'auth']);
    expect(code).toBe(9);
    expect(err).toContain('OUTCOME_UNKNOWN');
    const [, next = ''] = /^Next: (acgs .*)$/m.exec(err) ?? [];
    expect(next).toMatch(/^acgs incidents declare 'Told once' --severity P3 --service auth --idempotency-key [0-9a-f-]{36}$/);
    proxy.loseAnswers(false);
    const repeated = await promisify(execFile)('sh', ['-c', `acgs() { "${process.execPath}" "${projectPath('dist', 'ops', 'cli', 'main.js')}" "$@"; }; ${next}`], { env: { PATH: process.env['PATH'] ?? '', ACGS_CONFIG: file } });
    expect(repeated.stdout).toContain('Told once');
    const { items } = await own.json<{ items: { title: string }[] }>(['incidents', 'list', '--limit', '100']);
    expect(items.filter(({ title }) => title === 'Told once')).toHaveLength(1);
    await proxy.close();
  });

  test('Ctrl-C during a mutation says the same', async () => {
    const proxy = await lossyProxy(Number(new URL(plane.gatewayUrl).port));
    const { cli: own } = await loggedIn('interrupted', proxy.url);
    proxy.holdAnswers();
    const running = own.start(['incidents', 'declare', 'Interrupted', '--severity', 'P3']);
    await proxy.held();
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130, err: expect.stringMatching(/OUTCOME_UNKNOWN: .*it was interrupted[\s\S]*Next: acgs incidents declare Interrupted --severity P3 --idempotency-key /) });
    const waiting = own.start(['wait', 'alert', '1', '--for', 'state=RESOLVED']);
    await proxy.held();
    waiting.child.kill('SIGINT');
    expect(await waiting.ended).toMatchObject({ code: 130, err: expect.stringContaining('INTERRUPTED: Interrupted; waiting changes nothing') });
    const reading = own.start(['incidents', 'list', '--timeout', '1s']);
    expect(await reading.ended).toMatchObject({ code: 7, err: expect.stringContaining('TIMEOUT') });
    await proxy.close();
  });
});

/** Passes bytes to the gateway, and loses or holds back what it answers. */
async function lossyProxy(port: number): Promise<{ url: string; loseAnswers(lose: boolean): void; holdAnswers(): void; held(): Promise<void>; close(): Promise<void> }> {
  let mode: 'pass' | 'lose' | 'hold' = 'pass';
  let onHeld: () => void = () => undefined;
  let held: Promise<void>;
  const again = (): void => { held = new Promise((resolve) => { onHeld = resolve; }); };
  again();
  const sockets = new Set<Socket>();
  const server = createSocketServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => { client.destroy(); upstream.destroy(); });
      socket.on('close', () => { sockets.delete(socket); client.destroy(); upstream.destroy(); });
    }
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (mode === 'pass') client.write(chunk);
      else if (mode === 'lose') client.destroy();
      else onHeld();
    });
  });
  const url = await listening(server);
  return {
    url,
    held: () => held.then(again),
    loseAnswers: (lose) => { mode = lose ? 'lose' : 'pass'; },
    holdAnswers: () => { mode = 'hold'; },
    async close() {
      for (const socket of sockets) socket.destroy();
      await closed(server);
    },
  };
}
