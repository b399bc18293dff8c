/** Checks a submitted SMT-LIB script: what it may say, and which constants a counterexample is made of; pure. */
import { printSExpression, readSExpressions, ScriptError, type SExpression } from './s-expression.js';

export const MAX_SCRIPT_BYTES = 64 * 1024;
const MAX_CONSTANTS = 64;
const MAX_PUSH = 100;

/** Commands that neither touch files, nor print, nor change the solver's options, nor end it. */
export const ALLOWED_COMMANDS: ReadonlySet<string> = new Set([
  'set-logic', 'declare-const', 'declare-fun', 'declare-sort', 'declare-datatype', 'declare-datatypes', 'define-fun', 'define-const', 'define-sort', 'assert', 'push', 'pop', 'check-sat',
]);

export interface ScriptConstant {
  /** As written, quotes included. */
  readonly symbol: string;
  readonly sort: string;
}

/**
 * Checks a script.
 * @returns the constants in scope at its end, at most 64.
 * @throws ScriptError for a script that is too long, malformed, uses another command, or does not end with its only check-sat.
 */
export function checkScript(script: string): ScriptConstant[] {
  if (Buffer.byteLength(script) > MAX_SCRIPT_BYTES) throw new ScriptError(`a script has at most ${MAX_SCRIPT_BYTES} bytes`, script, 0);
  const unfit = script.search(/\0|\p{Cs}/u);
  if (unfit >= 0) throw new ScriptError('a character that is no text', script, unfit);
  const commands = readSExpressions(script);
  const scopes: ScriptConstant[][] = [[]];
  for (const [index, command] of commands.entries()) {
    const name = nameOf(command, script);
    if (name === 'push' || name === 'pop') moveScope(name, command, scopes, script);
    else if (name === 'check-sat' && index !== commands.length - 1) throw new ScriptError('check-sat comes once, as the last command', script, command.at);
    const constant = constantOf(name, command);
    if (constant !== null) scopes[scopes.length - 1]?.push(constant);
  }
  const last = commands[commands.length - 1];
  if (last === undefined || nameOf(last, script) !== 'check-sat') throw new ScriptError('the last command has to be (check-sat)', script, script.length);
  return scopes.flat().slice(0, MAX_CONSTANTS);
}

function nameOf(command: SExpression, script: string): string {
  const head = command.kind === 'list' ? command.items[0] : undefined;
  if (head === undefined || head.kind !== 'atom') throw new ScriptError('expected a command in parentheses', script, command.at);
  if (!ALLOWED_COMMANDS.has(head.text)) throw new ScriptError(`the command ${head.text.slice(0, 40)} is not allowed`, script, head.at);
  return head.text;
}

function moveScope(name: 'push' | 'pop', command: SExpression, scopes: ScriptConstant[][], script: string): void {
  const argument = command.kind === 'list' ? command.items[1] : undefined;
  const text = argument?.kind === 'atom' ? argument.text : '1';
  const count = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count <= MAX_PUSH) || scopes.length + count > MAX_PUSH * 2) throw new ScriptError(`${name} takes 0 to ${MAX_PUSH} levels`, script, command.at);
  for (let level = 0; level < count; level += 1) {
    if (name === 'push') scopes.push([]);
    else if (scopes.length > 1) scopes.pop();
    else throw new ScriptError('pop without push', script, command.at);
  }
}

function constantOf(name: string, command: SExpression): ScriptConstant | null {
  if (command.kind !== 'list') return null;
  const [, symbol, second, third] = command.items;
  if (symbol?.kind !== 'atom') return null;
  if (name === 'declare-const' && second !== undefined) return { symbol: symbol.text, sort: printSExpression(second) };
  if (name === 'declare-fun' && second?.kind === 'list' && second.items.length === 0 && third !== undefined) return { symbol: symbol.text, sort: printSExpression(third) };
  return null;
}
