/** Every verb once, in an order in which one leads to the next; what they print is the page of transcripts. */
import type { Cli, Ended } from '../kit/cli.js';
import type { Transcript } from '../kit/cli-transcript.js';

export interface Stage {
  readonly cli: Cli;
  readonly transcript: Transcript;
  /** File with the administrator's password. */
  readonly passwordFile: string;
  readonly url: string;
  /** URL of a healthy second instance of formal-verification. */
  readonly instanceUrl: string;
  /** Makes an alert of the service fire. */
  readonly fireAlert: (service: string) => Promise<void>;
  /** Resolves when every committed change has its leaf. */
  readonly auditComplete: () => Promise<void>;
}

interface Step {
  readonly code?: number;
  readonly input?: string;
  readonly mask?: readonly (readonly [RegExp, string])[];
}

/** Every number that is a measurement, in a row of a table. */
const NUMBERS: readonly (readonly [RegExp, string])[] = [[/\b\d+(\.\d+)?\b(?=( {2,}|\n|$))/gm, '<n>']];

export class Story {
  /** Lines that ended otherwise than said. */
  readonly wrong: string[] = [];

  constructor(private readonly stage: Stage) {}

  /** Runs a line, keeps its transcript and hands back what it printed. */
  async say(verb: string, argv: readonly string[], { code = 0, input, mask }: Step = {}): Promise<Ended> {
    const ended = await this.stage.cli.run(argv, input);
    if (ended.code !== code) this.wrong.push(`acgs ${argv.join(' ')} ended with ${ended.code}, not ${code}:\n${ended.out}${ended.err}`);
    this.stage.transcript.add(verb, argv, ended, mask);
    return ended;
  }

  private async ids(argv: readonly string[]): Promise<string[]> {
    const { out } = await this.stage.cli.run([...argv, '-o', 'name']);
    return out.trim().split('\n').map((line) => line.slice(line.indexOf('/') + 1));
  }

  private async firstId(...argv: string[]): Promise<string> {
    const [id = ''] = await this.ids(argv);
    return id;
  }

  async people(): Promise<void> {
    const { transcript, cli, passwordFile, url } = this.stage;
    transcript.heading('Login');
    await this.say('whoami', ['whoami', '--server', url], { code: 3 });
    await this.say('login', ['login', 'admin', '--server', url, '--password', '-'], { input: (await import('node:fs')).readFileSync(passwordFile, 'utf8') });
    await this.say('whoami', ['whoami']);
    await this.say('sessions list', ['sessions', 'list']);
    transcript.heading('People, roles and keys');
    await this.say('roles list', ['roles', 'list']);
    await this.say('people list', ['people', 'list', '--role', 'cto', '-o', 'wide']);
    const { out } = await this.say('people create', ['people', 'create', 'second-person', '--kind', 'human', '--name', 'Second Person', '--generate-password'], { mask: [[/shown this once: .*/, 'shown this once: <password>']] });
    const password = /shown this once: (\S+)/.exec(out)?.[1] ?? '';
    const second = /[0-9a-f-]{36}/.exec(out)?.[0] ?? '';
    await this.say('roles grant', ['roles', 'grant', second, 'cto', '--expires', '8h']);
    await this.say('roles grant', ['roles', 'grant', second, 'governance-officer']);
    await this.say('roles grant', ['roles', 'grant', second, 'operator']);
    await this.say('roles revoke', ['roles', 'revoke', second, 'operator', '--yes']);
    await this.say('people set-password', ['people', 'set-password', second, '--new-password', '-'], { input: 'correct horse battery staple\n' });
    await this.say('people show', ['people', 'show', second]);
    const third = (await cli.json<{ id: string }>(['people', 'create', 'third-person', '--kind', 'human', '--name', 'Third Person'])).id;
    await this.say('people disable', ['people', 'disable', third, '--reason', 'Left'], { code: 10 });
    await this.say('people disable', ['people', 'disable', third, '--reason', 'Left', '--yes']);
    await this.say('people enable', ['people', 'enable', third]);
    await this.say('login', ['login', 'second-person', '--profile', 'second', '--server', url, '--password', '-'], { input: password, code: 3 });
    await this.say('login', ['login', 'second-person', '--profile', 'second', '--server', url, '--password', '-'], { input: 'correct horse battery staple\n' });
    await this.say('sessions list', ['sessions', 'list', '--profile', 'second']);
    const [own] = await this.ids(['sessions', 'list', '--profile', 'default']);
    await cli.run(['login', 'admin', '--profile', 'default', '--password', `@${passwordFile}`]);
    await this.say('sessions revoke', ['sessions', 'revoke', own ?? '', '--yes']);
    const { out: key } = await this.say('keys create', ['keys', 'create', 'ci', '--scope', 'incident:read', '--scope', 'change:read']);
    await this.say('keys list', ['keys', 'list']);
    await this.say('login', ['login', '--api-key', '-', '--profile', 'ci', '--server', url], { input: /acgs_\S+/.exec(key)?.[0] ?? '' });
    await this.say('keys revoke', ['keys', 'revoke', /[0-9a-f]{16}/.exec(key)?.[0] ?? '', '--yes', '--profile', 'default']);
    await this.say('keys rotate-signing', ['keys', 'rotate-signing', '--dry-run', '--profile', 'default']);
    await this.say('keys rotate-signing', ['keys', 'rotate-signing', '--yes', '--profile', 'default'], { mask: [[/^[\w-]{8,}$/gm, '<key>']] });
    await cli.run(['login', 'admin', '--profile', 'default', '--password', `@${passwordFile}`]);
    this.second = second;
  }

