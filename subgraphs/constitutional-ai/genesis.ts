/** The genesis constitution, as the first start of the control plane signs it. */
import { readFileSync } from 'node:fs';
import { projectPath } from '../../ops/runtime/package-root.js';
import { parseConstitution, type ConstitutionDocument } from './constitution-document.js';

/**
 * Reads and checks `genesis.json`; every call gives an equal document, so its digest is always the same.
 * @throws ConstitutionError when the file is not a constitution that can be evaluated.
 */
export function genesisConstitution(): ConstitutionDocument & Readonly<Record<string, unknown>> {
  const document: unknown = JSON.parse(readFileSync(projectPath('subgraphs', 'constitutional-ai', 'genesis.json'), 'utf8'));
  return { ...parseConstitution(document) };
}
