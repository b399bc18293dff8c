/** Prints the story: numbered steps, facts below them, times since the start of a step. */

export class Narrator {
  private number = 0;

  constructor(private readonly out: { write(text: string): void }) {}

  step(title: string): void {
    this.number += 1;
    this.out.write(`\n${String(this.number).padStart(2)}. ${title}\n`);
  }

  /** One fact; objects are printed as JSON. */
  fact(label: string, value: unknown): void {
    this.out.write(`      ${label.padEnd(22)} ${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
  }

  line(text: string): void {
    this.out.write(`${text}\n`);
  }
}
