/** Asks, sends a document, shows the answer: the manners every verb shares. */
import { randomUUID } from 'node:crypto';
import type { Run } from './act.js';
import type { GraphAnswer } from './answer-faults.js';
import { shippedDocument } from './documents.js';
import { CliError, EXIT } from './exit-codes.js';
import { isMap, printable, printableMessage, valueAt } from './output/cells.js';
import { print } from './output/print.js';
import { confirm } from './prompt.js';
import type { GraphRequest, Verb } from './verb.js';

/** Sends the document of a request and shows the rows of the answer. @returns the exit code. */
export async function request(run: Run, definition: GraphRequest, variables: Record<string, unknown>): Promise<number> {
  const { options, verb } = run;
  const foreign = verb.flags?.find(({ name, variable }) => variable === undefined && run.values[name] !== undefined);
  if (foreign !== undefined) throw new CliError('USAGE', `--${foreign.name} goes with --watch only.`, `acgs help ${verb.words.join(' ')}`);
  const question = questionOf(run.verb, run.values);
  const sent = shippedDocument(definition.operation).kind === 'mutation' ? keyed(run, variables) : variables;
  if (options.dryRun) return dryRun(run, [{ operation: definition.operation, variables: sent }], question);
  if (question !== undefined) await confirmed(run, question);
  const data = await send(run, definition.operation, sent);
  return show(run, definition, data);
}

/** Asks unless --yes was given. @throws CliError CONFIRMATION_REQUIRED or NOT_CONFIRMED */
export async function confirmed(run: Run, question: string): Promise<void> {
  if (!run.options.yes) await confirm(run.terminal, question, `acgs ${quoted(run.argv)}`);
}

/** Variables with the key that makes a repetition harmless. */
export function keyed(run: Run, variables: Record<string, unknown>): Record<string, unknown> {
  return { ...variables, idempotencyKey: run.options.idempotencyKey ?? randomUUID() };
}

/**
 * Sends a document; what a mutation refused becomes an error, and an unknown outcome says how to repeat it.
 * Errors at single fields of a query are told on standard error and the rest is used.
 * @param refused looks at the answer of a mutation first, and may throw what says more than its message.
 */
export async function send<T = Record<string, unknown>>(run: Run, operation: string, variables: Readonly<Record<string, unknown>>, refused?: (root: unknown) => void): Promise<T> {
  try {
    const data = await run.graph.ask(operation, variables, { anonymous: run.verb.anonymous === true && run.verb.request !== undefined, partial: (errors) => tellPartial(run, errors) });
    const [root] = Object.values(data);
    refused?.(root);
    if (shippedDocument(operation).kind === 'mutation') refuseProblem(root);
    return data as T;
  } catch (error) {
    if (error instanceof CliError && error.code === 'OUTCOME_UNKNOWN') throw new CliError(error.code, error.message, repeatCommand(run, variables['idempotencyKey']), error.exit === EXIT.INTERRUPTED.code ? 'INTERRUPTED' : undefined, { cause: error });
    throw error;
  }
}

/** The command that repeats a mutation without doing it twice. */
export function repeatCommand(run: Pick<Run, 'argv' | 'verb' | 'options'>, key: unknown): string {
  const { argv, verb, options } = run;
  const yes = verb.destructive !== undefined && !options.yes ? ' --yes' : '';
  return `acgs ${quoted(argv)}${options.idempotencyKey === undefined && typeof key === 'string' ? ` --idempotency-key ${key}` : ''}${yes}`;
}

