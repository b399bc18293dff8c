// violates: prisma-is-named-in-stores-only
export type { PrismaClient } from '../../prisma/__generated__/client.js';
