// Reads what TypeScript files import, type-only imports included, and whether they read the environment.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseSync } from '@swc/core';

const SKIPPED = new Set(['node_modules', 'dist', '.acgs', 'import-law.fixture']);

/**
 * All .ts and .tsx files (and .mjs build scripts) below the folders.
 * @param {string} root absolute path
 * @param {readonly string[]} folders relative to the root; missing ones are skipped
 * @returns {string[]} paths relative to the root, with forward slashes
 */
export function sourceFiles(root, folders) {
  const found = [];
  const walk = (relative) => {
    for (const entry of readdirSync(path.join(root, relative), { withFileTypes: true })) {
      const child = `${relative}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name) && !entry.name.startsWith('.')) walk(child);
      } else if (/\.(tsx?|mjs)$/.test(entry.name)) found.push(child);
    }
  };
  for (const folder of folders) if (existsSync(path.join(root, folder))) walk(folder);
  return found.sort();
}

/**
 * Parses one file.
 * @returns {{ imports: string[]; readsEnvironment: boolean }} module specifiers as written
 * @throws {Error} naming the file when it does not parse: an unread file must not count as a lawful one
 */
export function readModule(root, file) {
  let program;
  try {
    program = parseSync(readFileSync(path.join(root, file), 'utf8'), { syntax: 'typescript', tsx: file.endsWith('.tsx'), target: 'es2022' });
  } catch (error) {
    throw new Error(`${file} does not parse: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const imports = new Set();
  let readsEnvironment = false;
  const visit = (node) => {
    if (Array.isArray(node)) {
      for (const child of node) visit(child);
      return;
    }
    if (typeof node !== 'object' || node === null) return;
    const specifier = specifierOf(node);
    if (specifier !== undefined) imports.add(specifier);
    if (isEnvironmentRead(node)) readsEnvironment = true;
    for (const key in node) if (key !== 'span') visit(node[key]);
  };
  visit(program.body);
  return { imports: [...imports], readsEnvironment };
}

function specifierOf(node) {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
      return node.source?.value;
    case 'TsImportType':
      return node.argument?.value;
    case 'TsExternalModuleReference':
      return node.expression?.value;
    case 'CallExpression': {
      const first = node.arguments[0]?.expression;
      return node.callee.type === 'Import' && first?.type === 'StringLiteral' ? first.value : undefined;
    }
    default:
      return undefined;
  }
}

/** `process.env`, `process['env']`, `const { env } = process` and `import { env } from 'node:process'`. */
function isEnvironmentRead(node) {
  const isProcess = (expression) =>
    (expression?.type === 'Identifier' && expression.value === 'process') ||
    (expression?.type === 'MemberExpression' && expression.object.value === 'globalThis' && propertyName(expression) === 'process');
  if (node.type === 'MemberExpression') return isProcess(node.object) && propertyName(node) === 'env';
  if (node.type === 'VariableDeclarator') {
    return isProcess(node.init) && node.id.type === 'ObjectPattern' && node.id.properties.some((property) => property.key?.value === 'env');
  }
  if (node.type === 'ImportDeclaration') {
    return /^(node:)?process$/.test(node.source.value) && node.specifiers.some((one) => (one.imported ?? one.local).value === 'env');
  }
  return false;
}

const propertyName = ({ property }) => (property.type === 'Computed' ? property.expression.value : property.value);

/**
 * Where a relative specifier points: the source behind a `.js` name.
 * @returns {string | undefined} path from the root, or undefined for packages
 */
export function resolveImport(from, specifier, exists) {
  if (!specifier.startsWith('.')) return undefined;
  const target = path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier));
  const candidates = [target.replace(/\.js$/, '.ts'), target.replace(/\.js$/, '.tsx'), target];
  return candidates.find(exists) ?? candidates[0];
}

/**
 * The circular imports of a graph, each once, as the files in order.
 * @param {Map<string, string[]>} graph
 */
export function findCycles(graph) {
  // Tarjan's strongly connected components: every component of more than one file (or a file that imports itself) is a cycle.
  const index = new Map();
  const low = new Map();
  const stack = [];
  const onStack = new Set();
  const cycles = [];
  const connect = (node) => {
    index.set(node, index.size);
    low.set(node, index.get(node));
    stack.push(node);
    onStack.add(node);
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) connect(next);
      if (onStack.has(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) !== index.get(node)) return;
    const component = stack.splice(stack.indexOf(node));
    for (const member of component) onStack.delete(member);
    if (component.length > 1 || graph.get(node)?.includes(node)) cycles.push(component);
  };
  for (const node of graph.keys()) if (!index.has(node)) connect(node);
  return cycles;
}
