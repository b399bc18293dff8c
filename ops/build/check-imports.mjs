// Checks the import law: first that the checker rejects every violation of its fixture, then the tree itself.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from './files.mjs';
import { findCycles, readModule, resolveImport, sourceFiles } from './import-graph.mjs';
import { CYCLE_RULE, ENVIRONMENT_RULE, IMPORT_RULES, LAW_FOLDERS, mayReadEnvironment } from './import-law.mjs';

const FIXTURE = path.join(packageRoot, 'ops', 'build', 'import-law.fixture');
const ALL_RULES = [...IMPORT_RULES.map((rule) => rule.name), ENVIRONMENT_RULE, CYCLE_RULE];

/** Finds every violation below a root: `{ rule, file, detail }`. */
function check(root) {
  const files = sourceFiles(root, LAW_FOLDERS);
  const known = new Set(files);
  const exists = (file) => known.has(file) || existsSync(path.join(root, file));
  const graph = new Map();
  const violations = [];
  for (const file of files) {
    const { imports, readsEnvironment } = readModule(root, file);
    const targets = [];
    for (const name of imports) {
      const to = resolveImport(file, name, exists);
      if (to !== undefined && known.has(to)) targets.push(to);
      for (const rule of IMPORT_RULES) if (rule.broken({ from: file, to, name })) violations.push({ rule: rule.name, file, detail: `imports ${to ?? name}` });
    }
    graph.set(file, targets);
    if (readsEnvironment && !mayReadEnvironment(file)) violations.push({ rule: ENVIRONMENT_RULE, file, detail: 'reads process.env' });
  }
  for (const cycle of findCycles(graph)) {
    // Prisma's generated client is not ours to untangle.
    if (cycle.every((file) => file.startsWith('prisma/__generated__/'))) continue;
    for (const file of cycle) violations.push({ rule: CYCLE_RULE, file, detail: `is in a cycle: ${cycle.join(' -> ')}` });
  }
  return { files, violations };
}

/** Each fixture file says in its first line what it violates (`// violates: a, b` or `// lawful`). Returns what the checker got wrong. */
function proveOnFixture() {
  const { files, violations } = check(FIXTURE);
  const problems = [];
  const fired = new Set();
  for (const file of files) {
    const [firstLine = ''] = readFileSync(path.join(FIXTURE, file), 'utf8').split('\n');
    const expected = (/^\/\/ violates: (.+)$/.exec(firstLine)?.[1] ?? '').split(', ').filter((rule) => rule !== '').sort();
    if (expected.length === 0 && firstLine !== '// lawful') problems.push(`${file}: says neither "// violates: <rule>" nor "// lawful"`);
    const actual = [...new Set(violations.filter((violation) => violation.file === file).map((violation) => violation.rule))].sort();
    for (const rule of actual) fired.add(rule);
    if (expected.join() !== actual.join()) problems.push(`${file}: expected [${expected.join(', ')}], the checker found [${actual.join(', ')}]`);
  }
  for (const rule of ALL_RULES) if (!fired.has(rule)) problems.push(`rule ${rule} has no fixture that it rejects`);
  return { problems, count: violations.length };
}

const proof = proveOnFixture();
if (proof.problems.length > 0) {
  console.error(`check-imports: the checker does not reject what it must:\n  ${proof.problems.join('\n  ')}`);
  process.exit(2);
}
const { files, violations } = check(packageRoot);
if (files.length === 0) {
  console.error('check-imports: found no source files');
  process.exit(2);
}
for (const { rule, file, detail } of violations) console.error(`${rule}: ${file} ${detail}`);
if (violations.length > 0) {
  console.error(`check-imports: ${violations.length} violations in ${files.length} files`);
  process.exit(1);
}
console.log(`check-imports: ${files.length} files lawful; ${ALL_RULES.length} rules proved on ${proof.count} violations of the fixture`);
