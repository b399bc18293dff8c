/** `acgs top`: streams tell what changes, and lists and health are read again every few seconds. */
import type { ResumableSubscription } from '../../client/subscription-client.js';
import type { Run } from '../act.js';
import { withOpenIncidents, type Dashboard } from '../acts/status.js';
import { CliError, EXIT } from '../exit-codes.js';
import { valueAt } from '../output/cells.js';
import { dryRun } from '../run-verb.js';
import { follow, streamFault } from '../stream.js';
import { render } from './render.js';
import { enterFullScreen, type FullScreen } from './screen.js';
import { initialState, next, type Pane, type Row, type TopEvent, type TopState } from './state.js';

const INTERVAL_MS = 5_000;

interface Feed { readonly pane: Pane; readonly operation: string; readonly rows: string; readonly variables: Readonly<Record<string, unknown>> }

/** Runs until q, Ctrl-C or a signal. @throws CliError USAGE without a terminal, or what ends the session. */
export async function top(run: Run): Promise<number> {
  const { values, options, terminal, graph } = run;
  const level = values['level'] === undefined ? {} : { levelAtLeast: values['level'] };
  const feeds: readonly Feed[] = [
    { pane: 'services', operation: 'dashboard', rows: 'services', variables: {} },
    { pane: 'alerts', operation: 'list-alerts', rows: 'alerts.nodes', variables: { state: 'FIRING', ...level, first: 50 } },
    { pane: 'incidents', operation: 'list-incidents', rows: 'incidents.nodes', variables: { first: 50 } },
    { pane: 'changes', operation: 'list-changes', rows: 'changeRequests.nodes', variables: { first: 50 } },
  ];
  if (options.dryRun) return dryRun(run, feeds.map(({ operation, variables }) => ({ operation, variables })));
  if (!terminal.interactiveOutput || !process.stdin.isTTY) throw new CliError('USAGE', '"acgs top" needs a terminal.', 'acgs status');
  // Before the screen is taken over: a login that has ended is told in words.
  await graph.credentials();
  return new Top(run, feeds, level, (values['interval'] as number | undefined) ?? INTERVAL_MS).run();
}

class Top {
  private state: TopState;
  private screen: FullScreen | undefined;
  private readonly subscriptions: ResumableSubscription[] = [];
  private readonly live = new Set<string>();
  private finish: (outcome: { readonly code: number } | { readonly error: unknown }) => void = () => undefined;
  private reading = false;

  constructor(private readonly context: Run, private readonly feeds: readonly Feed[], private readonly level: Readonly<Record<string, unknown>>, private readonly intervalMs: number) {
    const { graph } = context;
    this.state = initialState({ server: graph.server, constitutionalHash: graph.constitutionalHash, username: graph.username ?? '' });
  }

  async run(): Promise<number> {
    const ended = new Promise<{ readonly code: number } | { readonly error: unknown }>((resolve) => { this.finish = resolve; });
    const stop = (): void => this.finish({ code: EXIT.OK.code });
    const crash = (error: unknown): void => this.finish({ error });
    process.once('SIGTERM', stop).once('SIGHUP', stop).once('SIGINT', stop);
    process.on('uncaughtException', crash).on('unhandledRejection', crash);
    this.screen = enterFullScreen((key) => {
      if (key === 'quit') stop();
      else if (key === 'refresh') this.read();
      else this.take({ kind: 'key', key });
    }, () => this.draw());
    const timer = setInterval(() => this.read(), this.intervalMs);
    this.read();
    this.follow('watch-alerts', 'alertRaised', 'alert', 'alerts', this.level);
    this.follow('watch-incidents', 'incidentUpdated', 'incident', 'incidents', {});
    this.follow('watch-changes', 'changeUpdated', 'change', 'changes', {});
    const outcome = await ended;
    clearInterval(timer);
    this.screen.leave();
    process.off('SIGTERM', stop).off('SIGHUP', stop).off('SIGINT', stop).off('uncaughtException', crash).off('unhandledRejection', crash);
    this.context.graph.interrupt();
    await Promise.all(this.subscriptions.map((subscription) => subscription.stop()));
    if ('error' in outcome) throw outcome.error;
    return outcome.code;
  }

  private take(event: TopEvent): void {
    this.state = next(this.state, event);
    this.draw();
  }

  private draw(): void {
    if (this.screen !== undefined) this.screen.draw(render(this.state, { ...this.screen.size(), colour: this.context.terminal.colour }));
  }

  /** Reads lists and health again; one reading at a time. */
  private read(): void {
    if (this.reading) return;
    this.reading = true;
    const { graph } = this.context;
    const lists = this.feeds.map(async ({ pane, operation, rows, variables }) => {
      const data = await graph.ask(operation, variables, { partial: (errors) => this.take({ kind: 'fault', message: errors?.[0]?.message ?? 'A part of the answer is missing.' }) });
      const found = pane === 'services' ? withOpenIncidents(data as unknown as Dashboard) : valueAt(data, rows);
      this.take({ kind: 'list', pane, rows: found as readonly Row[], at: new Date() });
    });
    const health = graph.health().then(({ degraded = [] }) => this.take({ kind: 'health', degraded }));
    Promise.all([...lists, health]).catch((error: unknown) => this.fault(error)).finally(() => { this.reading = false; });
  }

  private follow(operation: string, field: string, member: string, pane: Pane, variables: Readonly<Record<string, unknown>>): void {
    const mark = (alive: boolean): void => {
      if (alive) this.live.add(operation);
      else this.live.delete(operation);
      this.take({ kind: 'live', streams: this.live.size });
    };
    const subscription = follow(this.context.graph, {
      operation, field, variables,
      onMessage: (message) => {
        const row = message[member];
        if (message.kind === 'EVENT' && row != null) this.take({ kind: 'row', pane, row: row as Row, at: new Date() });
      },
      onState: ({ kind }) => mark(kind === 'live'),
    });
    this.subscriptions.push(subscription);
    subscription.finished.catch((error: unknown) => this.fault(streamFault(error)));
  }

  /** A server that is away comes back, and the screen says so meanwhile; a session that has ended does not. */
  private fault(error: unknown): void {
    if (error instanceof CliError && error.exit === EXIT.LOGIN.code) this.finish({ error });
    else if (error instanceof CliError) this.take({ kind: 'fault', message: `${error.code}: ${error.message}` });
    else this.finish({ error });
  }
}
