/** The command line's parts without a server: reading the line, values, forms of output, sessions, completions, the dashboard's screen. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readCommandLine, type CommandLine } from '../../ops/cli/command-line.js';
import { bashCompletion } from '../../ops/cli/completion/bash.js';
import { fishCompletion } from '../../ops/cli/completion/fish.js';
import { completionWords } from '../../ops/cli/completion/words.js';
import { zshCompletion } from '../../ops/cli/completion/zsh.js';
import { readCliEnvironment } from '../../ops/cli/config.js';
import { CLI_ERRORS, CliError, EXIT, exitOf } from '../../ops/cli/exit-codes.js';
import type { GlobalOptions, OutputFormat } from '../../ops/cli/global-flags.js';
import { help } from '../../ops/cli/help.js';
import { nearest } from '../../ops/cli/nearest.js';
import { cell, printable, printableJson, printableMessage, valueAt } from '../../ops/cli/output/cells.js';
import { print } from '../../ops/cli/output/print.js';
import { detail, table } from '../../ops/cli/output/table.js';
import { warnOfPlainHttp } from '../../ops/cli/plain-http.js';
import { report } from '../../ops/cli/program.js';
import { progressLine } from '../../ops/cli/progress.js';
import { quoted, repeatCommand } from '../../ops/cli/run-verb.js';
import { readRevision, readSources } from '../../ops/cli/schema/sources.js';
import { SessionStore, type StoredSession } from '../../ops/cli/session-store.js';
import type { Terminal } from '../../ops/cli/terminal.js';
import { render } from '../../ops/cli/top/render.js';
import { initialState, next, type TopState } from '../../ops/cli/top/state.js';
import { durationOf, type ValueSources } from '../../ops/cli/values.js';
import { VERBS } from '../../ops/cli/verbs/table.js';

const NOW = new Date('2026-03-01T12:00:00.000Z');
const SOURCES: ValueSources = { now: NOW, readFile: (path) => { if (path === 'missing') throw new Error('no such file'); return `content of ${path}\n`; }, readInput: () => 'from input\n' };

const read = (...argv: string[]): CommandLine => readCommandLine(argv, SOURCES);
const values = (...argv: string[]): Readonly<Record<string, unknown>> => {
  const line = read(...argv);
  if (line.kind !== 'run') throw new Error(`It is ${line.kind}.`);
  return line.invocation.values;
};
const options = (...argv: string[]): GlobalOptions => {
  const line = read(...argv);
  if (line.kind !== 'run') throw new Error(`It is ${line.kind}.`);
  return line.invocation.options;
};
const refusal = (...argv: string[]): { code: string; message: string; next: string | undefined; exit: number } => {
  try {
    read(...argv);
  } catch (error) {
    if (error instanceof CliError) return { code: error.code, message: error.message, next: error.next, exit: error.exit };
    throw error;
  }
  throw new Error('It was taken.');
};

describe('the command line', () => {
  test('a verb is found before and after global options, and by another word for its noun', () => {
    expect(values('--server', 'http://x', 'incident', 'show', 'INC-1', '-o', 'json')).toEqual({ id: 'INC-1' });
    expect(options('-o', 'wide', 'incidents', 'list', '--timeout', '5m')).toMatchObject({ output: 'wide', timeoutMs: 300_000, yes: false, watch: false });
    expect(options('incidents', 'list', '-wqo', 'json')).toMatchObject({ watch: true, quiet: true, output: 'json' });
  });

  test('values are read by their types', () => {
    expect(values('incidents', 'declare', 'Slow', '--severity', 'p2', '--started-at', '10m')).toMatchObject({ title: 'Slow', severity: 'P2', 'started-at': '2026-03-01T11:50:00.000Z' });
    expect(values('oncall', 'override', 'team', 'p', '--from', 'now', '--until', '8h', '--reason', 'r')).toMatchObject({ from: NOW.toISOString(), until: '2026-03-01T20:00:00.000Z' });
    expect(values('audit', 'list', '--since', 'today')).toEqual({ since: '2026-03-01T00:00:00.000Z' });
    expect(values('cab', 'decide', 'CAB-1', 'CHG-1', '--digest', 'd', '--vote', 'a=FOR', '--vote', 'b=AGAINST', '--rationale', '@why.txt')).toMatchObject({ vote: [{ memberId: 'a', vote: 'FOR' }, { memberId: 'b', vote: 'AGAINST' }], rationale: 'content of why.txt\n' });
    expect(values('incidents', 'note', 'INC-1', '-')).toEqual({ id: 'INC-1', text: 'from input\n' });
    expect(values('changes', 'create', 'T', '--category', 'normal', '--summary', 's', '--justification', 'j', '--service', 'auth', '--action', 'deploy-instance', '--parameters', '{"a":1}', '--rollback-plan', 'r')).toMatchObject({ action: 'DEPLOY_INSTANCE', parameters: { a: 1 } });
    expect(values('people', 'create', 'u', '--kind', 'human', '--name', 'U', '--password', '@pw')).toMatchObject({ password: 'content of pw' });
    expect(values('oncall', 'rotate', 'team', 'a', 'b', 'c')).toEqual({ team: 'team', participants: ['a', 'b', 'c'] });
  });

  test.each([
    [['incidnets', 'list'], 'UNKNOWN_VERB', 'Did you mean "incidents"?'],
    [['incidents', 'aknowledge', 'x'], 'UNKNOWN_VERB', 'Did you mean "incidents acknowledge"?'],
    [['incidents'], 'USAGE', 'Say what to do with incidents'],
    [['frobnicate'], 'UNKNOWN_VERB', 'There is no command "frobnicate".'],
    [['incidents', 'list', '--stauts', 'x'], 'USAGE', 'Did you mean --status?'],
    [['incidents', 'list', '--se', 'P1'], 'AMBIGUOUS_OPTION', '--server or --severity or --service'],
    [['incidents', 'list', '--limit', '1', '--limit', '2'], 'USAGE', '--limit is given twice'],
    [['incidents', 'list', '--limit', 'many'], 'USAGE', '--limit takes a whole number, not "many".'],
    [['incidents', 'list', '--limit'], 'USAGE', '--limit needs a value'],
    [['incidents', 'list', '--severity', 'P9'], 'USAGE', 'Did you mean P0?'],
    [['incidents', 'list', 'extra'], 'USAGE', '"extra" is one word too many.'],
    [['incidents', 'list', '-o', 'xml'], 'USAGE', '--output is one of table, json, yaml, wide, name'],
    [['incidents', 'list', '--yes=no'], 'USAGE', '--yes takes no value.'],
    [['incidents', 'triage', 'INC-1'], 'USAGE', '--severity is missing'],
    [['incidents', 'show'], 'USAGE', 'ID is missing'],
    [['incidents', 'list', '--idempotency-key', 'k'], 'USAGE', 'changes nothing'],
    [['services', 'list', '--watch'], 'USAGE', 'has nothing to watch'],
    [['login', 'admin', '--password', 'hunter2'], 'USAGE', 'does not belong on a command line'],
    [['incidents', 'note', 'INC-1', '@missing'], 'USAGE', 'TEXT names a file that cannot be read'],
    [['compliance', 'check', 'auth', '--subject', 's', '--action', 'deployment', '--attributes', '{'], 'USAGE', '--attributes is not JSON'],
    [['audit', 'list', '--since', 'yesterday'], 'USAGE', 'takes a moment'],
    [['wait', 'incident', 'x', '--for', 'status'], 'USAGE', 'path=value'],
    [['incidents', 'list', '--timeout', 'long'], 'USAGE', 'a duration'],
  ])('%j is refused: %s', (argv, code, part) => {
    const error = refusal(...argv);
    expect(error).toMatchObject({ code, exit: 2 });
    expect(error.message).toContain(part);
    if (code !== 'USAGE') expect(error.next).toMatch(/^acgs help/);
  });

  test('help is about everything, a noun, a verb; the version is asked for alone', () => {
    expect(read()).toEqual({ kind: 'help', words: [] });
    expect(read('--help')).toEqual({ kind: 'help', words: [] });
    expect(read('incidents', 'triage', '--help')).toEqual({ kind: 'help', words: ['incidents', 'triage'] });
    expect(read('incident', '-h')).toEqual({ kind: 'help', words: ['incident'] });
    expect(read('help', 'deploy')).toEqual({ kind: 'help', words: ['deploy'] });
    expect(read('--version')).toEqual({ kind: 'version' });
    expect(help([])).toContain('acgs login');
    expect(help(['incident'])).toContain('incidents triage ID --severity SEVERITY');
    expect(help(['rollback'])).toContain('Asks before it does it');
    expect(() => help(['incidents', 'tirage'])).toThrow('Did you mean "incidents triage"?');
    for (const verb of VERBS) expect(help(verb.words)).toContain(verb.summary);
  });

  test('a word that is far from every other is not guessed at', () => {
    expect(nearest('xyzzy', ['incidents', 'alerts'])).toBeUndefined();
    expect(nearest('alrets', ['incidents', 'alerts'])).toBe('alerts');
  });

  test('what is quoted for a shell comes back as it was', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1 }), { minLength: 1, maxLength: 5 }), (words) => {
      const { stdout } = spawnSync('sh', ['-c', `printf '%s\\0' ${quoted(words)}`], { encoding: 'utf8' });
      expect(stdout.split('\0').slice(0, -1)).toEqual(words);
    }), { numRuns: 25 });
  });

  test('the command that repeats a mutation carries its key once, and --yes where it would ask', () => {
    const repeat = (...argv: string[]): string => {
      const line = read(...argv);
      return line.kind === 'run' ? repeatCommand(line.invocation, 'k1') : '';
    };
    expect(repeat('incidents', 'note', 'INC-1', 'It is slow')).toBe("acgs incidents note INC-1 'It is slow' --idempotency-key k1");
    expect(repeat('changes', 'withdraw', 'C', '--reason', 'r', '--idempotency-key', 'mine')).toBe('acgs changes withdraw C --reason r --idempotency-key mine --yes');
  });

  test.each([['500ms', 500], ['60s', 60_000], ['1.5h', 5_400_000], ['2d', 172_800_000], ['1w', 604_800_000], ['60', undefined], ['s', undefined], ['-5s', undefined]])('duration %s', (text, expected) => { expect(durationOf(text)).toBe(expected); });
});

describe('exit codes', () => {
  test('are one for each meaning, and the fixed ones are fixed', () => {
    const codes = Object.values(EXIT).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    expect([EXIT.OK.code, EXIT.ERROR.code, EXIT.APPROVAL.code, EXIT.FINDINGS.code]).toEqual([0, 1, 5, 6]);
    for (const [code, { exit }] of Object.entries(CLI_ERRORS)) expect(exitOf(code)).toBe(exit);
    expect([exitOf('INDETERMINATE'), exitOf('FORBIDDEN'), exitOf('SUBGRAPH_UNAVAILABLE'), exitOf('INTERNAL')]).toEqual(['UNKNOWN', 'REFUSED', 'UNREACHABLE', 'ERROR']);
  });
});

/** A terminal that keeps what was written. */
function fakeTerminal(parts: Partial<Terminal> = {}): Terminal & { written: { out: string; err: string } } {
  const written = { out: '', err: '' };
  return { input: process.stdin, interactiveOutput: false, canAsk: false, colour: false, canDraw: false, columns: 80, out: (text) => { written.out += text; }, err: (text) => { written.err += text; }, written, ...parts };
}

