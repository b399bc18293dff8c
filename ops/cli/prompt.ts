/** Asks the person at the terminal: yes or no, and secrets without echo. */
import { CliError } from './exit-codes.js';
import { printable } from './output/cells.js';
import type { Terminal } from './terminal.js';

/**
 * Asks before something destructive.
 * @throws CliError CONFIRMATION_REQUIRED where there is nobody to ask, NOT_CONFIRMED when the answer is not yes.
 */
export async function confirm(terminal: Terminal, question: string, command: string): Promise<void> {
  if (!terminal.canAsk) throw new CliError('CONFIRMATION_REQUIRED', `${question} There is no terminal to ask at.`, `${command} --yes`);
  const answer = await readLine(terminal, `${question} [y/N] `, true);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('NOT_CONFIRMED', 'Nothing was done.');
}

/** Reads one line. @param echo whether what is typed is shown. @throws CliError INTERRUPTED on Ctrl-C or Ctrl-D. */
export async function readLine(terminal: Terminal, question: string, echo: boolean): Promise<string> {
  const { createInterface } = await import('node:readline');
  const { Writable } = await import('node:stream');
  // Readline echoes to its output: nothing of it is shown, or a secret would be.
  const output = new Writable({ write(chunk: Buffer, _encoding, done) { if (echo) terminal.err(chunk.toString()); done(); } });
  const lines = createInterface({ input: terminal.input, output, terminal: true });
  // Only now: before, the terminal itself would still echo what is typed.
  terminal.err(printable(question));
  return new Promise((resolve, reject) => {
    let answered = false;
    lines.once('line', (line) => {
      answered = true;
      lines.close();
      if (!echo) terminal.err('\n');
      resolve(line);
    });
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => {
      if (answered) return;
      terminal.err('\n');
      reject(new CliError('INTERRUPTED', 'Interrupted; nothing was done.'));
    });
  });
}

/**
 * A secret from a value already read, from standard input where that is no terminal, or typed without echo.
 * @throws CliError USAGE when there is none.
 */
export async function secret(terminal: Terminal, given: unknown, question: string, readInput: () => string): Promise<string> {
  const value = typeof given === 'string' ? given : terminal.canAsk ? await readLine(terminal, question, false) : terminal.input.isTTY ? '' : readInput().replace(/\r?\n$/, '');
  if (value === '') throw new CliError('USAGE', `${question.replace(/:\s*$/, '')} is missing: type it at a terminal, or give it by standard input or a file.`);
  return value;
}
