/** Completion scripts for shells, made from the table. */
import type { Run } from '../act.js';
import { EXIT } from '../exit-codes.js';
import { completionWords } from './words.js';

/** Prints the script of a shell. */
export async function completion({ values, terminal }: Run): Promise<number> {
  const words = completionWords();
  switch (values['shell']) {
    case 'zsh': terminal.out((await import('./zsh.js')).zshCompletion(words)); break;
    case 'fish': terminal.out((await import('./fish.js')).fishCompletion(words)); break;
    default: terminal.out((await import('./bash.js')).bashCompletion(words));
  }
  return EXIT.OK.code;
}
