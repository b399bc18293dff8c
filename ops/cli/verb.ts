/** What a command is, as data: its words, its parameters, the document it sends, and how the answer becomes rows. */

/**
 * How the text of a parameter is read.
 * `content`: the text itself, `@FILE` for a file's content, `-` for standard input. `json`: the same, then parsed.
 * `past` and `future`: ISO 8601, `now`, `today`, or a duration such as `24h` counted from now. `pair`: `NAME=VALUE`.
 * `secret`: never a value on the command line; `-` or `@FILE`, else asked for without echo.
 */
export type ParameterType = 'text' | 'integer' | 'number' | 'flag' | 'past' | 'future' | 'duration' | 'content' | 'json' | 'pair' | 'secret';

export interface Parameter {
  /** kebab-case; on the command line `--name` or, for a positional, its place. */
  readonly name: string;
  readonly summary: string;
  /** Where the value goes in the variables of the document, dotted; absent when an act reads it. */
  readonly variable?: string;
  /** Default `text`. */
  readonly type?: ParameterType;
  /** The only values; read in any case. */
  readonly values?: readonly string[];
  readonly required?: boolean;
  /** May be given several times; the variable is a list then. */
  readonly repeated?: boolean;
  /** Members of the object that each `pair` becomes. */
  readonly members?: readonly [name: string, value: string];
  /** How messages name it; default `--name`. */
  readonly shown?: string;
}

/** A column: its heading and the dotted path of the value; lists on the way are mapped. */
export interface Column {
  readonly head: string;
  readonly path: string;
  /** Only with `-o wide`. */
  readonly wide?: boolean;
}

export interface GraphRequest {
  /** Name of a file in schema/operations without its ending. */
  readonly operation: string;
  /** Dotted path of the rows in the data; a list makes a table, one object a row. */
  readonly rows: string;
  /** How one object is shown on a terminal; default `row`. */
  readonly view?: 'row' | 'detail';
  readonly columns: readonly Column[];
  /** What a row is, for `-o name`: `incident/INC-2026-001`. */
  readonly resource: string;
  /** Path of a row's name; default `id`. */
  readonly nameAt?: string;
  /** A value of the payload beside the rows that is shown this once, such as a generated secret: its path and what it is. */
  readonly once?: { readonly path: string; readonly label: string };
  /** The answer is a verdict: which values of it are fine, and which ask for an approval. All others are findings. */
  readonly verdict?: { readonly path: string; readonly fine: readonly (string | boolean)[]; readonly approval?: readonly string[] };
}

export interface StreamRequest {
  readonly operation: string;
  /** Field of the subscription, and the member of its message that is the row. */
  readonly field: string;
  readonly member: string;
  /** Variables of the document, each with the parameter that gives it; `after` is always `after`. */
  readonly variables: Readonly<Record<string, string>>;
  /** Shown for rows of the verb's list and for events alike. */
  readonly columns: readonly Column[];
}

/** Work that a table cannot say. */
export type ActName = 'approve' | 'completion' | 'deploy' | 'health' | 'loadTest' | 'login' | 'logout' | 'rollback' | 'schemaApprove' | 'schemaCheck' | 'schemaCompose' | 'schemaDiff' | 'schemaPublish' | 'setPassword' | 'status' | 'submitProof' | 'top' | 'wait' | 'watchOnly';

export interface Verb {
  /** The words after `acgs`, for example `incidents acknowledge`. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly positionals?: readonly Parameter[];
  readonly flags?: readonly Parameter[];
  /** Works without a login. */
  readonly anonymous?: boolean;
  /** What is asked before it is done; `{name}` stands for a parameter. Present exactly on destructive verbs. */
  readonly destructive?: string;
  readonly request?: GraphRequest;
  /** What `--watch` follows. */
  readonly stream?: StreamRequest;
  /** A verb that does more than send one document: its work in acts/table.ts. */
  readonly act?: ActName;
  /** Documents the act sends. */
  readonly operations?: readonly string[];
  /** The act changes governed state: it takes --idempotency-key. */
  readonly changes?: boolean;
  readonly examples?: readonly string[];
}

/** Verbs about one thing. */
export interface VerbGroup {
  readonly noun: string;
  readonly summary: string;
  /** Other words for the noun. */
  readonly aliases?: readonly string[];
  readonly verbs: readonly Verb[];
}