describe('output', () => {
  const rows = [{ id: 'a', state: 'FIRING', at: '2026-03-01T12:00:00.123Z', tags: ['x', 'y'], owner: { name: 'O' }, ok: true }, { id: 'longer', state: null, at: null, tags: [], owner: null, ok: false }];
  const columns = [{ head: 'ID', path: 'id' }, { head: 'STATE', path: 'state' }, { head: 'AT', path: 'at' }, { head: 'TAGS', path: 'tags', wide: true }, { head: 'OWNER', path: 'owner.name' }, { head: 'OK', path: 'ok' }];
  const optionsFor = (output: OutputFormat): GlobalOptions => ({ output, quiet: false, yes: false, dryRun: false, watch: false, server: undefined, profile: undefined, constitutionalHash: undefined, idempotencyKey: undefined, timeoutMs: undefined });

  test('a table has aligned columns, wide ones only when asked', () => {
    expect(table(columns, rows, { wide: false, colour: false })).toBe('ID       STATE    AT                     OWNER   OK\na        FIRING   2026-03-01 12:00:00Z   O       yes\nlonger   -        -                      -       no\n');
    expect(table(columns, rows, { wide: true, colour: false })).toContain('x,y');
    expect(table(columns, rows, { wide: false, colour: true })).toContain('\u001B[31mFIRING');
    expect(table(columns, rows, { wide: false, colour: false, width: 20 }).split('\n').every((line) => line.length <= 20)).toBe(true);
  });

  test.each<[OutputFormat, string]>([
    ['json', '{\n  "items": [\n    {\n      "id": "a"\n    }\n  ],\n  "endCursor": "c",\n  "hasNextPage": true\n}\n'],
    ['yaml', 'items:\n  - id: a\nendCursor: c\nhasNextPage: true\n'],
    ['name', 'thing/a\n'],
    ['table', 'ID\na\n'],
  ])('a list as %s', async (format, expected) => {
    const terminal = fakeTerminal();
    await print({ options: optionsFor(format), terminal }, { value: [{ id: 'a' }], columns: [{ head: 'ID', path: 'id' }], resource: 'thing', page: { endCursor: 'c', hasNextPage: true } });
    expect(terminal.written).toEqual({ out: expected, err: '' });
  });

  test('an empty table says so on standard error, an empty list in JSON is a list', async () => {
    const terminal = fakeTerminal();
    await print({ options: optionsFor('table'), terminal }, { value: [], columns, resource: 'thing' });
    await print({ options: optionsFor('json'), terminal }, { value: [], columns, resource: 'thing' });
    expect(terminal.written).toEqual({ out: '{\n  "items": []\n}\n', err: 'Nothing found.\n' });
  });

  test('one thing in detail: references on a line, what nests indented, texts with their lines', () => {
    expect(detail({ __typename: 'X', id: 'a', acknowledgedInTime: null, owner: { id: 'o', name: 'O' }, deadlines: { by: '2026-03-01T12:00:00Z' }, text: 'one\ntwo', steps: [{ at: 1, kindOf: 'K' }] }, { colour: false }))
      .toBe('id                    a\nacknowledged in time  -\nowner                 o O\ndeadlines\n  by  2026-03-01 12:00:00Z\ntext\n  one\n  two\nsteps\n  - at 1, kind of K\n');
  });

  test('nothing the graph says moves the cursor', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => { expect(/\p{Cc}/u.test(printable(text))).toBe(false); }));
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', ' ', ':', '#', '[', '\n', '\u001B', '\u202E', '\u0085', '\u{E0041}') }), (text) => {
      const lines = printableMessage(text).split('\n');
      for (const [index, line] of lines.entries()) {
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}]|^\s*::|##\[/u);
        if (index > 0) expect(line).toMatch(/^(?: {2}|$)/);
      }
      const shown = printableJson({ text }, 2);
      expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(JSON.parse(shown)).toEqual({ text });
    }));
    expect(cell('a\u001B[2Jb')).toBe('a\uFFFD[2Jb');
    expect(table([{ head: 'T', path: 't' }], [{ t: '\u001B]0;x\u0007' }], { wide: false, colour: false })).not.toContain('\u001B');
  });

  test('an error whose text somebody wrote is written so that no line of it is anything else', () => {
    const told = (error: unknown, asJson: boolean): string => {
      let text = '';
      report(error, { err: (more) => { text += more; } }, asJson);
      return text;
    };
    const hostile = new CliError('SCHEMA_INVALID', 'Scope "\u001B[2J\n::warning::x\u202E\n  ::error::y" is new.', 'acgs schema show 1\n::stop-commands::z');
    expect(told(hostile, false)).toBe('acgs: SCHEMA_INVALID: Scope "\uFFFD[2J\n  : :warning::x\uFFFD\n  : :error::y" is new.\nNext: acgs schema show 1 ::stop-commands::z\n');
    expect(told(hostile, true)).toMatch(/^[\x20-\x7E]+\n$/);
    expect(detail({ sdl: '"""\n::warning::x\u202E\n"""' }, { colour: false })).toBe('sdl\n  """\n  : :warning::x\uFFFD\n  """\n');
  });

  test('a path maps the lists on its way', () => {
    expect(valueAt({ a: [{ b: 1 }, { b: [2] }, {}] }, 'a.b')).toEqual([1, [2]]);
    expect(valueAt({ a: 1 }, 'a.b')).toBeUndefined();
  });

  test('progress is a bar where the end is known', () => {
    expect(progressLine('answers', 0.5, 1_500, 1)).toBe('[############............]  50 % answers 1.5 s');
    expect(progressLine('waiting', undefined, 100, 1)).toBe('/ waiting 0.1 s');
  });
});

