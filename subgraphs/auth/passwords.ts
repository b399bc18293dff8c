/** Hashes and checks passwords: argon2id with the parameters OWASP recommends, few at a time. */
import { randomBytes } from 'node:crypto';
import { hash, parseOptions, verify } from '@node-rs/argon2';
import { AcgsError } from '../../ops/runtime/errors.js';

/** 19 MiB, two passes, one lane; the algorithm defaults to argon2id. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 } as const;
/** Each check holds a thread of the pool that files and name look-ups need too. */
const AT_ONCE = 2;
const MAX_WAITING = 200;

export class Passwords {
  private running = 0;
  private readonly waiting: Array<() => void> = [];
  private decoy: Promise<string> | undefined;

  hash(password: string): Promise<string> {
    return this.limited(() => hash(password, COST));
  }

  /** Makes what the check of an unknown account is done against, so that the first one takes no longer than the others. */
  async prepare(): Promise<void> {
    await this.against(null);
  }

  /**
   * Checks a password. Without a hash it does the same work against one nobody knows the password of, so that the time
   * does not tell whether the account exists.
   * @throws AcgsError TOO_MANY_ATTEMPTS when too many checks wait already.
   */
  async verify(stored: string | null, password: string): Promise<boolean> {
    const against = await this.against(stored);
    const matches = await this.limited(() => verify(against, password));
    return matches && stored !== null;
  }

  /** True when the hash was made with other parameters than are used now. */
  isOutdated(stored: string): boolean {
    const { memoryCost, timeCost, parallelism, outputLen } = parseOptions(stored);
    return memoryCost !== COST.memoryCost || timeCost !== COST.timeCost || parallelism !== COST.parallelism || outputLen !== COST.outputLen;
  }

  private against(stored: string | null): Promise<string> {
    this.decoy ??= this.hash(randomBytes(24).toString('base64url'));
    return stored === null ? this.decoy : Promise.resolve(stored);
  }

  private async limited<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= AT_ONCE) {
      if (this.waiting.length >= MAX_WAITING) throw new AcgsError('TOO_MANY_ATTEMPTS', 'Too many logins at once; try again.', { retryAfterSeconds: 1 });
      await new Promise<void>((resolve) => { this.waiting.push(resolve); });
    } else {
      this.running += 1;
    }
    try {
      return await work();
    } finally {
      // The place is handed on, so that nobody who comes now can take it.
      const following = this.waiting.shift();
      if (following === undefined) this.running -= 1;
      else following();
    }
  }
}

/** A random password of 192 bits. */
export function generatePassword(): string {
  return randomBytes(24).toString('base64url');
}
