/** The documentation holds together: commands say whether they are run, settings are those of the code, threats name their tests, every page is found from the first, and named files are there. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { commandBlocks, documentationPages, documentedCommands, outputDifference } from '../../ops/docs/command-blocks.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { declaredSettings } from '../kit/declared-settings.js';

const read = (page: string): string => readFileSync(projectPath(page), 'utf8');
/** Links of a page to other files of the project, from its root. */
const linksOf = (page: string): string[] => [...read(page).replaceAll(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)#\s:]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => normalize(join(dirname(page), target)));

describe('commands', () => {
  test('of every page say whether they are run', () => {
    expect(documentedCommands().filter(({ reason }) => reason === undefined).length).toBeGreaterThan(8);
  });

  test.each([
    ['no tag', '```sh\nls\n```'], ['no reason', '```sh norun\nls\n```'], ['a reason that says nothing', '```sh norun="no"\nls\n```'], ['another name', '```bash\nls\n```'], ['an unknown word', '```sh run twice\nls\n```'],
    ['output of nothing', '```text out\nx\n```'], ['output of what is not run', '```sh norun="needs a cluster"\nls\n```\n\n```text out\nx\n```'],
  ])('with %s are refused, with their place', (_, text) => {
    expect(() => commandBlocks('docs/x.md', `# X\n\n${text}\n`)).toThrow(/^docs\/x\.md:\d+: /);
  });

  test('are read with what they must print and end with, indented and hidden ones too', () => {
    const text = '1. First\n\n   <!-- sh run\n   cd x\n   -->\n   ```sh run exit=5\n   ls\n     -l\n   ```\n\n   ```text out\n   a …\n   ```\n\n```sh norun="needs a cluster"\nkubectl\n```\n';
    expect(commandBlocks('docs/x.md', text)).toMatchObject([
      { line: 3, commands: expect.stringContaining('cd x'), exit: 0 }, { line: 6, commands: 'ls\n  -l\n', exit: 5, output: 'a …\n' }, { commands: 'kubectl\n', exit: undefined, reason: 'needs a cluster' },
    ]);
  });

  test.each([
    ['a\nb', 'a\nother\nb\n', undefined], ['a …\n…\nc', 'a 17\nb\nc', undefined], ['  a   b', 'a b', undefined],
    ['a\nb', 'b\na', 'b'], ['a.c', 'abc', 'a.c'], ['a … c', 'a b', 'a … c'],
  ])('that should print %j and print %j', (documented, printed, missing) => {
    expect(outputDifference(documented, printed)).toBe(missing);
  });
});

describe('docs/settings.md', () => {
  const declared = declaredSettings();
  const keys = [...new Set(declared.map(({ key }) => key))].toSorted();
  const rows = [...read('docs/settings.md').matchAll(/^\| `(\w+)`( \*)? \| ([^|]*) \| ([^|]*) \| [^|]+ \|$/gm)].map(([, key = '', star, allowed = '', fallback = '']) => ({ key, star, allowed, fallback }));
  const codes = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);

  test('lists every setting, once', () => {
    expect(keys.length).toBeGreaterThan(60);
    expect(rows.map(({ key }) => key).toSorted()).toEqual(keys);
  });

  test.each(rows)('says what $key allows and is by default', ({ key, star, allowed, fallback }) => {
    const own = declared.filter((one) => one.key === key);
    expect(star !== undefined).toBe(own.some(({ secret }) => secret));
    const bounds = new Set(own.flatMap((one) => one.allowed ?? []));
    if (bounds.size > 0) expect([...bounds]).toEqual([codes(allowed).length > 0 ? codes(allowed).join(', ') : allowed]);
    const fallbacks = new Set(own.flatMap((one) => one.fallback ?? []));
    if (fallbacks.size > 0) expect(codes(fallback).toSorted()).toEqual([...fallbacks].toSorted());
  });

  test('names what the command line reads', () => {
    const named = new Set(codes(read('docs/settings.md').split('## Command line')[1] ?? ''));
    const taken = [...read('ops/cli/config.ts').matchAll(/\bvalue\('(\w+)'\)/g)].map(([, key]) => key);
    expect(taken.length).toBeGreaterThan(4);
    expect(taken.filter((key) => key !== undefined && !named.has(key))).toEqual([]);
  });
});

test('every threat of docs/security-model.md has what stops it, a test that shows it, and what remains', () => {
  const rows = [...read('docs/security-model.md').matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].filter(([, threat]) => threat !== 'threat');
  expect(rows.length).toBeGreaterThan(25);
  expect(rows.filter(([, , stops = '', shown = '', remains = '']) => stops.trim() === '' || remains.trim() === '' || !/^`test\/[\w./-]+\.test\.ts`(?:, `test\/[\w./-]+\.test\.ts`)*$/.test(shown.trim())).map(([, threat]) => threat)).toEqual([]);
});

test('every page is reached from docs/start-here.md, which the README names', () => {
  expect(linksOf('README.md')).toContain('docs/start-here.md');
  const reached = new Set<string>();
  const waiting = ['docs/start-here.md'];
  for (let page = waiting.pop(); page !== undefined; page = waiting.pop()) {
    if (reached.has(page)) continue;
    reached.add(page);
    waiting.push(...linksOf(page).filter((link) => link.endsWith('.md') && existsSync(projectPath(link))));
  }
  expect(documentationPages().filter((page) => !reached.has(page))).toEqual([]);
});

test.each(documentationPages())('%s names files and folders that are there', (page) => {
  const named = [...read(page).replaceAll(/```[\s\S]*?```/g, '').matchAll(/`((?:gateway|subgraphs|ops|schema|prisma|test|docs)\/[\w./-]+)`/g)].map(([, path = '']) => path);
  expect(named.filter((path) => !existsSync(projectPath(path)))).toEqual([]);
});
