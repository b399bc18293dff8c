/** A line diff for people: what a composed schema changed against the committed one. */

/** Lines of context shown around a change. */
const CONTEXT = 3;

type Edit = { readonly mark: ' ' | '-' | '+'; readonly line: string };

/**
 * Compares two texts line by line (longest common subsequence between the common head and tail).
 * @returns a unified diff; empty when they are equal.
 */
export function unifiedDiff(before: string, after: string, beforeName: string, afterName: string): string {
  if (before === after) return '';
  const edits = diffLines(before.split('\n'), after.split('\n'));
  const near = edits.map((_, index) => edits.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some(({ mark }) => mark !== ' '));
  const lines = [`--- ${beforeName}`, `+++ ${afterName}`];
  let old = 1;
  let now = 1;
  edits.forEach(({ mark, line }, index) => {
    if (near[index] === true) {
      if (near[index - 1] !== true) lines.push(`@@ -${old} +${now} @@`);
      lines.push(`${mark}${line}`);
    }
    if (mark !== '+') old += 1;
    if (mark !== '-') now += 1;
  });
  return `${lines.join('\n')}\n`;
}

function diffLines(before: readonly string[], after: readonly string[]): Edit[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < before.length - head && tail < after.length - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  const keep = (lines: readonly string[]): Edit[] => lines.map((line) => ({ mark: ' ', line }));
  return [...keep(before.slice(0, head)), ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)), ...keep(before.slice(before.length - tail))];
}

function middle(before: readonly string[], after: readonly string[]): Edit[] {
  const width = after.length + 1;
  const lengths = new Uint16Array((before.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) lengths[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const edits: Edit[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const left = before[i];
    const right = after[j];
    if (left !== undefined && left === right) { edits.push({ mark: ' ', line: left }); i += 1; j += 1; }
    else if (right === undefined || (left !== undefined && at(i + 1, j) >= at(i, j + 1))) { edits.push({ mark: '-', line: left ?? '' }); i += 1; }
    else { edits.push({ mark: '+', line: right }); j += 1; }
  }
  return edits;
}
