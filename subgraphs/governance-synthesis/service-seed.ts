/** Gives a new installation its approval matrix, its maintenance windows and the next board meeting. */
import { approvalMatrixSeeded, maintenanceWindowsSeeded } from './events.js';
import { SEED_RULES, SEED_WINDOWS } from './seed.js';
import type { BoardService } from './service-board.js';
import type { ChangeParts } from './service-unit.js';

/** Safe to run again and by several processes: what is there stays as it is. */
export async function seedChangeManagement({ deps, policy }: ChangeParts, board: BoardService): Promise<void> {
  await deps.commands.runAs('system:seed', 'seed-governance-synthesis', async (unit) => {
    const missing = await policy.lockUnseeded(unit.tx);
    if (missing.rules) {
      await policy.insertRules(unit.tx, SEED_RULES, unit.constitutionalHash);
      unit.emit(approvalMatrixSeeded(SEED_RULES));
    }
    if (missing.windows) {
      await policy.insertWindows(unit.tx, SEED_WINDOWS, unit.constitutionalHash);
      unit.emit(maintenanceWindowsSeeded(SEED_WINDOWS));
    }
  });
  await board.ensureWeekly();
}
