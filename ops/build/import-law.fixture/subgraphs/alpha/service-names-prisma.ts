// violates: prisma-is-named-in-stores-only
import { PrismaClient } from '@prisma/client';
export const client = new PrismaClient();
