/** Guesses which word was meant. */
import { closest, distance } from 'fastest-levenshtein';

/** The nearest word by edit distance, if it is near enough to be what was meant: at most a third of the letters differ. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  if (words.length === 0) return undefined;
  const guess = closest(word, words);
  return distance(word, guess) <= Math.max(1, Math.floor(Math.max(word.length, guess.length) / 3)) ? guess : undefined;
}
