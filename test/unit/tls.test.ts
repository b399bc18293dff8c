/** TLS between processes: who is let in, who is refused and on which side, and certificates that are replaced while requests run. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as plainRequest } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { WebSocketServer } from 'ws';
import { ConnectionPools } from '../../gateway/execution/upstream/connection-pools.js';
import { UpstreamFault } from '../../gateway/execution/upstream/upstream-http.js';
import { UpstreamSocket } from '../../gateway/subscriptions/upstream-socket.js';
import type { AcgsError } from '../../ops/runtime/errors.js';
import { jsonReply, startHttpServer, type RunningHttpServer } from '../../ops/runtime/http-server.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { ConfigError } from '../../ops/runtime/config.js';
import { serverTlsOf, upstreamTlsOf } from '../../ops/runtime/tls-config.js';
import { FollowedTls, readTlsFiles, TlsFileError, type TlsFiles } from '../../ops/runtime/tls-files.js';
import { HttpProber } from '../../subgraphs/evolutionary-computation/ports.js';
import { HERE, opensslAvailable, TestAuthority } from '../kit/certificates.js';

(opensslAvailable ? describe : describe.skip)('TLS between processes', () => {
  const logger = createLogger('test', 'silent');
  const never = { logger, use: 'server', intervalMs: 3_600_000 } as const;
  let authority: TestAuthority;
  let stranger: TestAuthority;
  const open: { stop(): Promise<void> }[] = [];

  beforeAll(() => {
    authority = new TestAuthority();
    authority.issue([`server,${HERE}`, 'gateway', 'auth', 'elsewhere']);
    authority.issue(['late', `ended,${HERE}`], -1);
    stranger = new TestAuthority();
    stranger.issue(['gateway', `server,${HERE}`]);
  });
  afterAll(async () => {
    await Promise.all(open.map((part) => part.stop()));
    authority.remove();
    stranger.remove();
  });

  async function serve(files: TlsFiles, clientNames: readonly string[] = []): Promise<RunningHttpServer & { readonly files: FollowedTls; readonly registry: Registry }> {
    const registry = new Registry();
    const followed = new FollowedTls(files, { ...never, registry });
    const sockets = new WebSocketServer({ noServer: true });
    const server = await startHttpServer({
      name: 'test', host: '127.0.0.1', port: 0, logger, registry, readiness: () => ({ ready: true, detail: {} }), tls: { files: followed, clientNames },
      routes: { 'POST /graphql': ({ body }) => jsonReply(200, { length: body.length }) },
      upgrades: { '/graphql': (message, socket, head) => sockets.handleUpgrade(message, socket, head, (client) => client.close(1000)) },
    });
    open.push(server, followed);
    return Object.assign(server, { files: followed, registry });
  }

  interface Asked { readonly status: number; readonly code: string | undefined }

  /** Asks over TLS without checking the server, so that only the server decides. */
  function ask(url: string, path: string, client: TlsFiles = {}, method = path === '/graphql' ? 'POST' : 'GET'): Promise<Asked> {
    return new Promise((resolve, reject) => {
      const pem = (file: string | undefined): string | undefined => (file === undefined ? undefined : readFileSync(file, 'utf8'));
      const sent = request(`${url}${path}`, { method, agent: false, rejectUnauthorized: false, cert: pem(client.certFile), key: pem(client.keyFile) }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => { text += chunk.toString(); });
        response.on('end', () => {
          const parsed = text.startsWith('{') ? JSON.parse(text) as { error?: { code?: string } } : {};
          resolve({ status: response.statusCode ?? 0, code: parsed.error?.code });
        });
      });
      sent.on('error', reject);
      sent.end(method === 'POST' ? '{}' : undefined);
    });
  }

  function pools(files: TlsFiles | undefined, faults: string[] = []): { readonly pools: ConnectionPools; readonly files: FollowedTls | undefined } {
    const followed = files === undefined ? undefined : new FollowedTls(files, { ...never, use: 'client' });
    const made = new ConnectionPools({ tls: followed === undefined ? undefined : () => followed.current(), onConnectError: (_origin, error) => faults.push((error as NodeJS.ErrnoException).code ?? error.message) });
    open.push(made, ...(followed === undefined ? [] : [followed]));
    return { pools: made, files: followed };
  }

  const post = { method: 'POST', path: '/graphql', headers: { 'content-type': 'application/json' }, body: '{}', timeoutMs: 5_000 } as const;

  describe('a server with authorities of clients', () => {
    let server: Awaited<ReturnType<typeof serve>>;
    beforeAll(async () => { server = await serve(authority.filesOf('server'), ['gateway', 'prometheus']); });

    test('answers the gateway, and probes without a certificate on the health paths only', async () => {
      expect(server.url).toMatch(/^https:/);
      expect(await ask(server.url, '/graphql', authority.filesOf('gateway'))).toEqual({ status: 200, code: undefined });
      for (const path of ['/health/live', '/health/ready']) expect(await ask(server.url, path)).toEqual({ status: 200, code: undefined });
      for (const path of ['/graphql', '/metrics', '/nowhere', '/health/live/../metrics', '//health/live']) {
        expect({ path, ...await ask(server.url, path) }).toEqual({ path, status: 403, code: 'CLIENT_CERTIFICATE_REQUIRED' });
      }
    });

    test.each([
      ['of another authority', () => stranger.filesOf('gateway')],
      ['that has ended', () => authority.filesOf('late')],
      ['of its authority under another name', () => authority.filesOf('auth')],
    ])('refuses a certificate %s', async (_what, files) => {
      expect(await ask(server.url, '/graphql', files())).toEqual({ status: 403, code: 'CLIENT_CERTIFICATE_REQUIRED' });
      expect(await ask(server.url, '/health/ready', files())).toEqual({ status: 200, code: undefined });
    });

    test('refuses an upgrade without a certificate, and takes it with one', async () => {
      const upgraded = (files: TlsFiles): Promise<string> => new Promise((resolve, reject) => {
        const material = readTlsFiles({ ...files, caFile: authority.file('gateway', 'ca.crt') });
        const socket: TLSSocket = connect({ host: '127.0.0.1', port: server.port, ...material }, () => {
          socket.write('GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
        });
        socket.once('data', (chunk: Buffer) => { resolve(chunk.toString().split('\r\n')[0] ?? ''); socket.destroy(); });
        socket.once('error', reject);
      });
      expect(await upgraded({})).toBe('HTTP/1.1 403 Forbidden');
      const { certFile, keyFile } = authority.filesOf('gateway');
      expect(await upgraded({ certFile, keyFile })).toBe('HTTP/1.1 101 Switching Protocols');
    });

    test('speaks TLS 1.2 and 1.3 and nothing older, and no plain HTTP', async () => {
      const spoken = (version: SecureVersion): Promise<string | null> => new Promise((resolve) => {
        const socket = connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false, minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }, () => { resolve(socket.getProtocol()); socket.destroy(); });
        socket.once('error', () => resolve(null));
      });
      expect(await spoken('TLSv1.1')).toBeNull();
      expect(await spoken('TLSv1.2')).toBe('TLSv1.2');
      expect(await spoken('TLSv1.3')).toBe('TLSv1.3');
      const plain = new Promise<unknown>((resolve) => { plainRequest({ host: '127.0.0.1', port: server.port, path: '/health/live' }, resolve).on('error', (error) => resolve(error)).end(); });
      expect(await plain).toMatchObject({ code: expect.any(String) });
    });

    test('tells when its certificate ends', async () => {
      expect(await server.registry.metrics()).toMatch(/acgs_tls_certificate_not_after_seconds\{use="server"\} \d{10}/);
    });
  });

  describe('the gateway refuses', () => {
    const cases: readonly [string, () => TlsFiles, () => TlsFiles, RegExp][] = [
      ['a server of another authority', () => stranger.filesOf('server'), () => authority.filesOf('gateway'), /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY/],
      ['a server whose certificate is for another host', () => authority.filesOf('elsewhere'), () => authority.filesOf('gateway'), /ERR_TLS_CERT_ALTNAME_INVALID/],
      ['a private authority when it trusts the system\'s', () => authority.filesOf('server'), () => ({ certFile: authority.file('gateway', 'tls.crt'), keyFile: authority.file('gateway', 'tls.key') }), /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY/],
    ];
    test.each(cases)('%s', async (_what, server, client, code) => {
      const { url } = await serve(server());
      const faults: string[] = [];
      const { pools: connections } = pools(client(), faults);
      const refused: unknown = await connections.request(url, post).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(UpstreamFault);
      expect(refused).toMatchObject({ kind: 'unreachable', sent: false });
      expect(faults).toEqual([expect.stringMatching(code)]);
      const ended = new Promise<AcgsError>((resolve) => {
        void new UpstreamSocket({ url: `${url.replace('https', 'wss')}/graphql`, subgraph: 'auth', tls: readTlsFiles(client()), maxMessageBytes: 1_024, openTimeoutMs: 3_000, keepAliveMs: 10_000, initPayload: () => undefined, acceptAck: () => undefined, onClosed: resolve });
      });
      expect(((await ended).cause as NodeJS.ErrnoException).code).toMatch(code);
    });

    test('a server whose certificate has ended', async () => {
      const material = { cert: readFileSync(authority.file('ended', 'tls.crt'), 'utf8'), key: readFileSync(authority.file('ended', 'tls.key'), 'utf8') };
      const { createServer: createTls } = await import('node:https');
      const server = createTls(material, (_request, response) => response.end('{}'));
      await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
      const faults: string[] = [];
      const { pools: connections } = pools(authority.filesOf('gateway'), faults);
      await expect(connections.request(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, post)).rejects.toThrow(UpstreamFault);
      expect(faults).toEqual(['CERT_HAS_EXPIRED']);
      await new Promise<void>((resolve) => { server.close(() => resolve()); });
    });
  });

  test('probes of instances check their certificate', async () => {
    const { url } = await serve(authority.filesOf('server'));
    const expected = { serviceId: 'test', acceptedHashes: [] };
    expect((await new HttpProber(logger, { caFile: stranger.file('server', 'ca.crt') }).probe(url, expected, 3_000)).outcome).toBe('UNREACHABLE');
    expect((await new HttpProber(logger, { caFile: authority.file('server', 'ca.crt') }).probe(url, expected, 3_000)).outcome).not.toBe('UNREACHABLE');
  });

  test('certificates of both sides are replaced under traffic and no request is lost', async () => {
    authority.issue([`rolling,${HERE}`, 'caller']);
    const server = await serve(authority.filesOf('rolling'));
    const { pools: connections, files } = pools(authority.filesOf('caller'));
    let running = true;
    let answered = 0;
    const callers = Array.from({ length: 8 }, async () => {
      while (running) {
        const { status } = await connections.request(server.url, post);
        expect(status).toBe(200);
        answered += 1;
      }
    });
    const serials = new Set<string>();
    const more = async (): Promise<void> => {
      const target = answered + 50;
      while (answered < target) await new Promise((resolve) => { setImmediate(resolve); });
    };
    for (let round = 0; round < 5; round += 1) {
      authority.issue([`rolling,${HERE}`, 'caller']);
      expect(server.files.look()).toBe(true);
      expect(files?.look()).toBe(true);
      // New connections beside the old ones: those that are kept alive go on under the certificate they began with.
      const { pools: fresh } = pools(authority.filesOf('caller'));
      expect((await fresh.request(server.url, post)).status).toBe(200);
      serials.add(await new Promise<string>((resolve) => { const socket = connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false }, () => { resolve(socket.getPeerCertificate().serialNumber); socket.destroy(); }); }));
      await more();
    }
    running = false;
    await Promise.all(callers);
    expect(serials.size).toBe(5);
  });

  test('files that do not hold leave the old certificate in use, and are taken once they do', async () => {
    authority.issue([`halfway,${HERE}`]);
    const { files, url } = await serve(authority.filesOf('halfway'));
    const before = files.current();
    const key = readFileSync(authority.file('halfway', 'tls.key'));
    writeFileSync(authority.file('halfway', 'tls.key'), readFileSync(authority.file('gateway', 'tls.key')));
    expect(files.look()).toBe(false);
    appendFileSync(authority.file('halfway', 'ca.crt'), 'x');
    writeFileSync(authority.file('halfway', 'tls.crt'), '');
    expect(files.look()).toBe(false);
    expect(files.current()).toBe(before);
    expect((await ask(url, '/health/live')).status).toBe(200);
    writeFileSync(authority.file('halfway', 'tls.key'), key);
    authority.issue([`halfway,${HERE}`]);
    expect(files.look()).toBe(true);
  });

  describe('files are refused by name', () => {
    test.each([
      ['a missing file', () => ({ ...authority.filesOf('gateway'), keyFile: join(authority.directory, 'nowhere.key') }), /nowhere\.key: cannot be read \(ENOENT\)/],
      ['a certificate that has ended', () => authority.filesOf('late'), /late.tls\.crt: the certificate ended on/],
      ['the key of another certificate', () => ({ ...authority.filesOf('gateway'), keyFile: authority.file('auth', 'tls.key') }), /key values mismatch/i],
      ['authorities without a certificate', () => ({ ...authority.filesOf('gateway'), caFile: authority.file('gateway', 'tls.key') }), /tls\.key: there is no PEM certificate/],
    ])('%s', (_what, files, message) => {
      expect(() => readTlsFiles(files())).toThrow(TlsFileError);
      expect(() => readTlsFiles(files())).toThrow(message);
    });

    test('settings that contradict each other', () => {
      const none = { tlsCertFile: undefined, tlsKeyFile: undefined, tlsClientCaFile: undefined, tlsClientNames: [] };
      expect(serverTlsOf(none)).toBeUndefined();
      expect(() => serverTlsOf({ ...none, tlsCertFile: 'a' })).toThrow(/ACGS_TLS_KEY_FILE/);
      expect(() => serverTlsOf({ ...none, tlsKeyFile: 'a' })).toThrow(/ACGS_TLS_CERT_FILE/);
      expect(() => serverTlsOf({ ...none, tlsClientCaFile: 'a' })).toThrow(/ACGS_TLS_CERT_FILE/);
      expect(() => serverTlsOf({ ...none, tlsCertFile: 'a', tlsKeyFile: 'b', tlsClientNames: ['gateway'] })).toThrow(/ACGS_TLS_CLIENT_CA_FILE/);
      const upstream = { upstreamCaFile: 'ca', upstreamCertFile: undefined, upstreamKeyFile: undefined };
      expect(() => upstreamTlsOf(upstream, { auth: 'https://a', integrity: 'http://b' })).toThrow(ConfigError);
      expect(() => upstreamTlsOf(upstream, { auth: 'https://a', integrity: 'http://b' })).toThrow(/integrity would be called without TLS/);
      expect(() => upstreamTlsOf({ ...upstream, upstreamKeyFile: 'k' }, {})).toThrow(/belong together/);
      expect(upstreamTlsOf({ upstreamCaFile: undefined, upstreamCertFile: undefined, upstreamKeyFile: undefined }, { auth: 'http://a' })).toBeUndefined();
    });
  });

  test('a plain server is not asked for over TLS by mistake', async () => {
    const server = createServer((_request, response) => response.end('{}'));
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const { pools: connections } = pools(authority.filesOf('gateway'));
    await expect(connections.request(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, post)).rejects.toMatchObject({ kind: 'unreachable' });
    await new Promise<void>((resolve) => { server.close(() => resolve()); });
  });
});
