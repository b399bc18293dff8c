/** The pages of docs/ that are made from something else, and what they must say now. */
import { readdirSync, readFileSync } from 'node:fs';
import { projectPath } from '../runtime/package-root.js';
import { SUBGRAPH_NAMES } from '../runtime/subgraph-names.js';
import { apiReferenceIndex, apiReferencePage } from './api-reference.js';
import { commandsNotRunPage, documentedCommands } from './command-blocks.js';

export interface GeneratedPage {
  /** From the project's root. */
  readonly path: string;
  readonly text: string;
}

/** Every generated page. */
export function generatedPages(): GeneratedPage[] {
  const contracts = [
    ...SUBGRAPH_NAMES.map((name) => ({ title: name as string, source: `schema/subgraphs/${name}.graphql` })),
    { title: 'shared types', source: 'schema/common.graphql' },
    { title: 'constitutional directive', source: 'schema/constitutional.graphql' },
  ].map(({ title, source }) => ({ title, source, file: `${title.replaceAll(' ', '-')}.md`, sdl: readFileSync(projectPath(source), 'utf8') }));
  return [
    { path: 'docs/api/README.md', text: apiReferenceIndex(contracts) },
    ...contracts.map(({ title, source, file, sdl }) => ({ path: `docs/api/${file}`, text: apiReferencePage(title, source, sdl) })),
    { path: 'docs/decisions/README.md', text: decisionsIndex() },
    { path: 'docs/commands-not-run.md', text: commandsNotRunPage(documentedCommands()) },
  ];
}

/** Every decision by its title. */
function decisionsIndex(): string {
  const folder = projectPath('docs', 'decisions');
  const rows = readdirSync(folder).filter((file) => file.endsWith('.md') && file !== 'README.md').toSorted().map((file) => {
    const title = /^# (.+)$/m.exec(readFileSync(`${folder}/${file}`, 'utf8'))?.[1];
    if (title === undefined) throw new Error(`docs/decisions/${file} has no title.`);
    return `- [${title}](${file})`;
  });
  return `# Decisions\n\nWhy things are as they are, one page each. Made from the titles by \`npm run docs\`.\n\n${rows.join('\n')}\n`;
}
