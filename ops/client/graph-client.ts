/** A small GraphQL client for our own tools: one endpoint, one identity, the constitutional hash on every request. */

export interface GraphClientOptions {
  /** Base URL of the gateway, without `/graphql`. */
  readonly url: string;
  /** Label the caller knows the constitution by; sent with every request. */
  readonly constitutionalHash: string;
  readonly accessToken?: string;
  /** Name under which what it asks for is counted; default `acgs`. */
  readonly clientName?: string;
}

export interface GraphError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

export interface GraphAnswer<T> {
  readonly data: T | null;
  readonly errors?: readonly GraphError[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** The graph answered with errors. */
export class GraphRequestError extends Error {
  override readonly name = 'GraphRequestError';
  constructor(readonly errors: readonly GraphError[], readonly status: number) {
    super(errors.map((error) => `${String(error.extensions?.['code'] ?? 'ERROR')}: ${error.message}`).join('; '));
  }
}

export class GraphClient {
  constructor(readonly options: GraphClientOptions) {}

  /** The same endpoint with another identity. */
  as(accessToken: string): GraphClient {
    return new GraphClient({ ...this.options, accessToken });
  }

  /** Sends one operation and hands back whatever came, errors included. */
  async send<T>(query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<{ status: number; answer: GraphAnswer<T> }> {
    const { url, constitutionalHash, accessToken, clientName = 'acgs' } = this.options;
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-constitutional-hash': constitutionalHash, 'apollographql-client-name': clientName, ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }) },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, answer: await response.json() as GraphAnswer<T> };
  }

  /**
   * Sends one operation and returns its data.
   * @throws GraphRequestError when the answer has errors.
   */
  async request<T>(query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const { status, answer } = await this.send<T>(query, variables);
    if (answer.errors !== undefined && answer.errors.length > 0) throw new GraphRequestError(answer.errors, status);
    if (answer.data === null) throw new GraphRequestError([{ message: 'The answer has no data.' }], status);
    return answer.data;
  }
}
