/** What the command line reads from its environment. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Label of the constitution the program knows before a login has named another (docs/cli.md, Constitutional hash). */
const GENESIS_LABEL = 'cdd01ef066bc6cf2';

export interface CliEnvironment {
  /** File of the sessions. */
  readonly sessionFile: string;
  /** Base URL of the gateway; undefined when the session names it. */
  readonly server: string | undefined;
  readonly profile: string | undefined;
  readonly constitutionalHash: string | undefined;
  readonly genesisLabel: string;
  /** https://no-color.org: present and not empty. */
  readonly noColor: boolean;
  /** TERM is `dumb` or missing: no cursor movement. */
  readonly dumbTerminal: boolean;
}

/**
 * Reads the environment: ACGS_CONFIG (a file), else `acgs/sessions.json` below XDG_CONFIG_HOME, else below `~/.config`;
 * ACGS_SERVER, ACGS_PROFILE, ACGS_CONSTITUTIONAL_HASH, NO_COLOR, TERM. Empty values count as absent.
 */
export function readCliEnvironment(environment: Readonly<Record<string, string | undefined>> = process.env): CliEnvironment {
  const value = (name: string): string | undefined => (environment[name] === '' ? undefined : environment[name]);
  return {
    sessionFile: value('ACGS_CONFIG') ?? join(value('XDG_CONFIG_HOME') ?? join(value('HOME') ?? homedir(), '.config'), 'acgs', 'sessions.json'),
    server: value('ACGS_SERVER'),
    profile: value('ACGS_PROFILE'),
    constitutionalHash: value('ACGS_CONSTITUTIONAL_HASH'),
    genesisLabel: GENESIS_LABEL,
    noColor: value('NO_COLOR') !== undefined,
    dumbTerminal: value('TERM') === undefined || value('TERM') === 'dumb',
  };
}
