/** Starts things in order, stops them in reverse, and turns signals into one clean shutdown. */
import type { Logger } from './logger.js';

export interface Stoppable {
  stop(): Promise<void>;
}

/** A stack of running parts: the last started is the first stopped. */
export class Lifecycle {
  private readonly parts: Array<{ name: string; stop: () => Promise<void> }> = [];
  private stopping: Promise<void> | undefined;

  constructor(private readonly logger: Logger) {}

  /** Registers a running part and hands it back. */
  add<T extends Stoppable>(name: string, part: T): T {
    this.parts.push({ name, stop: () => part.stop() });
    return part;
  }

  /**
   * Stops every part in reverse order of registration; later calls wait for the first.
   * A part that fails to stop is logged and does not keep the others from stopping.
   * @throws AggregateError with every failure, once all were tried.
   */
  stop(): Promise<void> {
    this.stopping ??= this.stopAll();
    return this.stopping;
  }

  private async stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const part of this.parts.toReversed()) {
      try {
        await part.stop();
      } catch (error) {
        this.logger.error({ err: error, part: part.name }, 'A part failed to stop');
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Some parts failed to stop.');
  }

  /**
   * Stops on SIGTERM and SIGINT, then ends the process: 0 when clean, 1 when a part failed or the time ran out.
   * A second signal ends it at once with 130.
   * @param timeoutMs longest shutdown in milliseconds; default 20,000.
   */
  stopOnSignals(timeoutMs = 20_000): void {
    let signalled = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (signalled) process.exit(130);
      signalled = true;
      this.logger.info({ signal }, 'Stopping');
      const timer = setTimeout(() => {
        this.logger.error({ timeoutMs }, 'Stopping took too long');
        process.exit(1);
      }, timeoutMs);
      timer.unref();
      this.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  }
}
