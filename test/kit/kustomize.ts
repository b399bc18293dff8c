/** As much of kustomize as ops/kubernetes uses: resources, image names, and JSON patches by target (RFC 6902). */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [member: string]: unknown;
}

interface Patch { readonly target: { readonly kind?: string; readonly name?: string; readonly labelSelector?: string }; readonly patch: string }
interface Kustomization { readonly resources: readonly string[]; readonly images?: readonly { name: string; newName: string; newTag: string }[]; readonly patches?: readonly Patch[] }
interface Operation { readonly op: 'add' | 'replace' | 'remove'; readonly path: string; readonly value?: unknown }

/** Builds a folder with a kustomization.yaml. @throws Error for a patch that hits nothing, and for what kustomize has and this has not. */
export function buildKustomization(folder: string): Manifest[] {
  const { resources, images = [], patches = [], ...rest } = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization & Record<string, unknown>;
  const unknown = Object.keys(rest).filter((key) => key !== 'apiVersion' && key !== 'kind');
  if (unknown.length > 0) throw new Error(`${folder} uses ${unknown.join(', ')}, which is not read here.`);
  let manifests = resources.flatMap((resource) => (resource.endsWith('.yaml') ? readManifests(join(folder, resource)) : buildKustomization(join(folder, resource))));
  for (const { name, newName, newTag } of images) manifests = JSON.parse(JSON.stringify(manifests), (key, value: unknown) => (key === 'image' && typeof value === 'string' && value.split(':')[0] === name ? `${newName}:${newTag}` : value)) as Manifest[];
  for (const { target, patch } of patches) {
    const hit = manifests.filter((manifest) => matches(manifest, target));
    if (hit.length === 0) throw new Error(`A patch of ${dirname(folder)} hits nothing: ${JSON.stringify(target)}`);
    for (const manifest of hit) for (const operation of parse(patch) as Operation[]) apply(manifest, operation);
  }
  return manifests;
}

/** All documents of a file. @throws Error when one does not parse. */
export function readManifests(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(file, 'utf8'), { uniqueKeys: true }).map((document) => {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors.map(({ message }) => message).join('; ')}`);
    return document.toJS() as Manifest;
  });
}

function matches({ kind, metadata }: Manifest, { kind: wanted, name, labelSelector }: Patch['target']): boolean {
  if (wanted !== undefined && kind !== wanted) return false;
  if (name !== undefined && !new RegExp(`^(?:${name})$`).test(metadata.name)) return false;
  if (labelSelector === undefined) return true;
  const [, label = '', values = ''] = /^(\S+) in \(([^)]*)\)$/.exec(labelSelector) ?? [];
  return values.split(',').map((value) => value.trim()).includes(metadata.labels?.[label] ?? '');
}

function apply(target: unknown, { op, path, value }: Operation): void {
  const segments = path.split('/').slice(1).map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = segments.pop() ?? '';
  let place = target as Record<string, unknown>;
  for (const segment of segments) place = place[segment] as Record<string, unknown>;
  if (place === undefined || (op !== 'add' && !(last in place))) throw new Error(`A patch replaces ${path}, which is not there.`);
  if (op === 'remove') delete place[last];
  else place[last] = value;
}