/** Words for a POSIX shell. */
export function quoted(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

/** Shows what would happen. */
export async function dryRun({ options, terminal, graph }: Run, requests: readonly { readonly operation: string; readonly variables: Readonly<Record<string, unknown>> }[], question?: string): Promise<number> {
  const described = requests.map(({ operation, variables }) => {
    const { operationName, kind, text } = shippedDocument(operation);
    return { operation: operationName, kind, variables: withoutSecrets(variables), document: text };
  });
  if (options.output === 'json' || options.output === 'yaml') {
    const whole = { dryRun: true, server: graph.server, constitutionalHash: graph.constitutionalHash, asks: question ?? null, requests: described };
    await print({ options, terminal }, { value: whole, columns: [], resource: 'dry-run' });
    return EXIT.OK.code;
  }
  if (question !== undefined) terminal.out(`Would ask   ${question}\n`);
  for (const { operation, kind, variables } of described) {
    terminal.out(`Would send  ${kind} ${operation} to ${graph.server}/graphql under ${graph.constitutionalHash}\n`);
    terminal.out(`${JSON.stringify(variables, null, 2).split('\n').map((line) => `            ${line}`).join('\n')}\n`);
  }
  terminal.out('Nothing was sent.\n');
  return EXIT.OK.code;
}

/** Question of a destructive verb, with its values in place. */
export function questionOf({ destructive }: Verb, values: Readonly<Record<string, unknown>>): string | undefined {
  return destructive?.replace(/\{([\w-]+)\}/g, (_, name: string) => printable(String(values[name] ?? '')));
}

/** Shows the rows of an answer and judges its verdict. @throws CliError NOTHING_FOUND */
export async function show(run: Run, definition: GraphRequest, data: Record<string, unknown>): Promise<number> {
  const { rows, columns, view, resource, nameAt, once, verdict } = definition;
  const value = valueAt(data, rows);
  if (value === null || value === undefined) throw new CliError('NOTHING_FOUND', `There is no such ${resource}, or you may not see it.`, `acgs help ${run.verb.words[0] ?? ''}`);
  const holder = rows.endsWith('.nodes') ? valueAt(data, rows.slice(0, -'.nodes'.length)) : undefined;
  const page = isMap(holder) ? { endCursor: typeof holder['endCursor'] === 'string' ? holder['endCursor'] : null, hasNextPage: holder['hasNextPage'] === true } : undefined;
  const revealed = once === undefined ? undefined : valueAt(data, once.path);
  await print(run, {
    value, columns, resource,
    ...(view === undefined ? {} : { view }), ...(nameAt === undefined ? {} : { nameAt }), ...(page === undefined ? {} : { page }),
    ...(once === undefined || typeof revealed !== 'string' ? {} : { whole: { ...(isMap(value) ? value : {}), [once.path.split('.').at(-1) ?? '']: revealed } }),
  });
  const { options, terminal } = run;
  const forPeople = options.output === 'table' || options.output === 'wide';
  if (once !== undefined && forPeople && typeof revealed === 'string') terminal.out(`\n${once.label}: ${printable(revealed)}\n`);
  if (page?.hasNextPage === true && forPeople && !options.quiet) terminal.err(`${printable(`There is more: acgs ${quoted([...withoutAfter(run.argv), '--after', page.endCursor ?? ''])}`)}\n`);
  return verdict === undefined ? (partialTold.has(run) ? EXIT.ERROR.code : EXIT.OK.code) : verdictCode(verdict, data);
}

function verdictCode({ path, fine, approval = [] }: NonNullable<GraphRequest['verdict']>, data: unknown): number {
  const verdict = valueAt(data, path) as string | boolean;
  if (fine.includes(verdict)) return EXIT.OK.code;
  return approval.includes(String(verdict)) ? EXIT.APPROVAL.code : EXIT.FINDINGS.code;
}

/** Runs whose answer lacked something. */
const partialTold = new WeakSet<Run>();

function tellPartial(run: Run, errors: GraphAnswer['errors']): void {
  partialTold.add(run);
  for (const { message, path, extensions } of errors ?? []) run.terminal.err(`${printableMessage(`acgs: PARTIAL_ANSWER: ${(path ?? []).join('.')}: ${String(extensions?.['code'] ?? 'ERROR')}: ${message}`)}\n`);
}

/** @throws CliError with the problem's code when a mutation was refused. */
function refuseProblem(root: unknown): void {
  if (!isMap(root) || typeof root['code'] !== 'string' || typeof root['message'] !== 'string') return;
  const errors = Array.isArray(root['errors']) ? root['errors'].filter(isMap).map((error) => `\n  ${String(error['message'])}${error['line'] == null ? '' : ` (line ${String(error['line'])})`}${error['help'] == null ? '' : `: ${String(error['help'])}`}`).join('') : '';
  throw new CliError(root['code'], `${root['message']}${errors}`, undefined, root['__typename'] === 'InvalidInput' ? 'USAGE' : 'REFUSED');
}

function withoutSecrets(variables: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, isMap(value) ? withoutSecrets(value) : /password|token|secret/i.test(name) && typeof value === 'string' ? '(not shown)' : value]));
}

function withoutAfter(argv: readonly string[]): string[] {
  return argv.filter((word, index) => word !== '--after' && argv[index - 1] !== '--after' && !word.startsWith('--after='));
}