  private second = '';

  async onCall(): Promise<void> {
    this.stage.transcript.heading('On call and teams');
    await this.say('teams list', ['teams', 'list']);
    await this.say('teams add-member', ['teams', 'add-member', 'security-team', this.second]);
    await this.say('teams show', ['teams', 'show', 'security-team']);
    await this.say('teams set-contact', ['teams', 'set-contact', 'security-team-2', '--address', '+15550100200']);
    await this.say('oncall show', ['oncall', 'show', '--team', 'security-team']);
    await this.say('oncall schedules', ['oncall', 'schedules']);
    const { out } = await this.say('oncall override', ['oncall', 'override', 'security-team', this.second, '--from', 'now', '--until', '8h', '--reason', 'Swap of shifts']);
    await this.say('oncall revoke-override', ['oncall', 'revoke-override', /[0-9a-f-]{36}/.exec(out)?.[0] ?? '', '--yes']);
    await this.say('oncall rotate', ['oncall', 'rotate', 'security-team', this.second, '--handoff-weekday', 'friday', '--handoff-time', '10:00', '--yes']);
    await this.say('teams remove-member', ['teams', 'remove-member', 'security-team', this.second, '--yes'], { code: 4 });
  }

  async incidents(): Promise<void> {
    this.stage.transcript.heading('Alerts and incidents');
    await this.stage.fireAlert('auth');
    await this.say('alerts list', ['alerts', 'list', '--state', 'firing']);
    const alert = await this.firstId('alerts', 'list');
    await this.say('alerts show', ['alerts', 'show', alert], { mask: [[/^( *fingerprint +).*$/m, '$1<fingerprint>']] });
    await this.say('alerts acknowledge', ['alerts', 'acknowledge', alert]);
    await this.say('alerts rules', ['alerts', 'rules']);
    await this.say('incidents escalation', ['incidents', 'escalation']);
    const { out } = await this.say('incidents declare', ['incidents', 'declare', 'Slow answers', '--severity', 'p2', '--service', 'integrity']);
    const id = /INC-\d{4}-\d+/.exec(out)?.[0] ?? '';
    await this.say('incidents list', ['incidents', 'list']);
    await this.say('incidents acknowledge', ['incidents', 'acknowledge', id]);
    await this.say('incidents triage', ['incidents', 'triage', id, '--severity', 'p1', '--note', 'Answers take seconds']);
    await this.say('wait', ['wait', 'incident', id, '--for', 'status=TRIAGED', '--timeout', '20s']);
    await this.say('wait', ['wait', 'incident', id, '--for', 'status=CLOSED', '--timeout', '1s'], { code: 7 });
    await this.say('incidents note', ['incidents', 'note', id, 'The database is being vacuumed']);
    await this.say('incidents mitigate', ['incidents', 'mitigate', id, '--mitigation', 'Reads moved to the standby']);
    await this.say('incidents close', ['incidents', 'close', id], { code: 4 });
    await this.say('incidents resolve', ['incidents', 'resolve', id, '--root-cause', 'Autovacuum during the peak', '--resolution', 'Scheduled at night'], {});
    await this.say('incidents review', ['incidents', 'review', id, '--review', 'Alert on vacuum during the peak']);
    await this.say('incidents close', ['incidents', 'close', id]);
    await this.say('incidents show', ['incidents', 'show', id]);
    await this.say('incidents kpis', ['incidents', 'kpis', '--days', '7'], { mask: [[/^((?:MEAN|ACKN|RESO|RECU)\w+ +)\S+/gm, '$1<n>']] });
    this.incident = id;
  }

