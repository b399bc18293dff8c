// lawful
import type { PrismaClient } from '../../prisma/__generated__/client.js';
export type Database = PrismaClient;
