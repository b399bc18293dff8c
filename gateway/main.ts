/** Entry of the gateway process: reads the configuration, starts, and stops on signals. */
import { ConfigError, readGatewayConfig } from './config.js';
import { createLogger } from '../ops/runtime/logger.js';
import { startGateway } from './gateway.js';

try {
  const gateway = await startGateway(readGatewayConfig());
  gateway.stopOnSignals();
} catch (error) {
  const logger = createLogger('gateway');
  if (error instanceof ConfigError) logger.fatal(error.message);
  else logger.fatal({ err: error }, 'The gateway could not start');
  process.exitCode = 1;
}
