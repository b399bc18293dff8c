/** The error registry and its documentation are the same list. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { ERROR_CODES } from '../../ops/runtime/errors.js';
import { projectPath } from '../../ops/runtime/package-root.js';

test('docs/errors.md lists exactly the registered codes with their status and meaning', () => {
  const documented = [...readFileSync(projectPath('docs', 'errors.md'), 'utf8').matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (.*) \|$/gm)].map(([, code, status, meaning]) => ({ code, status: Number(status), meaning }));
  expect(documented).toEqual(Object.entries(ERROR_CODES).map(([code, { status, meaning }]) => ({ code, status, meaning })));
});
