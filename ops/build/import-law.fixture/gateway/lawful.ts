// lawful
import type { Logger } from '../ops/runtime/lawful.js';
import { parse } from 'graphql';
export const plan = (logger: Logger): unknown => [logger, parse];
