/** The auth service: its parts, composed. */
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { readAuthConfig } from './config.js';
import { seed } from './seed.js';
import { CredentialService } from './service-credentials.js';
import { GrantService } from './service-grants.js';
import { LoginService } from './service-logins.js';
import { OnCallService } from './service-on-call.js';
import { makeParts, type AuthParts } from './service-parts.js';
import { PrincipalService } from './service-principals.js';
import { Sweep } from './service-sweep.js';
import { TeamService } from './service-teams.js';

export class AuthService {
  readonly logins: LoginService;
  readonly principals: PrincipalService;
  readonly grants: GrantService;
  readonly credentials: CredentialService;
  readonly teams: TeamService;
  readonly onCall: OnCallService;
  private readonly sweep: Sweep;
  /** Current time. */
  readonly clock: () => Date;

  private constructor(private readonly parts: AuthParts) {
    this.clock = parts.deps.clock;
    this.logins = new LoginService(parts);
    this.principals = new PrincipalService(parts, this.logins);
    this.grants = new GrantService(parts);
    this.credentials = new CredentialService(parts);
    this.teams = new TeamService(parts);
    this.onCall = new OnCallService(parts);
    this.sweep = new Sweep(parts, this.grants);
  }

  /** Makes the service, and the key that signs access tokens if there is none. */
  static async build(deps: SubgraphDeps): Promise<AuthService> {
    const service = new AuthService(makeParts(deps, readAuthConfig(deps.environment)));
    await Promise.all([service.parts.signingKeys.ensure(), service.parts.passwords.prepare()]);
    return service;
  }

  start(): Stoppable {
    return this.sweep.start();
  }

  seed(): Promise<void> {
    return seed(this.parts);
  }
}
