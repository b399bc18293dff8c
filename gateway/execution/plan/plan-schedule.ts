/** Says when each call of a plan starts: when what it waits for is over, and not much later for the sake of sharing. */
import type { CompiledGroup, CompiledPlan } from './compiled-plan.js';
import type { FetchStep } from './plan-steps.js';

/** Shortest time a ready fetch that others wait for is held for a later one to share its call, milliseconds. */
const PATIENCE_MS = 10;

export interface ScheduleEvents {
  /** Steps of one group start; each is to be reported by `done` once. */
  readonly start: (group: CompiledGroup, steps: readonly FetchStep[]) => void;
  /** Every step is over. */
  readonly end: () => void;
}

/** Steps of a group that are ready and not started. */
interface Gathering {
  ready: FetchStep[];
  /** Steps of the group not started so far, ready or not. */
  left: number;
  timer: NodeJS.Timeout | undefined;
}

/** The order of one run. */
export class PlanSchedule {
  private readonly waits: number[];
  private readonly gatherings = new Map<CompiledGroup, Gathering>();
  private readonly startedAt = performance.now();
  private left: number;
  private stopped = false;

  constructor(private readonly plan: CompiledPlan, private readonly events: ScheduleEvents) {
    this.waits = plan.steps.map(({ after }) => after.length);
    this.left = plan.steps.length;
  }

  /** Starts what waits for nothing; a plan without steps ends at once. */
  begin(): void {
    if (this.left === 0) this.events.end();
    else for (const step of this.plan.steps) if (step.after.length === 0) this.ready(step);
  }

  /** Reports that steps are over, whatever they brought. */
  done(steps: readonly FetchStep[]): void {
    this.left -= steps.length;
    if (this.left === 0) {
      this.events.end();
      return;
    }
    for (const { index } of steps) {
      for (const later of this.plan.dependants[index] ?? []) {
        this.waits[later] = (this.waits[later] ?? 0) - 1;
        if (this.waits[later] === 0) this.ready(this.plan.steps[later] as FetchStep);
      }
    }
  }

  /** Starts nothing more. */
  stop(): void {
    this.stopped = true;
    for (const { timer } of this.gatherings.values()) clearTimeout(timer);
  }

  private ready(step: FetchStep): void {
    const group = this.plan.groupOf[step.index] as CompiledGroup;
    if (group.steps.length === 1) {
      this.start(group, [step]);
      return;
    }
    let gathering = this.gatherings.get(group);
    if (gathering === undefined) this.gatherings.set(group, gathering = { ready: [], left: group.steps.length, timer: undefined });
    gathering.ready.push(step);
    if (gathering.ready.length === gathering.left) this.startGathered(group, gathering);
    else if (group.awaited && gathering.timer === undefined) gathering.timer = setTimeout(() => this.startGathered(group, gathering), this.patience());
  }

  /** A fetch that came in late is waited for about half as long again as the run has taken so far. */
  private patience(): number {
    return Math.max(PATIENCE_MS, (performance.now() - this.startedAt) / 2);
  }

  private startGathered(group: CompiledGroup, gathering: Gathering): void {
    clearTimeout(gathering.timer);
    gathering.timer = undefined;
    const steps = gathering.ready;
    gathering.ready = [];
    gathering.left -= steps.length;
    this.start(group, steps);
  }

  private start(group: CompiledGroup, steps: readonly FetchStep[]): void {
    if (!this.stopped) this.events.start(group, steps);
  }
}