describe('sessions', () => {
  let folder: string;
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'acgs-cli-')); });
  afterAll(() => { rmSync(folder, { recursive: true, force: true }); });
  const session = (username: string): StoredSession => ({ server: 'http://x', constitutionalHash: 'cdd01ef066bc6cf2', username, credential: { kind: 'api-key', apiKey: 'secret' } });

  test('are kept by profile in a file of its owner alone', () => {
    const store = new SessionStore(join(folder, 'new', 'sessions.json'));
    expect(store.find('default')).toBeUndefined();
    store.save('default', session('a'), true);
    store.save('other', session('b'), false);
    expect(store.currentProfile()).toBe('default');
    expect(store.find('other')?.username).toBe('b');
    expect(statSync(store.file).mode & 0o777).toBe(0o600);
    store.forget('default');
    expect([store.find('default'), store.find('other')?.username]).toEqual([undefined, 'b']);
  });

  test('a file that others may read, or that is malformed, is refused', () => {
    const store = new SessionStore(join(folder, 'open.json'));
    store.save('default', session('a'), true);
    chmodSync(store.file, 0o644);
    expect(() => store.find('default')).toThrow('others may read it');
    writeFileSync(store.file, '{', { mode: 0o600 });
    chmodSync(store.file, 0o600);
    expect(() => store.find('default')).toThrow('malformed');
  });

  test('a lock left by a process that died does not stop others', () => {
    const store = new SessionStore(join(folder, 'locked.json'));
    const lock = `${store.file}.lock`;
    writeFileSync(lock, '');
    const old = new Date(Date.now() - 60_000);
    spawnSync('touch', ['-d', old.toISOString(), lock]);
    store.save('default', session('a'), true);
    expect(store.find('default')?.username).toBe('a');
  });

  test('the file is where the environment says', () => {
    expect(readCliEnvironment({ HOME: '/h' }).sessionFile).toBe('/h/.config/acgs/sessions.json');
    expect(readCliEnvironment({ HOME: '/h', XDG_CONFIG_HOME: '/x' }).sessionFile).toBe('/x/acgs/sessions.json');
    expect(readCliEnvironment({ ACGS_CONFIG: '/f', XDG_CONFIG_HOME: '/x', ACGS_PROFILE: '' })).toMatchObject({ sessionFile: '/f', profile: undefined, noColor: false });
    expect(readCliEnvironment({ NO_COLOR: '1', TERM: 'dumb' })).toMatchObject({ noColor: true, dumbTerminal: true });
  });
});

