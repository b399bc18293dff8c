/** Contender: stock gateway with its data source's HTTP client replaced by undici. */
import { RemoteGraphQLDataSource, type GraphQLDataSource } from '@apollo/gateway';
import { Pool } from 'undici';
import { serveStock } from './stock-server.js';

type ProcessOptions = Parameters<GraphQLDataSource['process']>[0];
type ProcessResult = Awaited<ReturnType<GraphQLDataSource['process']>>;

class UndiciDataSource extends RemoteGraphQLDataSource {
  private readonly pool: Pool;
  private readonly path: string;

  constructor(url: string) {
    super({ url });
    const { origin, pathname } = new URL(url);
    this.pool = new Pool(origin, { connections: 128, pipelining: 1 });
    this.path = pathname;
  }

  override async process({ request: { query, variables, operationName } }: ProcessOptions): Promise<ProcessResult> {
    const answer = await this.pool.request({ method: 'POST', path: this.path, headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify({ query, variables, operationName }) });
    return JSON.parse(await answer.body.text()) as ProcessResult;
  }
}

await serveStock(({ url }) => new UndiciDataSource(url ?? ''));
