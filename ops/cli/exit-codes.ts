/** The one table of what the command line ends with: exit codes, its own error codes, and the exit code of each error of the graph. */

export const EXIT = {
  OK: { code: 0, meaning: 'Done, or the answer is a good one.' },
  ERROR: { code: 1, meaning: 'An error that no other code names; also an answer of which a part is missing.' },
  USAGE: { code: 2, meaning: 'The command line is not one the program knows, or a value is malformed. Nothing was sent.' },
  LOGIN: { code: 3, meaning: 'Not logged in, or the login has expired: run "acgs login".' },
  REFUSED: { code: 4, meaning: 'The control plane refused: a typed problem, a missing right, a wrong constitutional hash.' },
  APPROVAL: { code: 5, meaning: 'An approval is needed first.' },
  FINDINGS: { code: 6, meaning: 'It was checked, and something was found: not compliant, refuted, denied, degraded, incomplete.' },
  TIMEOUT: { code: 7, meaning: 'The time was over: "wait" was not met, or a request that changes nothing had no answer.' },
  UNREACHABLE: { code: 8, meaning: 'The server, or a part of it that was needed, could not be reached. Nothing was changed.' },
  UNKNOWN: { code: 9, meaning: 'The outcome of a mutation is unknown. The command that repeats it safely is printed.' },
  UNCONFIRMED: { code: 10, meaning: 'A destructive command was not confirmed: answered with no, or no terminal and no --yes. Nothing was sent.' },
  INTERRUPTED: { code: 130, meaning: 'Ended by Ctrl-C. For a mutation under way the command that repeats it safely is printed.' },
} as const;

export type ExitName = keyof typeof EXIT;

/** Codes the program itself reports; those of the graph are in docs/errors.md. */
export const CLI_ERRORS = {
  USAGE: { exit: 'USAGE', meaning: 'A word, an option or a value of the command line is wrong.' },
  UNKNOWN_VERB: { exit: 'USAGE', meaning: 'There is no such command.' },
  AMBIGUOUS_OPTION: { exit: 'USAGE', meaning: 'The beginning of an option\'s name fits several.' },
  CONFIGURATION: { exit: 'USAGE', meaning: 'The session file or an environment variable cannot be used as it is.' },
  NOT_LOGGED_IN: { exit: 'LOGIN', meaning: 'There is no session for this server and profile.' },
  SESSION_EXPIRED: { exit: 'LOGIN', meaning: 'The session has ended or was revoked.' },
  APPROVAL_NEEDED: { exit: 'APPROVAL', meaning: 'What was asked for needs an approval first.' },
  FINDINGS: { exit: 'FINDINGS', meaning: 'The check found something.' },
  CONFIRMATION_REQUIRED: { exit: 'UNCONFIRMED', meaning: 'The command is destructive, there is no terminal to ask at, and --yes was not given.' },
  NOT_CONFIRMED: { exit: 'UNCONFIRMED', meaning: 'The question was not answered with yes.' },
  WAIT_NOT_MET: { exit: 'TIMEOUT', meaning: 'The condition did not hold within the time.' },
  TIMEOUT: { exit: 'TIMEOUT', meaning: 'The server did not answer a reading request in time.' },
  UNREACHABLE: { exit: 'UNREACHABLE', meaning: 'No connection to the server could be made.' },
  NOT_A_CONTROL_PLANE: { exit: 'ERROR', meaning: 'Something answers at the address, but not as a control plane does.' },
  SERVER_VERSION_MISMATCH: { exit: 'ERROR', meaning: 'The server has another schema than this program was built for and does not know what was asked.' },
  OUTCOME_UNKNOWN: { exit: 'UNKNOWN', meaning: 'The request was sent and the answer did not come: it may have taken effect.' },
  NOTHING_FOUND: { exit: 'REFUSED', meaning: 'There is no such thing, or it may not be seen.' },
  PARTIAL_ANSWER: { exit: 'ERROR', meaning: 'Some fields of the answer could not be read.' },
  STREAM_ENDED: { exit: 'ERROR', meaning: 'A stream ended with an error that reconnecting does not mend.' },
  INTERRUPTED: { exit: 'INTERRUPTED', meaning: 'Ctrl-C.' },
  FAULT: { exit: 'ERROR', meaning: 'A mistake in the program itself.' },
} as const satisfies Record<string, { exit: ExitName; meaning: string }>;

export type CliErrorCode = keyof typeof CLI_ERRORS;

/** Errors of the graph that do not end with ERROR. */
const GRAPH_EXITS: Readonly<Record<string, ExitName>> = {
  UNAUTHENTICATED: 'LOGIN', TOKEN_EXPIRED: 'LOGIN',
  FORBIDDEN: 'REFUSED', UNAUTHORIZED_FIELD_OR_TYPE: 'REFUSED', CONSTITUTIONAL_HASH_REQUIRED: 'REFUSED', CONSTITUTIONAL_HASH_MISMATCH: 'REFUSED',
  TOO_MANY_ATTEMPTS: 'REFUSED', TOO_MANY_SUBSCRIPTIONS: 'REFUSED', BAD_USER_INPUT: 'USAGE', CURSOR_INVALID: 'USAGE', CURSOR_EXPIRED: 'REFUSED',
  INDETERMINATE: 'UNKNOWN', REVOCATION_FEED_STALE: 'UNREACHABLE', SUBGRAPH_UNAVAILABLE: 'UNREACHABLE', DATABASE_UNAVAILABLE: 'UNREACHABLE',
  PLANNING_UNAVAILABLE: 'UNREACHABLE', SHUTTING_DOWN: 'UNREACHABLE', SUBGRAPH_TIMEOUT: 'TIMEOUT',
};

/** Codes by which a server says that it does not know a document this program ships. */
export const FOREIGN_DOCUMENT_CODES: ReadonlySet<string> = new Set(['GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED', 'OPERATION_NOT_SAFELISTED', 'PERSISTED_QUERY_NOT_FOUND']);

/** Whatever ends a command: a code, a sentence, the next command, and what the process ends with. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exit: number;
  /**
   * @param code one of CLI_ERRORS, a code of docs/errors.md, or that of a typed problem.
   * @param next the command to run next, if one helps.
   * @param exit name in EXIT; default that of the code, REFUSED for a code that is in no table.
   */
  constructor(readonly code: string, message: string, readonly next?: string, exit?: ExitName, options?: { cause?: unknown }) {
    super(message, options);
    this.exit = EXIT[exit ?? exitOf(code)].code;
  }
}

/** Exit of a code of the program or of the graph; ERROR when neither says more. */
export function exitOf(code: string): ExitName {
  if (Object.hasOwn(CLI_ERRORS, code)) return CLI_ERRORS[code as CliErrorCode].exit;
  return GRAPH_EXITS[code] ?? 'ERROR';
}
