/** The approval matrix and the maintenance windows in PostgreSQL. */
import type { Database, TransactionClient } from '../kernel/database.js';
import type { MaintenanceWindow, WindowRecurrence } from './domain-calendar.js';
import { CHANGE_CATEGORIES, type ApprovalAuthority, type ApprovalRule, type ChangeCategory, type DocumentationTiming } from './domain.js';

type Reader = Pick<TransactionClient, 'changeRule' | 'maintenanceWindow'>;

export class PolicyStore {
  constructor(private readonly database: Database) {}

  /** Every rule, in the order of the categories; empty before the seed. */
  rules(): Promise<ApprovalRule[]> {
    return this.database.read(readRules);
  }

  windows(): Promise<MaintenanceWindow[]> {
    return this.database.read(readWindows);
  }

  /** The rule of a category and the windows, as of the transaction. @throws Error when the matrix lacks the category. */
  async inForce(tx: TransactionClient, category: ChangeCategory): Promise<{ rule: ApprovalRule; windows: MaintenanceWindow[] }> {
    const rule = (await readRules(tx)).find((candidate) => candidate.category === category);
    if (rule === undefined) throw new Error(`The approval matrix has no rule for ${category}; run the seed.`);
    return { rule, windows: await readWindows(tx) };
  }

  /** Serialises seeding processes until the transaction ends. @returns whether matrix and windows are still missing. */
  async lockUnseeded(tx: TransactionClient): Promise<{ rules: boolean; windows: boolean }> {
    await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(hashtextextended('acgs.change.seed', 0))`);
    return { rules: (await tx.changeRule.count()) === 0, windows: (await tx.maintenanceWindow.count()) === 0 };
  }

  async insertRules(tx: TransactionClient, rules: readonly ApprovalRule[], constitutionalHash: string): Promise<void> {
    for (const { steps, ...rule } of rules) {
      await tx.changeRule.create({ data: { ...rule, constitutionalHash } });
      await tx.changeRuleStep.createMany({ data: steps.map((step) => ({ ...step, roles: [...step.roles], category: rule.category, constitutionalHash })) });
    }
  }

  async insertWindows(tx: TransactionClient, windows: readonly MaintenanceWindow[], constitutionalHash: string): Promise<void> {
    await tx.maintenanceWindow.createMany({ data: windows.map((window) => ({ ...window, constitutionalHash })) });
  }
}

async function readRules(reader: Reader): Promise<ApprovalRule[]> {
  const rows = await reader.changeRule.findMany({ include: { steps: { orderBy: { position: 'asc' } } } });
  return rows
    .map(({ constitutionalHash: _constitutionalHash, steps, ...row }) => ({
      ...row, category: row.category as ChangeCategory, documentation: row.documentation as DocumentationTiming,
      steps: steps.map(({ position, authority, roles, count }) => ({ position, authority: authority as ApprovalAuthority, roles, count })),
    }))
    .sort((a, b) => CHANGE_CATEGORIES.indexOf(a.category) - CHANGE_CATEGORIES.indexOf(b.category));
}

async function readWindows(reader: Reader): Promise<MaintenanceWindow[]> {
  const rows = await reader.maintenanceWindow.findMany({ orderBy: { id: 'asc' } });
  return rows.map(({ constitutionalHash: _constitutionalHash, ...row }) => ({ ...row, recurrence: row.recurrence as WindowRecurrence }));
}
