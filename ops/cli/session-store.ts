/** Sessions by profile in one file that only its owner may read. */
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { randomBytes } from 'node:crypto';
import { CliError } from './exit-codes.js';

/** What a login left behind. */
export interface StoredSession {
  readonly server: string;
  readonly constitutionalHash: string;
  readonly username: string;
  /** Tokens of a session, or an API key. */
  readonly credential:
    | { readonly kind: 'session'; readonly accessToken: string; readonly refreshToken: string; readonly expiresAt: string }
    | { readonly kind: 'api-key'; readonly apiKey: string };
}

interface SessionFile {
  readonly version: 1;
  /** Profile used when none is named. */
  readonly current: string;
  readonly profiles: Readonly<Record<string, StoredSession>>;
}

export const DEFAULT_PROFILE = 'default';
/** A lock older than this was left by a process that died. */
const STALE_LOCK_MS = 5_000;

export class SessionStore {
  constructor(readonly file: string) {}

  /** Name of the profile in use. */
  currentProfile(): string {
    return this.read().current;
  }

  /** @throws CliError CONFIGURATION when the file cannot be read, is malformed, or others may read it. */
  find(profile: string): StoredSession | undefined {
    return this.read().profiles[profile];
  }

  /** Keeps a session; `makeCurrent` also makes its profile the one that is used when none is named. */
  save(profile: string, session: StoredSession, makeCurrent: boolean): void {
    this.change((file) => ({ ...file, current: makeCurrent ? profile : file.current, profiles: { ...file.profiles, [profile]: session } }));
  }

  forget(profile: string): void {
    this.change((file) => ({ ...file, profiles: Object.fromEntries(Object.entries(file.profiles).filter(([name]) => name !== profile)) }));
  }

  private read(): SessionFile {
    let text: string;
    try {
      if ((statSync(this.file).mode & 0o077) !== 0) throw new CliError('CONFIGURATION', `${this.file} holds credentials and others may read it.`, `chmod 600 ${this.file}`);
      text = readFileSync(this.file, 'utf8');
    } catch (error) {
      if (error instanceof CliError) throw error;
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { version: 1, current: DEFAULT_PROFILE, profiles: {} };
      throw new CliError('CONFIGURATION', `The session file cannot be read: ${(error as Error).message}`, undefined, undefined, { cause: error });
    }
    try {
      const parsed = JSON.parse(text) as SessionFile;
      if (parsed.version !== 1 || typeof parsed.profiles !== 'object') throw new Error('it is not a session file of version 1');
      return parsed;
    } catch (cause) {
      throw new CliError('CONFIGURATION', `${this.file} is malformed: ${(cause as Error).message}.`, `rm ${this.file} && acgs login`, undefined, { cause });
    }
  }

  private change(edit: (file: SessionFile) => SessionFile): void {
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
    const release = this.lock();
    try {
      const next = `${this.file}.${randomBytes(4).toString('hex')}`;
      writeFileSync(next, `${JSON.stringify(edit(this.read()), null, 2)}\n`, { mode: 0o600, flag: 'wx' });
      chmodSync(next, 0o600);
      renameSync(next, this.file);
    } finally {
      release();
    }
  }

  /** Keeps other commands from writing in between; they hold it for a millisecond. */
  private lock(): () => void {
    const lock = `${this.file}.lock`;
    for (const end = Date.now() + 2 * STALE_LOCK_MS; ;) {
      try {
        closeSync(openSync(lock, 'wx', 0o600));
        return () => rmSync(lock, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new CliError('CONFIGURATION', `The session file cannot be written: ${(error as Error).message}`, undefined, undefined, { cause: error });
      }
      const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
      if (age > STALE_LOCK_MS || Date.now() > end) rmSync(lock, { force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
