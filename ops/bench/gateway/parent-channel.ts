/** The child's side of the benchmark's process channel: answers the runner's questions over Node's IPC. */

/** A question of the runner, and the answer of the child; `id` joins the two. */
export interface Question { readonly id: number; readonly ask: string; readonly with?: unknown }
export interface Answer { readonly id: number; readonly value?: unknown; readonly fault?: string }
/** Sent once, when the child can be used. */
export interface Ready { readonly ready: Readonly<Record<string, unknown>> }

export type Handlers = Readonly<Record<string, (given: never) => unknown>>;

/** Answers questions by name until the parent goes away, and says that the child is ready. */
export function answerParent(handlers: Handlers, ready: Ready['ready']): void {
  const send = (message: Answer | Ready): void => { process.send?.(message); };
  process.on('message', ({ id, ask, with: given }: Question) => {
    void (async () => {
      try {
        const handler = handlers[ask];
        if (handler === undefined) throw new Error(`The child does not know "${ask}".`);
        send({ id, value: await handler(given as never) });
      } catch (error) {
        send({ id, fault: error instanceof Error ? error.stack ?? error.message : String(error) });
      }
    })();
  });
  process.on('disconnect', () => process.exit(0));
  send({ ready });
}
