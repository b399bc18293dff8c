/** The terminal while a full-screen command runs: takes it over and gives it back whatever happens. */
import { writeSync } from 'node:fs';
import { emitKeypressEvents } from 'node:readline';
import type { Key } from './state.js';

const ENTER = '\u001B[?1049h\u001B[?25l\u001B[2J';
const LEAVE = '\u001B[0m\u001B[?25h\u001B[?1049l';

export type Pressed = Key | 'quit' | 'refresh';

export interface FullScreen {
  size(): { columns: number; rows: number };
  /** Writes the lines that differ from those on the screen. */
  draw(lines: readonly string[]): void;
  leave(): void;
}

/**
 * Takes the terminal over. It is given back by `leave`, at the end of the process and after an uncaught error alike.
 * @param onKey keys that mean something. @param onResize the screen has another size; it has been cleared.
 */
export function enterFullScreen(onKey: (key: Pressed) => void, onResize: () => void): FullScreen {
  const { stdin, stdout } = process;
  let shown: readonly string[] = [];
  let open = true;
  const leave = (): void => {
    if (!open) return;
    open = false;
    stdin.setRawMode(false);
    stdin.pause();
    stdin.off('keypress', keypress);
    stdout.off('resize', resize);
    process.off('exit', leave);
    // Synchronous, so that it is out before a crash report and before the process ends.
    writeSync(stdout.fd, LEAVE);
  };
  const keypress = (_: string | undefined, key: { name?: string; ctrl?: boolean; shift?: boolean }): void => {
    const meaning = meaningOf(key);
    if (meaning !== undefined) onKey(meaning);
  };
  const resize = (): void => {
    shown = [];
    stdout.write('\u001B[2J');
    onResize();
  };
  process.once('exit', leave);
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on('keypress', keypress);
  stdout.on('resize', resize);
  stdout.write(ENTER);
  return {
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    draw(lines) {
      if (!open) return;
      const changed = lines.flatMap((line, index) => (line === shown[index] ? [] : [`\u001B[${index + 1};1H${line}\u001B[0m\u001B[K`]));
      shown = lines;
      if (changed.length > 0) stdout.write(changed.join(''));
    },
    leave,
  };
}

function meaningOf({ name, ctrl = false, shift = false }: { name?: string; ctrl?: boolean; shift?: boolean }): Pressed | undefined {
  if (name === 'q' || name === 'escape' || (ctrl && (name === 'c' || name === 'd'))) return 'quit';
  if (name === 'tab') return shift ? 'previous' : 'next';
  if (name === 'right') return 'next';
  if (name === 'left') return 'previous';
  if (name === 'up' || name === 'k') return 'up';
  if (name === 'down' || name === 'j') return 'down';
  if (name === 'home' || name === 'g') return 'top';
  return name === 'r' ? 'refresh' : undefined;
}
