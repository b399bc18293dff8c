/** Why the embedded PostgreSQL could not be started, and what to do about it. */

export type DatabaseStartErrorCode =
  | 'PLATFORM_UNSUPPORTED'
  | 'BINARIES_MISSING'
  | 'BINARIES_UNTRUSTED'
  | 'DATABASE_IN_USE'
  | 'DATA_DIRECTORY_BUSY'
  | 'DATA_DIRECTORY_UNUSABLE'
  | 'DATA_VERSION_MISMATCH'
  | 'INITDB_FAILED'
  | 'PORT_IN_USE'
  | 'SERVER_FAILED';

/** Carries a code for programs, a message for logs and a hint that says what to do next. */
export class DatabaseStartError extends Error {
  override readonly name = 'DatabaseStartError';

  /**
   * @param code what kind of failure it is.
   * @param message what happened.
   * @param hint the next step for the operator.
   */
  constructor(
    readonly code: DatabaseStartErrorCode,
    message: string,
    readonly hint: string,
    options?: { cause?: unknown },
  ) {
    super(`${message} ${hint}`, options);
  }
}