describe('a secret over plain HTTP', () => {
  test.each([
    ['http://127.0.0.1:4000', false], ['http://127.1.2.3', false], ['http://localhost:4000/x', false], ['http://acgs.localhost', false], ['http://[::1]:4000', false], ['https://acgs.example.com', false],
    ['http://acgs.example.com', true], ['http://10.0.0.1:4000', true], ['http://localhost.example.com', true], ['http://127.0.0.1.example.com', true], ['http://[2001:db8::1]', true],
  ])('to %s: warned %s', (server, warned) => {
    const terminal = fakeTerminal();
    warnOfPlainHttp({ terminal, graph: { server } }, 'The password');
    expect(terminal.written.err).toEqual(warned ? `acgs: warning: The password goes to ${server} in plain HTTP: everyone on the way can read it. Use https://.\n` : '');
  });
});

describe('schemas at a git revision', () => {
  const here = process.cwd();
  let repository: string;
  const git = (...args: string[]): void => {
    const { status, stderr } = spawnSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: repository, encoding: 'utf8' });
    expect({ args, status, stderr }).toMatchObject({ status: 0 });
  };
  const put = (file: string, text: string): void => writeFileSync(join(repository, file), text);
  beforeAll(() => {
    repository = mkdtempSync(join(tmpdir(), 'acgs-revision-'));
    for (const folder of ['real', 'real/schémas']) mkdirSync(join(repository, folder));
    git('init', '--quiet');
    put('real/schémas/größe.graphql', 'type Query { a: Int }');
    put('real/schémas/other.graphql', 'type Query { b: Int }');
    git('add', '.');
    git('commit', '--quiet', '--message', 'one');
    put('real/schémas/größe.graphql', 'type Query { a: String }');
    put('real/schémas/new.graphql', 'type Query { c: Int }');
    symlinkSync('real', join(repository, 'link'));
    process.chdir(join(repository, 'link'));
  });
  afterAll(() => {
    process.chdir(here);
    rmSync(repository, { recursive: true, force: true });
  });
  const brief = (schemas: ReturnType<typeof readRevision>): Record<string, string> => Object.fromEntries(schemas.map(({ name, sdl }) => [name, sdl]));

  test('are found whatever their names, and through a link', () => {
    expect(brief(readRevision({ dir: 'schémas' }, 'HEAD'))).toEqual({ größe: 'type Query { a: Int }', other: 'type Query { b: Int }' });
    expect(brief(readRevision({ subgraph: [{ name: 'size', file: 'schémas/größe.graphql' }] }, 'HEAD'))).toEqual({ size: 'type Query { a: Int }' });
    expect(brief(readSources({ dir: 'schémas' }))).toMatchObject({ größe: 'type Query { a: String }' });
  });

  test('a named file that is not there is refused, unless its address says that it is new', () => {
    const subgraph = [{ name: 'fresh', file: 'schémas/new.graphql' }, { name: 'other', file: 'schémas/other.graphql' }];
    expect(() => readRevision({ subgraph }, 'HEAD')).toThrow(expect.objectContaining({ code: 'USAGE', exit: 2, message: expect.stringMatching(/new\.graphql is not there at HEAD.*--url fresh=URL/) }));
    expect(brief(readRevision({ subgraph, url: [{ name: 'fresh', url: 'http://fresh' }] }, 'HEAD'))).toEqual({ other: 'type Query { b: Int }' });
    expect(() => readRevision({ subgraph, url: [{ name: 'other', url: 'http://other' }] }, 'HEAD')).toThrow(CliError);
  });
});

