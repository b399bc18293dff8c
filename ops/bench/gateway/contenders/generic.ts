/** Our generic mode over the same graph, not under any constitution: what a compatibility suite meets. */
import { startGenericGateway } from '../../../../gateway/generic/generic-gateway.js';
import { contenderArguments } from '../contender-arguments.js';
import { answerParent } from '../parent-channel.js';

const { plainSupergraph } = contenderArguments();
const gateway = await startGenericGateway({ supergraphFile: plainSupergraph, host: '127.0.0.1', port: 0, logLevel: process.env['ACGS_LOG_LEVEL'] ?? 'warn' });
gateway.stopOnSignals();
answerParent({}, { port: gateway.port });
