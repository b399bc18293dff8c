// Adds to package-lock.json the optional entries of other platforms that npm leaves out when a registry does not serve them.
// Run it after `npm install`: without those entries `npm ci` refuses the lock (EUSAGE). `--check` exits 1 when any is missing.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot, writeAtomically } from './files.mjs';

const LOCK = path.join(packageRoot, 'package-lock.json');
const SYSTEMS = ['darwin', 'win32', 'linux', 'android', 'freebsd', 'openharmony', 'aix', 'sunos', 'netbsd', 'openbsd'];
const PROCESSORS = ['arm64', 'x64', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64', 'arm', 'wasm32', 'mips64el'];

/** Where Node would find `name` from the package at `from`, or undefined. */
function locate(packages, from, name) {
  for (let base = from; ; base = base.includes('/node_modules/') ? base.slice(0, base.lastIndexOf('/node_modules/')) : '') {
    const place = `${base === '' ? '' : `${base}/`}node_modules/${name}`;
    if (place in packages) return place;
    if (base === '') return undefined;
  }
}

/** npm skips an optional package whose os, cpu or libc do not match; platform packages carry them in their names. */
function platformEntry(name, version, parent) {
  const words = name.split(/[/-]/);
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  const system = os ?? (cpu === 'wasm32' ? undefined : null);
  if (system === null || !/^\d/.test(version)) throw new Error(`${name}@${version} is missing from the lock and does not look like a platform package: run npm install where it is served`);
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : words.some((word) => word.startsWith('gnu')) && os === 'linux' ? 'glibc' : undefined;
  return {
    version,
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(parent.dev === true ? { dev: true } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    ...(os === undefined ? {} : { os: [os] }),
  };
}

const lock = JSON.parse(readFileSync(LOCK, 'utf8'));
const added = [];
for (const [place, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (locate(lock.packages, place, name) !== undefined) continue;
    lock.packages[`node_modules/${name}`] = platformEntry(name, version, entry);
    added.push(name);
  }
}
const [root, ...rest] = Object.keys(lock.packages);
lock.packages = Object.fromEntries([root, ...rest.sort((a, b) => a.localeCompare(b, 'en'))].map((place) => [place, lock.packages[place]]));
const resolved = Object.values(lock.packages).filter((entry) => 'resolved' in entry && !entry.link).length;
if (resolved > 0) {
  console.error(`complete-lock: ${resolved} entries name a registry host ("resolved"); install with omit-lockfile-registry-resolved=true`);
  process.exitCode = 1;
} else if (process.argv.includes('--check')) {
  if (added.length > 0) {
    console.error(`complete-lock: package-lock.json lacks ${added.join(', ')}`);
    process.exitCode = 1;
  }
} else {
  if (added.length > 0) writeAtomically(LOCK, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`complete-lock: ${added.length} entries added`);
}
