/** Entry of generic mode: `npm run gateway -- --supergraph FILE --port N`. */
import { ConfigError } from '../../ops/runtime/config.js';
import { PortInUseError } from '../../ops/runtime/http-server.js';
import { CompositionError } from '../supergraph/composition-error.js';
import { GENERIC_USAGE, readGenericConfig } from './config.js';
import { ForeignSupergraphError } from './foreign-supergraph.js';
import { startGenericGateway } from './generic-gateway.js';

try {
  const config = readGenericConfig();
  const gateway = await startGenericGateway(config);
  gateway.stopOnSignals();
  process.stdout.write(`Serving ${config.supergraphFile} at ${gateway.url}/graphql (generic mode: no credentials are asked for). Stop it with Ctrl-C.\n`);
} catch (error) {
  const expected = error instanceof ConfigError || error instanceof ForeignSupergraphError || error instanceof CompositionError || error instanceof PortInUseError;
  const text = error instanceof Error ? (expected ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${text}\n${error instanceof ConfigError ? `\n${GENERIC_USAGE}\n` : ''}`);
  process.exitCode = 1;
}
