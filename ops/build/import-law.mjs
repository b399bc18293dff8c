// The import law as data: who may import whom. `check-imports.mjs` applies it, `import-law.fixture/` proves that each rule fires.

/** npm packages and Node modules that do I/O: a domain file is pure and uses none of them. */
const IO_PACKAGES = /^(@prisma\/|pg$|ioredis$|undici$|ws$|pino$|prom-client$|graphql-ws$|@apollo\/)/;
const PURE_NODE_MODULES = new Set(['node:crypto', 'node:util', 'node:assert', 'node:buffer']);

const subgraphOf = (file) => /^subgraphs\/([^/]+)\//.exec(file)?.[1];
const isIn = (file, ...folders) => folders.some((folder) => file.startsWith(`${folder}/`));
const baseName = (file) => file.slice(file.lastIndexOf('/') + 1);

/** A layer is a file of its name or a folder of it: store.ts, store-leaves.ts, alert-store.ts, store/leaves.ts. */
const isLayer = (file, layer) => {
  const inside = file.replace(/^subgraphs\/[^/]+\//, '');
  return new RegExp(`^${layer}s?(-[\\w-]+)?\\.ts$|-${layer}s?\\.ts$|^${layer}s?/`).test(inside);
};

const isDomainSubgraph = (name) => name !== undefined && name !== 'kernel';

/** Rules over one import: `from` and `to` are paths from the root (`to` is undefined for packages), `name` is what is written. */
export const IMPORT_RULES = [
  {
    name: 'gateway-imports-runtime-and-schema-only',
    broken: ({ from, to }) => isIn(from, 'gateway') && to !== undefined && !isIn(to, 'gateway', 'ops/runtime', 'schema'),
  },
  {
    name: 'subgraph-imports-itself-kernel-and-runtime-only',
    broken: ({ from, to }) => {
      const own = subgraphOf(from);
      return isDomainSubgraph(own) && to !== undefined && !isIn(to, `subgraphs/${own}`, 'subgraphs/kernel', 'ops/runtime', 'prisma/__generated__');
    },
  },
  {
    name: 'kernel-imports-no-subgraph',
    broken: ({ from, to }) => subgraphOf(from) === 'kernel' && to !== undefined && !isIn(to, 'subgraphs/kernel', 'ops/runtime', 'prisma/__generated__'),
  },
  {
    name: 'prisma-is-named-in-stores-only',
    broken: ({ from, to, name }) => {
      if (!isIn(from, 'subgraphs')) return false;
      const isPrisma = (to !== undefined && isIn(to, 'prisma')) || name.startsWith('@prisma/');
      const own = subgraphOf(from);
      const mayUseIt = own === 'kernel' ? baseName(from).startsWith('database') : own !== undefined && isLayer(from, 'store');
      return isPrisma && !mayUseIt;
    },
  },
  {
    name: 'domain-imports-domain-only',
    broken: ({ from, to, name }) => {
      const own = subgraphOf(from);
      if (!isDomainSubgraph(own) || !isLayer(from, 'domain')) return false;
      if (to !== undefined) return subgraphOf(to) !== own || !isLayer(to, 'domain');
      return name.startsWith('node:') ? !PURE_NODE_MODULES.has(name) : IO_PACKAGES.test(name);
    },
  },
  {
    name: 'resolvers-call-services-only',
    broken: ({ from, to }) => {
      const own = subgraphOf(from);
      if (!isDomainSubgraph(own) || !isLayer(from, 'resolver') || to === undefined) return false;
      if (subgraphOf(to) !== own) return !isIn(to, 'subgraphs/kernel', 'ops/runtime');
      return !['service', 'domain', 'resolver'].some((layer) => isLayer(to, layer)) && !isIn(to, `subgraphs/${own}/__generated__`);
    },
  },
  {
    name: 'runtime-imports-nothing-of-ours',
    broken: ({ from, to }) => isIn(from, 'ops/runtime') && to !== undefined && !isIn(to, 'ops/runtime'),
  },
];

/** The name of the rule over `process.env`, checked on files rather than imports. */
export const ENVIRONMENT_RULE = 'environment-is-read-in-config-only';

/** Whether a file may read the environment. */
export const mayReadEnvironment = (file) =>
  /(^|[-.])config\.ts$/.test(baseName(file)) || isIn(file, 'test', 'ops/bench') || (isIn(file, 'ops/build', 'ops/image') && file.endsWith('.mjs'));

/** The name of the rule over cycles, checked on the whole graph. */
export const CYCLE_RULE = 'no-circular-imports';

/** Folders the law covers. */
export const LAW_FOLDERS = ['gateway', 'subgraphs', 'ops', 'prisma', 'test'];
