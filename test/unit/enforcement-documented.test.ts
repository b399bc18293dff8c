/** The table of limits in docs/security-operations.md is the one the code keeps. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { DOCUMENT_LIMITS } from '../../gateway/enforcement/document-limits.js';
import { MAX_VARIABLE_DEPTH } from '../../gateway/enforcement/limits.js';
import { readGatewayConfig } from '../../gateway/config.js';
import { projectPath } from '../../ops/runtime/package-root.js';

test('limits are documented with their values', () => {
  const rows = readFileSync(projectPath('docs', 'security-operations.md'), 'utf8').split('\n').filter((line) => line.startsWith('| ')).map((line) => line.split('|').map((cell) => cell.trim()));
  const valueOf = (name: string): number => Number(rows.find(([, limit]) => limit === name)?.[2]?.replaceAll(',', ''));
  expect(Object.fromEntries(Object.keys(DOCUMENT_LIMITS).map((name) => [name, valueOf(`\`${name}\``)]))).toEqual(DOCUMENT_LIMITS);
  expect(valueOf('nesting of variables')).toBe(MAX_VARIABLE_DEPTH);
  const { limits } = readGatewayConfig({ ACGS_MODE: 'development' });
  expect([valueOf('tokens, comments counted apart'), valueOf('depth of fields'), valueOf('aliases'), valueOf('estimated cost')]).toEqual([limits.maxTokens, limits.maxDepth, limits.maxAliases, limits.maxCost]);
});