describe('completion', () => {
  let folder: string;
  const words = completionWords();
  const scripts = { bash: bashCompletion(words), zsh: zshCompletion(words), fish: fishCompletion(words) };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'acgs-completion-'));
    for (const [shell, script] of Object.entries(scripts)) writeFileSync(join(folder, shell), script);
  });
  afterAll(() => { rmSync(folder, { recursive: true, force: true }); });
  const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

  test.each(['bash', 'zsh', 'fish'] as const)('%s knows every noun, verb and option', (shell) => {
    for (const verb of VERBS) {
      for (const word of verb.words) expect(scripts[shell]).toContain(word);
      for (const { name } of verb.flags ?? []) expect(scripts[shell]).toContain(name);
    }
  });

  describe.each([['bash', '-n'], ['zsh', '-n'], ['fish', '-n']])('%s', (shell, flag) => {
    (has(shell) ? test : test.skip)('reads the script', () => { expect(spawnSync(shell, [flag, join(folder, shell)], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' }); });
  });

  const CASES: readonly [line: readonly string[], expected: readonly string[]][] = [
    [['inc'], ['incidents']],
    [['incidents', 'ack'], ['acknowledge']],
    [['incident', 'tri'], ['triage']],
    [['incidents', 'list', '--lim'], ['--limit']],
    [['incidents', 'list', '--severity', 'P'], ['P0', 'P1', 'P2', 'P3']],
    [['incidents', 'list', '--severity', 'P1', '-o', 'y'], ['yaml']],
    [['deploy', 'gov'], ['governance-synthesis']],
    [['completion', ''], ['bash', 'fish', 'zsh']],
  ];

  test('bash completes', () => {
    const calls = CASES.map(([line]) => `try acgs ${line.map((word) => `'${word}'`).join(' ')}`).join('\n');
    const { stdout, stderr } = spawnSync('bash', ['-c', `source '${join(folder, 'bash')}'\ntry() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _acgs; echo "\${COMPREPLY[*]}"; }\n${calls}`], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout.trimEnd().split('\n').map((row) => row.split(' ').sort())).toEqual(CASES.map(([, expected]) => [...expected].sort()));
  });

  (has('fish') ? test : test.skip)('fish completes', () => {
    for (const [line, expected] of CASES) {
      const { stdout } = spawnSync('fish', ['--no-config', '-c', `source '${join(folder, 'fish')}'; complete -C 'acgs ${line.join(' ')}'`], { encoding: 'utf8', env: { ...process.env, HOME: folder } });
      expect(stdout.trimEnd().split('\n').map((row) => row.split('\t')[0]).sort()).toEqual([...expected].sort());
    }
  });

  (has('zsh') ? test : test.skip)('zsh completes', () => {
    // A shell at a pseudo-terminal: each line is typed, completed by Tab and shown by the widget that accepts it.
    const unique = CASES.filter(([, expected]) => expected.length === 1);
    const typed = unique.map(([line]) => `zpty -w -n z $'acgs ${line.join(' ')}\\t\\C-x'; zpty -r -m z out '*<<*>>*'; print -r -- "$out"`).join('\n');
    const script = `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1= ; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -D; source ${join(folder, 'zsh')}; show() { print -r -- "<""<$BUFFER>"">"; BUFFER=; }; zle -N show; bindkey "^X" show; print re""ady'
zpty -r -m z out '*ready*'
${typed}
zpty -d z`;
    const { stdout } = spawnSync('zsh', ['-f', '-c', script], { encoding: 'utf8', timeout: 20_000 });
    const completed = [...stdout.matchAll(/<<(.*?)>>/g)].map(([, text = '']) => text.trim());
    expect(completed).toEqual(unique.map(([line, [word = '']]) => ['acgs', ...line.slice(0, -1), word].join(' ')));
  });
});

describe('the dashboard', () => {
  const at = new Date('2026-03-01T12:00:00Z');
  const empty = initialState({ server: 'http://127.0.0.1:4000', constitutionalHash: 'cdd01ef066bc6cf2', username: 'admin' });
  const service = (id: string) => ({ id, activeDeployment: { version: '1.0.0' }, onCall: { displayName: 'Somebody' }, open: [] });
  const full: TopState = [
    { kind: 'list', pane: 'services', rows: Array.from({ length: 8 }, (_, index) => service(`service-${index}`)), at },
    { kind: 'list', pane: 'alerts', rows: [{ id: '1', level: 'CRITICAL', name: 'ServiceDown', service: { id: 'auth' }, state: 'FIRING' }], at },
    { kind: 'list', pane: 'incidents', rows: Array.from({ length: 30 }, (_, index) => ({ id: `INC-2026-${index}`, severity: 'P1', status: 'DECLARED', title: 'Slow \u001B[2J answers' })), at },
    { kind: 'health', degraded: ['integrity'] },
    { kind: 'live', streams: 3 },
  ].reduce((state, event) => next(state, event as never), empty);
  const text = (state: TopState, columns = 80, rows = 24): string => render(state, { columns, rows, colour: false }).join('\n');

  test('fills 80x24 exactly, shows every pane, and no line is wider', () => {
    const lines = render(full, { columns: 80, rows: 24, colour: false });
    expect(lines).toHaveLength(24);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(text(full)).toContain('> Services (8)');
    expect(text(full)).toContain('service-7');
    expect(text(full)).toContain('Firing alerts (1)');
    expect(text(full)).toContain('ServiceDown');
    expect(text(full)).toMatch(/Incidents \(30\) {2}1-\d/);
    expect(text(full)).toContain('degraded: integrity');
    expect(text(full)).toContain('streams 3/3');
    expect(text(full)).not.toContain('\u001B');
  });

  test('any size is filled, and no line is wider', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 80 }), fc.constantFrom('services', 'alerts', 'incidents', 'changes'), (columns, rows, focus) => {
      const lines = render({ ...full, focus: focus }, { columns, rows, colour: false });
      expect(lines).toHaveLength(rows);
      expect(lines.filter((line) => line.length > columns)).toEqual([]);
    }));
  });

  test('keys move the focus and scroll within the rows', () => {
    const press = (state: TopState, ...keys: string[]): TopState => keys.reduce((now, key) => next(now, { kind: 'key', key: key as never }), state);
    expect(press(full, 'next').focus).toBe('alerts');
    expect(press(full, 'previous').focus).toBe('changes');
    const scrolled = press(full, 'next', 'next', 'down', 'down', 'down');
    expect(scrolled.offset.incidents).toBe(3);
    expect(text(scrolled)).toContain('INC-2026-3');
    expect(press(scrolled, 'top').offset.incidents).toBe(0);
    expect(press(full, 'up').offset.services).toBe(0);
  });

  test('events insert, replace and remove rows', () => {
    const changed = next(full, { kind: 'row', pane: 'incidents', row: { id: 'INC-2026-0', status: 'TRIAGED' }, at });
    expect(changed.rows.incidents[0]).toMatchObject({ id: 'INC-2026-0', status: 'TRIAGED', severity: 'P1' });
    expect(next(changed, { kind: 'row', pane: 'incidents', row: { id: 'INC-2026-0', status: 'CLOSED' }, at }).rows.incidents).toHaveLength(29);
    expect(next(full, { kind: 'row', pane: 'changes', row: { id: 'CHG-1', status: 'SUBMITTED' }, at }).rows.changes).toHaveLength(1);
    expect(text(next(full, { kind: 'fault', message: 'UNREACHABLE: gone' }))).toContain('! UNREACHABLE: gone');
  });
});

test('the program of the package is the built entry', () => {
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: Record<string, string> };
  expect(bin).toEqual({ acgs: 'dist/ops/cli/main.js' });
  expect(readFileSync('ops/cli/main.ts', 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});
