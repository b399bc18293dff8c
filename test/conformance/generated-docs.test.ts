/** Generated pages say what they are generated from, and every page of docs/ can be found. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { generatedPages } from '../../ops/docs/generated-pages.js';
import { packageRoot, projectPath } from '../../ops/runtime/package-root.js';

describe('generated pages', () => {
  test.each(generatedPages())('$path is what "npm run docs" writes', ({ path, text }) => {
    expect(existsSync(projectPath(path)) ? readFileSync(projectPath(path), 'utf8') : undefined).toBe(text);
  });

  test('name every root field and its demands', () => {
    const page = generatedPages().find(({ path }) => path.endsWith('governance-synthesis.md'))?.text ?? '';
    const section = page.slice(page.indexOf('### publishSchema'), page.indexOf('### rollbackSchema'));
    expect(section).toContain('Needs the scope `schema:publish`.');
    expect(section).toContain('CRITICAL: needs the constitutional hash.');
    expect(section).toContain('| `idempotencyKey` | `String` |');
  });
});

test('links between pages lead somewhere', () => {
  const pages = ['README.md', ...readdirSync(projectPath('docs'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md')).map((file) => join('docs', file))];
  const broken = pages.flatMap((page) => [...readFileSync(projectPath(page), 'utf8').replaceAll(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .flatMap(([, target]) => (target === undefined || /^[a-z]+:/.test(target) || existsSync(join(packageRoot(), dirname(page), target)) ? [] : [`${page}: ${target}`])));
  expect(broken).toEqual([]);
});