  private incident = '';

  async changes(): Promise<void> {
    const { transcript, instanceUrl } = this.stage;
    transcript.heading('Changes, deployment and rollback');
    await this.say('changes rules', ['changes', 'rules']);
    await this.say('changes calendar', ['changes', 'calendar', '--from', 'now', '--to', '1h', '-o', 'name']);
    const { out: registered } = await this.say('instances register', ['instances', 'register', 'formal-verification', instanceUrl, '--as-version', '0.1.1']);
    const instance = /[0-9a-f-]{36}/.exec(registered)?.[0] ?? '';
    await this.say('instances list', ['instances', 'list', 'formal-verification']);
    const content = ['--summary', 'A solver that crashes less', '--justification', 'Proofs fail', '--service', 'formal-verification', '--action', 'deploy-instance', '--parameters', JSON.stringify({ serviceId: 'formal-verification', instanceId: instance, version: '0.1.1' }), '--rollback-plan', 'acgs rollback formal-verification'];
    const { out: created } = await this.say('changes create', ['changes', 'create', 'Deploy 0.1.1', '--category', 'emergency', ...content]);
    const id = /CHG-\d{4}-\d+/.exec(created)?.[0] ?? '';
    await this.say('changes revise', ['changes', 'revise', id, 'Deploy formal-verification 0.1.1', ...content, '--yes']);
    await this.say('deploy', ['deploy', 'formal-verification', '--instance', instance, '--change', id, '--yes'], { code: 5 });
    const { digest } = await this.stage.cli.json<{ digest: string }>(['changes', 'show', id]);
    await this.say('changes approve', ['changes', 'approve', id, '--digest', digest, '--yes'], { code: 4 });
    await this.say('approve', ['approve', id, '--profile', 'second', '--yes'], { code: 2 });
    await this.say('approve', ['approve', id, '--profile', 'second', '--digest', digest, '--yes', '--comment', 'For the incident']);
    await this.say('changes show', ['changes', 'show', id]);
    await this.say('deploy', ['deploy', 'formal-verification', '--instance', instance, '--change', id, '--dry-run']);
    await this.say('deploy', ['deploy', 'formal-verification', '--instance', instance, '--change', id, '--yes']);
    await this.say('deployments list', ['deployments', 'list', '--service', 'formal-verification']);
    await this.say('deployments show', ['deployments', 'show', await this.firstId('deployments', 'list', '--service', 'formal-verification')], { mask: [[/after [\d.]+ ms/, 'after <n> ms']] });
    await this.say('rollback', ['rollback', 'formal-verification', '--to-previous-version', '--reason', 'Errors since the deployment', '--incident', this.incident, '--yes'], { mask: [[/\d+(\.\d+)?$/gm, '<n>']] });
    await this.say('instances retire', ['instances', 'retire', instance, '--yes']);
    await this.changesInOtherWays(content);
  }

