/** Carries word of sequenced events between processes; the outbox stays the truth, so a lost message only costs time. */
import { EventEmitter } from 'node:events';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import type { SequencedEvent } from './outbox.js';

/** Gets events in position order, or an empty list that says 'read the outbox'. Duplicates are allowed. */
export type BusListener = (events: readonly SequencedEvent[]) => void;

export interface EventBus extends Stoppable {
  /** Tells followers of the schema; called by its sequencer after numbering. */
  publish(schema: SubgraphSchema, events: readonly SequencedEvent[]): Promise<void>;
  /** Calls the listener for everything published from now on. */
  follow(schema: SubgraphSchema, listener: BusListener): Promise<Stoppable>;
}

/** The bus of the all-in-one process. */
export class InProcessBus implements EventBus {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  publish(schema: SubgraphSchema, events: readonly SequencedEvent[]): Promise<void> {
    this.emitter.emit(schema, events);
    return Promise.resolve();
  }

  follow(schema: SubgraphSchema, listener: BusListener): Promise<Stoppable> {
    this.emitter.on(schema, listener);
    return Promise.resolve({ stop: async () => { this.emitter.off(schema, listener); } });
  }

  stop(): Promise<void> {
    this.emitter.removeAllListeners();
    return Promise.resolve();
  }
}
