/** The shell commands of the documentation: which a test runs, what they must print, and why the others are not run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectPath } from '../runtime/package-root.js';

export interface CommandBlock {
  /** Path of the page from the project's root. */
  readonly page: string;
  readonly line: number;
  readonly commands: string;
  /** What it ends with; 0 unless the block says `exit=N`. Undefined where it is not run. */
  readonly exit: number | undefined;
  /** Why it is not run; undefined where it is. */
  readonly reason: string | undefined;
  /** Text of the `text out` block behind it; `…` stands for anything. */
  readonly output: string | undefined;
}

/** Fences that hold commands under other names; each would hide a block from the test. */
const OTHER_NAMES = /^(?:bash|shell|zsh|fish|ksh|shellscript|shell-session|cmd|powershell)\b/;
const FENCE = /^([ \t]*)```([^\n`]*)\n([\s\S]*?)^\1```[ \t]*$|^[ \t]*<!-- (sh run[^\n]*)\n([\s\S]*?)^[ \t]*-->[ \t]*$/gm;
const FORM = '"sh run", "sh run exit=N" or "sh norun=\\"why\\""';

/** A block whose first line does not say whether it is run. */
export class UntaggedCommandsError extends Error {
  override readonly name = 'UntaggedCommandsError';
}

/** README.md and every page below docs/, from the project's root, in order of path. */
export function documentationPages(): string[] {
  return ['README.md', ...readdirSync(projectPath('docs'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md')).map((file) => join('docs', file)).toSorted()];
}

/** Every block of every page. @throws UntaggedCommandsError */
export function documentedCommands(): CommandBlock[] {
  return documentationPages().flatMap((page) => commandBlocks(page, readFileSync(projectPath(page), 'utf8')));
}

/**
 * The blocks of one page, in order. A comment `<!-- sh run` holds commands that readers need not see.
 * @throws UntaggedCommandsError naming the page and line of a block that does not say whether it is run, or expects output of none.
 */
export function commandBlocks(page: string, text: string): CommandBlock[] {
  const blocks: CommandBlock[] = [];
  let expects = false;
  for (const { 0: whole, 1: indent = '', 2: fenced, 3: body, 4: comment, 5: hidden, index } of text.matchAll(FENCE)) {
    const info = (fenced ?? comment ?? '').trim();
    const line = text.slice(0, index).split('\n').length;
    const place = `${page}:${line}`;
    const content = (body ?? hidden ?? '').split('\n').map((one) => (one.startsWith(indent) ? one.slice(indent.length) : one)).join('\n');
    const last = blocks.at(-1);
    if (info === 'text out') {
      if (!expects || last === undefined) throw new UntaggedCommandsError(`${place}: output is expected and no block of commands that is run stands before it.`);
      blocks[blocks.length - 1] = { ...last, output: content };
    } else if (/^sh\b/.test(info)) {
      blocks.push({ page, line, commands: content, output: undefined, ...tagOf(info, place) });
    } else if (OTHER_NAMES.test(info)) {
      throw new UntaggedCommandsError(`${place}: commands stand in a block of the form ${FORM}, not "${info}".`);
    }
    expects = /^sh run\b/.test(info) && whole !== '';
  }
  return blocks;
}

function tagOf(info: string, place: string): Pick<CommandBlock, 'exit' | 'reason'> {
  const run = /^sh run(?: exit=(\d{1,3}))?$/.exec(info);
  if (run !== null) return { exit: Number(run[1] ?? 0), reason: undefined };
  const reason = /^sh norun="([^"]{10,})"$/.exec(info)?.[1];
  if (reason !== undefined) return { exit: undefined, reason };
  throw new UntaggedCommandsError(`${place}: "${info}" does not say whether the block is run; write ${FORM}.`);
}

/**
 * The first line of what was printed that is not as documented; undefined when all is.
 * Lines of the documentation are found in this order, others may stand between them; `…` within a line stands for anything.
 */
export function outputDifference(documented: string, printed: string): string | undefined {
  const lines = printed.split('\n').map(normalised);
  let from = 0;
  for (const line of documented.split('\n').map(normalised).filter((one) => one !== '' && one !== '…')) {
    const pattern = new RegExp(`^${line.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('.*')}$`);
    const found = lines.findIndex((one, at) => at >= from && pattern.test(one));
    if (found < 0) return line;
    from = found + 1;
  }
  return undefined;
}

function normalised(line: string): string {
  return line.trim().replaceAll(/\s+/g, ' ');
}

/** The page that lists what is not run. */
export function commandsNotRunPage(blocks: readonly CommandBlock[]): string {
  const rows = blocks.flatMap(({ page, commands, reason }) => (reason === undefined ? [] : [`| [${page}](${linkFromDocs(page)}) | ${commands.trim().split('\n').map((line) => `\`${line.trim().replaceAll('|', '\\|')}\``).join('<br>')} | ${reason} |`]));
  return `# Commands that no test runs

The commands of [README.md](../README.md) and of the pages here stand in blocks that say whether \`test/federation/documented-commands.test.ts\` runs them: \`sh run\` against a real control plane, in order, one shell for each page; \`sh norun\` with the reason. Made from the pages by \`npm run docs\`.

- \`exit=N\` is the exit code that the block ends with; otherwise every command in it succeeds.
- A block \`text out\` behind it is what it prints, \`…\` for what differs each time.
- A comment \`<!-- sh run\` prepares what a reader has already.
- The address of the documentation, \`http://127.0.0.1:4000\`, is replaced by that of the running control plane, whose data directory is \`.acgs\`.

| page | commands | why not |
|---|---|---|
${rows.join('\n')}
`;
}

function linkFromDocs(page: string): string {
  return page.startsWith('docs/') ? page.slice('docs/'.length) : `../${page}`;
}
