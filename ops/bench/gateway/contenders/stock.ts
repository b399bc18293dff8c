/** Contender: stock gateway, stock transport. */
import { serveStock } from './stock-server.js';

await serveStock();