  private async changesInOtherWays(content: readonly string[]): Promise<void> {
    const plain = content.map((word) => (word === 'deploy-instance' ? 'configuration' : word.startsWith('{') ? '{"pool":20}' : word));
    const create = async (title: string): Promise<string> => (await this.stage.cli.json<{ id: string }>(['changes', 'create', title, '--category', 'emergency', ...plain])).id;
    const [first, second, third] = [await create('Raise the pool'), await create('Lower the pool'), await create('Leave the pool')];
    await this.say('reject', ['reject', first, '--reason', 'Say by how much', '--profile', 'second', '--yes']);
    await this.say('changes reject', ['changes', 'reject', second, '--reason', 'No', '--profile', 'second'], { code: 10 });
    await this.say('changes withdraw', ['changes', 'withdraw', second, '--reason', 'Not needed', '--yes']);
    const { digest } = await this.stage.cli.json<{ digest: string }>(['changes', 'show', third]);
    await this.say('changes approve', ['changes', 'approve', third, '--digest', digest, '--profile', 'second', '--yes']);
    await this.say('changes start', ['changes', 'start', third]);
    await this.say('changes complete', ['changes', 'complete', third, '--outcome', 'succeeded', '--notes', 'The pool was left as it is']);
    await this.say('changes review', ['changes', 'review', third, '--findings', 'Done as approved', '--profile', 'second']);
    await this.say('changes list', ['changes', 'list']);
    this.stage.transcript.heading('The change advisory board');
    const { out } = await this.say('cab schedule', ['cab', 'schedule', '20h', '--quorum', '3', '--profile', 'second']);
    const meeting = /CAB-\d{4}-\d+/.exec(out)?.[0] ?? '';
    await this.say('cab list', ['cab', 'list']);
    await this.say('cab decide', ['cab', 'decide', meeting, third, '--digest', digest, '--vote', `${this.second}=FOR`, '--rationale', 'Agreed', '--profile', 'second', '--yes'], { code: 4 });
  }

  async governance(): Promise<void> {
    const { transcript } = this.stage;
    transcript.heading('Compliance');
    await this.say('compliance validate', ['compliance', 'validate']);
    await this.say('compliance constitution', ['compliance', 'constitution']);
    await this.say('compliance principle', ['compliance', 'principle', 'CP-08.v1']);
    const good = { constitutional_hash_verified: true, risk_score: 0.1, human_review: true, change_published: true, rollback_plan: true, rollback_minutes: 5, rto_minutes: 15, approver_kind: 'HUMAN', approver_is_author: false };
    await this.say('compliance check', ['compliance', 'check', 'auth', '--subject', 'Deploy auth 0.1.1', '--action', 'deployment', '--attributes', '-'], { input: JSON.stringify(good) });
    await this.say('compliance check', ['compliance', 'check', 'auth', '--subject', 'An agent approves itself', '--action', 'deployment', '--attributes', '-', '-o', 'name'], { input: JSON.stringify({ ...good, approver_kind: 'AGENT', approver_is_author: true }), code: 6 });
    await this.say('compliance check', ['compliance', 'check', 'auth', '--subject', 'Nobody reviews', '--action', 'deployment', '--attributes', '-', '-o', 'name'], { input: JSON.stringify({ ...good, risk_score: 0.9, human_review: false }), code: 6 });
    await this.say('compliance checks', ['compliance', 'checks', '--service', 'auth']);
    await this.say('compliance show', ['compliance', 'show', await this.firstId('compliance', 'checks')]);
    await this.say('compliance trend', ['compliance', 'trend', '--days', '1', '--service', 'auth'], { mask: NUMBERS });
    await this.say('compliance violations', ['compliance', 'violations', '--status', 'open']);
    const [one = '', two = ''] = await this.ids(['compliance', 'violations']);
    await this.say('compliance confirm', ['compliance', 'confirm', one, '--reason', 'Nobody looked at it']);
    await this.say('compliance remediate', ['compliance', 'remediate', one, '--remediation', 'Reviewed and repeated']);
    await this.say('compliance dismiss', ['compliance', 'dismiss', two, '--reason', 'A drill', '--profile', 'second', '--yes']);
    await this.say('compliance violation', ['compliance', 'violation', one], { mask: [[/^( *request id +).*$/m, '$1<request>']] });
    transcript.heading('Policies');
    await this.say('policy list', ['policy', 'list']);
    await this.say('policy publish', ['policy', 'publish', 'no-guests', '--title', 'No guests', '--description', 'Guests do nothing', '--cedar', 'forbid (principal', '--yes'], { code: 4 });
    await this.say('policy publish', ['policy', 'publish', 'no-guests', '--title', 'No guests', '--description', 'Guests do nothing', '--cedar', '-', '--yes'], { input: 'forbid (principal, action, resource) when { principal.kind == "AGENT" };' });
    await this.say('policy show', ['policy', 'show', 'no-guests']);
    const asked = ['--principal', 'p1', '--principal-kind', 'agent', '--role', 'viewer', '--resource-type', 'ChangeRequest', '--resource', 'c1'];
    await this.say('policy evaluate', ['policy', 'evaluate', 'approve', ...asked], { code: 6 });
    await this.say('policy decide', ['policy', 'decide', 'approve', ...asked], { code: 6 });
    await this.say('policy decisions', ['policy', 'decisions']);
    await this.say('policy retire', ['policy', 'retire', 'no-guests', '--yes']);
    transcript.heading('Proofs');
    const rules = (bound: number): string => JSON.stringify({ attributes: [{ name: 'risk', type: 'DECIMAL', min: 0, max: 1 }], rules: ['risk <= 0.3'], obligation: `risk <= ${bound.toFixed(1)}` });
    const timing: Step['mask'] = [[/^( *duration ms +).*$/m, '$1<n>'], [/Z3 [\d.]+/g, 'Z3 <version>']];
    await this.say('verify submit', ['verify', 'submit', 'The risk is bounded', '--rules', rules(0.5)], { mask: timing });
    await this.say('verify submit', ['verify', 'submit', 'There is no risk', '--rules', rules(0)], { mask: timing, code: 6 });
    await this.say('verify list', ['verify', 'list', '--kind', 'rule_set', '--limit', '2'], { mask: [[/ \d+ {2,}/g, '   <n>   ']] });
    await this.say('verify show', ['verify', 'show', await this.firstId('verify', 'list')], { mask: timing, code: 6 });
    await this.modelsAndServices();
  }

