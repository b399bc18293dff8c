// lawful
import type { PrismaClient } from '../../prisma/__generated__/client.js';
export const read = (client: PrismaClient): unknown => client;