  private async modelsAndServices(): Promise<void> {
    const { transcript, auditComplete } = this.stage;
    transcript.heading('Models and services');
    await this.say('models register', ['models', 'register', 'fraud', '1.2.0', '--artifact-digest', 'a'.repeat(64), '--git-commit', 'b'.repeat(40), '--accuracy', '0.95', '--compliance', '0.97', '--p95-seconds', '0.8']);
    await this.say('models list', ['models', 'list', '--name', 'fraud']);
    await this.say('models show', ['models', 'show', 'fraud@1.2.0']);
    await this.say('models alias', ['models', 'alias', 'fraud@1.2.0', 'staging', '--yes']);
    await this.say('models aliases', ['models', 'aliases', 'fraud']);
    await this.say('services list', ['services', 'list']);
    await this.say('services show', ['services', 'show', 'integrity', '-o', 'name']);
    transcript.heading('The audit log');
    await auditComplete();
    await this.say('audit list', ['audit', 'list', '--subject', `Incident:${this.incident}`, '--kind', 'IncidentDeclared'], { mask: [[/^\d+/gm, '<n>']] });
    await this.say('audit show', ['audit', 'show', await this.firstId('audit', 'list', '--subject', `Incident:${this.incident}`, '--kind', 'IncidentDeclared'), '-o', 'name'], { mask: [[/(show|entry\/) ?\d+/g, '$1 <n>']] });
    await this.say('audit completeness', ['audit', 'completeness'], { mask: NUMBERS });
  }

  async wholePicture(): Promise<void> {
    this.stage.transcript.heading('The whole picture');
    await this.say('status', ['status']);
    await this.say('health', ['health']);
    await this.say('health', ['health', 'integrty'], { code: 4 });
    await this.say('load-test', ['load-test', '--duration', '1s', '--connections', '2'], { mask: NUMBERS });
    await this.say('completion', ['completion', 'powershell'], { code: 2 });
    await this.say('top', ['top'], { code: 2 });
    await this.say('logout', ['logout', '--profile', 'second']);
    await this.say('whoami', ['whoami', '--profile', 'second'], { code: 3 });
  }
}
